//! What there is to tell in an organization becomes one message for each recipient. What must hold: that it was told is written in the transaction that puts the messages on
//! their way; what nobody would get stays untold, for whoever is named later.

use std::time::Duration;

use factotum_model::notice::{Content, Health, Item, NoticeSettings, Tell};
use factotum_model::{OrgId, RunId, Timestamp, WorkflowId};
use factotum_storage::notice_recipients::{self, Channel};
use factotum_storage::notices::{self, To};
use factotum_storage::workflow_failures::{self, Named};
use factotum_storage::{StorageError, Tx, members, notice_settings, people};

use crate::operations::Services;

/// A workflow that is to be told of.
type Due = (WorkflowId, Health, Tell);

/// Puts an organization's messages on their way, if it is time.
pub(super) async fn compose(services: &Services, org: OrgId) -> Result<(), StorageError> {
    let now = services.now();
    let mut tx = services.storage.read().await?;
    let settings = notice_settings::get(&mut tx, org).await?;
    let untold = workflow_failures::untold(&mut tx, org).await?;
    if due(&untold, &settings, now).is_empty()
        || recipients(services, &mut tx, org, &settings).await?.is_empty()
    {
        return Ok(());
    }
    drop(tx);
    let mut tx = services.storage.write().await?;
    // Once more, now that nobody else can: another node may have been first.
    let settings = notice_settings::get(&mut tx, org).await?;
    let untold = workflow_failures::untold(&mut tx, org).await?;
    let due = due(&untold, &settings, now);
    let recipients = recipients(services, &mut tx, org, &settings).await?;
    if due.is_empty() || recipients.is_empty() {
        return Ok(());
    }
    let content = content(&mut tx, &due).await?;
    if content.count() > 0 {
        for to in recipients {
            notices::enqueue(&mut tx, org, to, content.clone(), now).await?;
        }
    }
    workflow_failures::were_told(&mut tx, org, &due, &settings, now).await?;
    tx.commit().await
}

/// What is to be told now: all that may be told, as soon as the first of it has waited for the others.
fn due(untold: &[(WorkflowId, Health)], settings: &NoticeSettings, now: Timestamp) -> Vec<Due> {
    let gather = Duration::from_secs(u64::from(settings.gather_s));
    let mut due = Vec::new();
    let mut first = None::<Timestamp>;
    for (workflow, health) in untold {
        let Some((tell, from)) = health.to_tell(settings).filter(|(_, from)| *from <= now) else { continue };
        // One that goes on failing has waited long enough.
        let waited_for = if tell == Tell::StillFailing { from } else { from.plus(gather) };
        first = Some(first.map_or(waited_for, |first| first.min(waited_for)));
        due.push((*workflow, *health, tell));
    }
    if first.is_some_and(|first| first <= now) { due } else { Vec::new() }
}

/// Who is told: the Admins, if letters go anywhere, and whoever is named; nobody twice.
async fn recipients(
    services: &Services,
    tx: &mut Tx,
    org: OrgId,
    settings: &NoticeSettings,
) -> Result<Vec<To>, StorageError> {
    let by_mail = services.mailer.is_on();
    let named = notice_recipients::list(tx, org).await?;
    let addresses: Vec<String> =
        named.iter().filter(|one| one.channel == Channel::Mail).map(|one| one.shown.to_lowercase()).collect();
    let mut all = Vec::new();
    if settings.admins && by_mail {
        for account in members::admins(tx, org).await? {
            let address = people::email_of(tx, org, account).await?;
            if address.is_some_and(|address| !addresses.contains(&address.to_lowercase())) {
                all.push(To::Admin(account));
            }
        }
    }
    all.extend(named.iter().filter_map(|one| match one.channel {
        Channel::Mail => by_mail.then_some(To::Mail(one.id)),
        Channel::Webhook => Some(To::Webhook(one.id)),
    }));
    Ok(all)
}

async fn content(tx: &mut Tx, due: &[Due]) -> Result<Content, StorageError> {
    let ids: Vec<WorkflowId> = due.iter().map(|(workflow, ..)| *workflow).collect();
    let names = workflow_failures::names(tx, &ids).await?;
    let runs: Vec<RunId> = due.iter().map(|(_, health, _)| health.last_run).collect();
    let mut errors = workflow_failures::errors(tx, &runs).await?;
    let mut content = Content::default();
    for (workflow_id, health, tell) in due {
        let Some(Named { name, is_told_of: true }) = names.get(workflow_id) else { continue };
        let (at, run) = match (tell, health.recovered) {
            (Tell::Recovered, Some(recovered)) => recovered,
            _ => (health.last_at, health.last_run),
        };
        let item = Item {
            workflow_id: *workflow_id,
            workflow: name.clone(),
            since: health.since,
            failures: health.failures,
            run,
            at,
            error: errors.remove(&health.last_run),
        };
        match tell {
            Tell::Failing => content.failing.push(item),
            Tell::StillFailing => content.still_failing.push(item),
            Tell::Recovered => content.recovered.push(item),
        }
    }
    for list in [&mut content.failing, &mut content.still_failing, &mut content.recovered] {
        list.sort_by(|a, b| a.workflow.cmp(&b.workflow));
    }
    content.bound();
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_within_the_time_is_gathered() {
        let at = |second: i64| Timestamp::from_micros(second * 1_000_000);
        let settings = NoticeSettings { gather_s: 60, ..NoticeSettings::default() };
        let failed = |second: i64| {
            let mut health = Health::after_first_failure(at(second), RunId::random());
            health.failed(at(second), RunId::random(), 1);
            (WorkflowId::random(), health)
        };
        let untold = [failed(0), failed(30), failed(59), failed(61)];
        assert_eq!(due(&untold, &settings, at(59)), []);
        assert_eq!(due(&untold, &settings, at(60)).len(), 3, "all that is there when the first has waited");
        assert_eq!(due(&untold[3..], &settings, at(90)), []);
        let mut recovered = failed(0);
        recovered.1.was_told(Tell::Failing, at(1));
        recovered.1.succeeded(at(100), RunId::random());
        assert_eq!(due(&[recovered], &settings, at(130)), []);
        assert_eq!(due(&[recovered], &settings, at(160)).len(), 1);
    }
}
