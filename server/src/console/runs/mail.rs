//! A mail on a page: who wrote it, what proves that, what it says, what is attached. What must hold: its HTML is shown as source, never as a page; nothing in it is
//! fetched; whatever it holds, the page has a bounded size, and what is left out is said.

use factotum_model::email::{Email, Verdict};

use super::row::{bytes, cut};
use crate::view::harmless;

/// How many recipients are shown.
const MAX_RECIPIENTS: usize = 20;
/// How many attachments are shown.
const MAX_ATTACHMENTS: usize = 100;

/// A mail.
#[derive(Debug)]
pub struct Mail {
    /// The event's id, for links.
    pub event: String,
    /// The address in `From:`, with the name before it.
    pub from: String,
    /// Whom it went to.
    pub to: String,
    /// Whom else.
    pub cc: String,
    /// What it is about.
    pub subject: String,
    /// When it says it was written.
    pub date: Option<String>,
    /// The envelope's sender; empty for the null sender.
    pub envelope_from: String,
    /// The envelope's recipient.
    pub envelope_to: String,
    /// The domain that is proven.
    pub proven: Option<String>,
    /// SPF, DKIM and DMARC: name, word, mark, and what that means.
    pub verdicts: [(&'static str, &'static str, &'static str, &'static str); 3],
    /// Why it is a mail of a machine, if it is.
    pub automatic: Option<&'static str>,
    /// What could not be read.
    pub problem: Option<String>,
    /// The text.
    pub text: Option<String>,
    /// The HTML's source.
    pub html: Option<String>,
    /// What is attached.
    pub attachments: Vec<Attached>,
    /// How many are left out.
    pub more_attachments: usize,
    /// Whether a text is left out.
    pub is_cut: bool,
}

/// A file in a mail.
#[derive(Debug)]
pub struct Attached {
    /// Its place in the list.
    pub number: usize,
    /// Its safe name.
    pub name: String,
    /// What its sender says it is.
    pub media_type: String,
    /// For people.
    pub size: String,
    /// Its digest.
    pub sha256: String,
    /// Whether it belongs into the text.
    pub inline: bool,
}

impl Mail {
    /// A mail of this event, with so many characters of its texts.
    pub fn of(event: String, email: &Email, chars: usize) -> Self {
        let word = |text: &str| cut(text, 300);
        let list = |all: &[String]| {
            let some = all.iter().take(MAX_RECIPIENTS).map(|one| word(one)).collect::<Vec<_>>().join(", ");
            let left = all.len().saturating_sub(MAX_RECIPIENTS);
            if left > 0 { format!("{some}, and {left} more") } else { some }
        };
        let lines = |text: &String| {
            let end = text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at);
            let some = text.get(..end).unwrap_or_default();
            some.split('\n').map(harmless::shown).collect::<Vec<_>>().join("\n")
        };
        let is_long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.chars().count() > chars);
        let from = word(&email.from);
        let attachments = email.attachments.iter().enumerate().take(MAX_ATTACHMENTS);
        Self {
            from: match &email.from_name {
                Some(name) => format!("{} <{from}>", word(name)),
                None => from,
            },
            to: list(&email.to),
            cc: list(&email.cc),
            subject: word(&email.subject),
            date: email.date.clone(),
            envelope_from: word(&email.envelope_from),
            envelope_to: word(&email.envelope_to),
            proven: email.verdicts.authenticated_domain.as_deref().map(word),
            verdicts: [
                (
                    "SPF",
                    email.verdicts.spf,
                    "the server that brought it may send for the domain of its envelope",
                ),
                ("DKIM", email.verdicts.dkim, "a domain has signed it, and it has not been changed since"),
                ("DMARC", email.verdicts.dmarc, "one of these proves the domain of its sender"),
            ]
            .map(|(name, verdict, passed)| (name, verdict.as_str(), mark(verdict), plain(verdict, passed))),
            automatic: email.automatic.as_deref().map(machine),
            problem: email.problem.as_deref().map(word),
            is_cut: is_long(&email.text) || is_long(&email.html),
            text: email.text.as_ref().map(lines),
            html: email.html.as_ref().map(lines),
            more_attachments: email.attachments.len().saturating_sub(MAX_ATTACHMENTS),
            attachments: attachments
                .map(|(number, file)| Attached {
                    number,
                    name: word(&file.name),
                    media_type: word(&file.media_type),
                    size: bytes(file.size),
                    sha256: file.sha256.to_string(),
                    inline: file.inline,
                })
                .collect(),
            event,
        }
    }
}

const fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "good",
        Verdict::Fail | Verdict::PermError => "bad",
        Verdict::SoftFail | Verdict::TempError => "warn",
        Verdict::None | Verdict::Neutral => "",
    }
}

/// What a verdict means, in words that need no RFC.
const fn plain(verdict: Verdict, passed: &'static str) -> &'static str {
    match verdict {
        Verdict::Pass => passed,
        Verdict::Fail => "it is not what it says it is",
        Verdict::SoftFail => "it is probably not what it says it is",
        Verdict::Neutral => "its domain does not say",
        Verdict::TempError => "the name server did not answer in time",
        Verdict::PermError => "what its domain publishes, or its signature, cannot be read",
        Verdict::None => "nothing was published, signed or asked",
    }
}

fn machine(reason: &str) -> &'static str {
    match reason {
        "null_sender" => "it has no sender to be answered, as reports of delivery have",
        "auto_submitted" => "its header says that a program sent it",
        "precedence" => "it went to a list, or to many",
        "received_loop" => "it has gone through too many servers, maybe in a circle",
        _ => "a program sent it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_mail_makes_a_page_of_bounded_size() {
        let email = Email {
            from: "a\u{202e}@b\r\n".into(),
            subject: "x".repeat(1 << 20),
            to: vec!["a@b".into(); 10_000],
            text: Some("é\u{1b}[2J\n".repeat(1 << 16)),
            ..Email::default()
        };
        let mail = Mail::of("evt_1".into(), &email, 1_000);
        assert_eq!(mail.from, "a\\u{202e}@b\\r\\n");
        assert!(mail.subject.chars().count() < 350 && mail.to.ends_with("and 9980 more"));
        let text = mail.text.unwrap();
        assert!(text.len() < 10_000 && !text.contains('\u{1b}') && text.contains('\n'), "{}", text.len());
        assert!(mail.is_cut);
    }
}
