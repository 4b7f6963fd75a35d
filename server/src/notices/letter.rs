//! A notice as people read it: a letter, or the text of a message. What must hold: it names what fails and since when, and where to look; what a run said moves no cursor.

use std::fmt::Write as _;

use factotum_model::Timestamp;
use factotum_model::notice::{Content, Item};
use factotum_storage::notices::Notice;
use factotum_storage::organizations;

use super::send::Failure;
use crate::mail::{Letter, MAX_SUBJECT_CHARS};
use crate::operations::Services;
use crate::view::harmless;

/// How many workflows of each kind are told of in words.
const IN_WORDS: usize = 20;

/// Sends a notice as a letter, under its own id.
pub(super) async fn send(services: &Services, notice: &Notice, address: &str) -> Result<(), Failure> {
    let organization = organization(services, notice).await?;
    let summary = summary(&notice.content);
    let subject: String = format!("[{organization}] {summary}").chars().take(MAX_SUBJECT_CHARS).collect();
    let text = format!(
        "{}\n-- \nWho is told what, and how often: {}/settings/notices\n",
        text_of(&notice.content, &organization, &services.public_url),
        services.public_url
    );
    let letter = Letter { id: notice.id.0, ..Letter::of(address, subject, text) };
    Ok(services.mailer.send(&letter, services.now()).await?)
}

/// The organization's name, as it may be shown.
pub(super) async fn organization(services: &Services, notice: &Notice) -> Result<String, Failure> {
    let away = |_| Failure::Later("the database is away".to_owned());
    let mut tx = services.storage.read().await.map_err(away)?;
    let found = organizations::get(&mut tx, notice.org_id).await.map_err(away)?;
    Ok(found.map(|org| harmless::shown(&org.name).into_owned()).unwrap_or_default())
}

/// What a notice says, in one line.
pub fn summary(content: &Content) -> String {
    if content.test {
        return "a test of notices".to_owned();
    }
    let parts = [
        (content.failing.as_slice(), content.more, "is failing", "are failing"),
        (content.still_failing.as_slice(), 0, "is still failing", "are still failing"),
        (content.recovered.as_slice(), 0, "works again", "work again"),
    ];
    let said = parts.into_iter().filter_map(|(items, more, one, many)| match (items, more) {
        ([], 0) => None,
        ([item], 0) => Some(format!("{} {one}", item.workflow)),
        (items, more) => Some(format!("{} workflows {many}", items.len() as u64 + more)),
    });
    said.collect::<Vec<_>>().join(", ")
}

/// What a notice says, in words.
pub fn text_of(content: &Content, organization: &str, public_url: &str) -> String {
    let mut text = format!("{organization}: {}.\n", summary(content));
    if content.test {
        text.push_str("\nNotices arrive here when a workflow begins to fail, and when it works again.\n");
    }
    told(
        &mut text,
        &content.failing,
        |item| {
            format!("{} fails since {}: {} failed.", item.workflow, short(item.since), runs(item.failures))
        },
        public_url,
    );
    told(
        &mut text,
        &content.still_failing,
        |item| {
            format!(
                "{} still fails, since {}: {} failed so far.",
                item.workflow,
                short(item.since),
                runs(item.failures)
            )
        },
        public_url,
    );
    told(
        &mut text,
        &content.recovered,
        |item| {
            format!(
                "{} works again since {}. It had failed since {}: {}.",
                item.workflow,
                short(item.at),
                short(item.since),
                runs(item.failures)
            )
        },
        public_url,
    );
    if content.more > 0 {
        let _ = write!(text, "\nand {} workflows more: {public_url}/workflows\n", content.more);
    }
    text
}

fn told(text: &mut String, items: &[Item], words: impl Fn(&Item) -> String, public_url: &str) {
    for item in items.iter().take(IN_WORDS) {
        let _ = write!(text, "\n{}\n", words(item));
        if let Some((code, message)) = &item.error {
            let message = harmless::shown(message);
            let _ = writeln!(text, "  last error: {code}: {message}");
        }
        let _ = writeln!(text, "  {public_url}/runs/{}", item.run);
    }
    if let Some(more) = items.len().checked_sub(IN_WORDS).filter(|more| *more > 0) {
        let names: Vec<&str> = items[IN_WORDS..].iter().map(|item| item.workflow.as_str()).collect();
        let _ = write!(text, "\nThe same of {more} more: {}.\n", names.join(", "));
    }
}

fn runs(number: u64) -> String {
    if number == 1 { "1 run".to_owned() } else { format!("{number} runs") }
}

/// To the second.
fn short(at: Timestamp) -> String {
    let text = at.to_string();
    text.split_once('.').map_or_else(|| text.clone(), |(seconds, _)| format!("{seconds}Z"))
}

#[cfg(test)]
mod tests {
    use factotum_model::{RunId, WorkflowId};

    use super::*;

    fn item(name: &str, failures: u64) -> Item {
        Item {
            workflow_id: WorkflowId::random(),
            workflow: name.to_owned(),
            since: Timestamp::from_micros(1_800_000_000_123_456),
            failures,
            run: RunId(uuid::Uuid::nil()),
            at: Timestamp::from_micros(1_800_000_060_000_000),
            error: Some(("failed".to_owned(), "no\r\nconnection\u{1b}[2J".to_owned())),
        }
    }

    #[test]
    fn it_says_in_a_line_what_it_is_about() {
        let content = |failing: usize, still: usize, recovered: usize, more| Content {
            failing: vec![item("a", 1); failing],
            still_failing: vec![item("b", 2); still],
            recovered: vec![item("c", 3); recovered],
            more,
            test: false,
        };
        for (content, said) in [
            (content(1, 0, 0, 0), "a is failing"),
            (content(3, 0, 1, 0), "3 workflows are failing, c works again"),
            (content(100, 0, 0, 150), "250 workflows are failing"),
            (content(0, 1, 2, 0), "b is still failing, 2 workflows work again"),
        ] {
            assert_eq!(summary(&content), said);
        }
    }

    #[test]
    fn what_a_run_said_moves_no_cursor_and_a_long_list_is_bounded() {
        let content = Content { failing: vec![item("order-sync", 1); 25], ..Content::default() };
        let text = text_of(&content, "Acme", "https://factotum.example.com");
        assert!(text.starts_with("Acme: 25 workflows are failing.\n\norder-sync fails since 2027-01-15T08:00:00Z: 1 run failed.\n"), "{text}");
        assert!(text.contains("  last error: failed: no\\r\\nconnection\\u{1b}[2J\n"), "{text}");
        assert!(text.contains("  https://factotum.example.com/runs/run_0000"), "{text}");
        assert!(text.contains("The same of 5 more: order-sync, "), "{text}");
        assert_eq!(text.matches("last error").count(), IN_WORDS);
    }
}
