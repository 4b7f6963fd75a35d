//! Giving a webhook or an EDI trigger another URL, or an e-mail trigger another address. What must hold: the old one leads nowhere once this is answered, on other nodes a second later, or, of a webhook,
//! once the time is over that it was given; there are never more than two; it needs what making the trigger needs.

use std::time::Duration;

use factotum_model::audit::Target;
use factotum_model::trigger::TriggerKind;
use factotum_model::{Action, Timestamp, TriggerId};
use factotum_storage::{triggers, workflows};
use serde_json::json;

use super::{Shown, edi, email, no_randomness, url};
use crate::operations::{Caller, Once, OperationError, Services, Work};
use crate::view::trigger::TriggerView;

/// The longest time for which an old URL may go on, in seconds: 30 days.
pub const MAX_OVERLAP_S: u64 = 30 * 86_400;

/// For how long the old URL goes on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Overlap(Duration);

impl Overlap {
    /// So many seconds; none: not at all.
    pub fn seconds(seconds: Option<u64>) -> Result<Self, OperationError> {
        let seconds = seconds.unwrap_or(0);
        if seconds > MAX_OVERLAP_S {
            let words = format!("at most {MAX_OVERLAP_S} seconds: 30 days");
            return Err(OperationError::invalid("overlap_s", words));
        }
        Ok(Self(Duration::from_secs(seconds)))
    }

    fn until(self, now: Timestamp) -> Option<Timestamp> {
        (!self.0.is_zero()).then(|| now.plus(self.0))
    }
}

/// Regenerates it; the trigger with its new URL.
pub async fn regenerate(
    services: &Services,
    caller: &Caller,
    id: &str,
    overlap: Overlap,
    once: Option<&Once>,
) -> Result<Shown, OperationError> {
    let target = Target::new("trigger", id);
    let mut work =
        Work::begin(services, caller, "trigger.regenerate", Some(target)).await?.once(once).await?;
    let done = write(&mut work, id, overlap).await;
    let shown = work.end(done).await?;
    services.webhooks.forget(shown.trigger.id);
    services.mailboxes.forget(shown.trigger.id);
    Ok(shown)
}

async fn write(work: &mut Work<'_>, id: &str, overlap: Overlap) -> Result<Shown, OperationError> {
    let org = work.caller.org_id;
    let found = match id.parse::<TriggerId>() {
        Ok(id) => triggers::get(&mut work.tx, org, id).await?,
        Err(_) => None,
    };
    work.authorize(Action::TRIGGERS_UPDATE, found.as_ref().map(|t| t.workflow.as_str()))?;
    let before = found.ok_or(OperationError::NotFound)?;
    work.workflow(&before.workflow);
    let workflow =
        workflows::get(&mut work.tx, org, before.workflow_id).await?.ok_or(OperationError::NotFound)?;
    work.holds(&workflow.grants, "the workflow")?;
    if before.kind == TriggerKind::Email {
        let address = email::regenerate(work, &before).await?;
        let trigger = triggers::get(&mut work.tx, org, before.id).await?.ok_or(OperationError::NotFound)?;
        work.answered(200, &TriggerView::new(&trigger, None, None)).await?;
        return Ok(Shown { address: Some(address), ..Shown::plain(trigger) });
    }
    if before.kind == TriggerKind::Edi {
        let old_url_until = overlap.until(work.now);
        let url = edi::regenerate(work, &before, old_url_until).await?;
        let trigger = triggers::get(&mut work.tx, org, before.id).await?.ok_or(OperationError::NotFound)?;
        work.change(json!({"after": {"old_url_until": old_url_until}}));
        work.answered(200, &TriggerView::new(&trigger, None, None)).await?;
        return Ok(Shown { url: Some(url), old_url_until, ..Shown::plain(trigger) });
    }
    if before.kind != TriggerKind::Webhook {
        let reason = format!(
            "only a webhook, an e-mail or an EDI trigger can be reached; this trigger is of kind {}",
            before.kind.as_str()
        );
        return Err(OperationError::Conflict(reason));
    }
    let mut entropy = [0; factotum_webhook::token::ENTROPY_BYTES];
    getrandom::fill(&mut entropy).map_err(no_randomness)?;
    let storage = &work.services.storage;
    let old_until = overlap.until(work.now);
    let token =
        factotum_webhook::stored::regenerate(storage, &mut work.tx, &before, &entropy, old_until, work.now)
            .await?;
    let token = token.ok_or(OperationError::NotFound)?;
    let trigger = triggers::get(&mut work.tx, org, before.id).await?.ok_or(OperationError::NotFound)?;
    work.change(json!({"after": {"old_url_until": old_until}}));
    // The URL is not kept for a repetition of the request: it is shown to who asks for the trigger.
    work.answered(200, &TriggerView::new(&trigger, None, None)).await?;
    Ok(Shown { url: Some(url(work.services, &token)), old_url_until: old_until, ..Shown::plain(trigger) })
}
