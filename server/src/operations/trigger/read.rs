//! Listing and showing triggers. What must hold: a webhook's URL is shown only to those who may change triggers: whoever has it can start
//! the workflow.

use factotum_model::trigger::{ScheduleConfig, TriggerKind};
use factotum_model::{Action, TriggerId, authorize};
use factotum_schedule::Schedule;
use factotum_storage::triggers::{self, Trigger};
use factotum_storage::{Tx, trigger_tokens, workflows};

use super::{Shown, edi, email, upcoming, url};
use crate::operations::{Caller, Listed, OperationError, Page, Services};

/// The triggers, newest first; of one workflow, if named.
pub async fn list(
    services: &Services,
    caller: &Caller,
    workflow: Option<&str>,
    page: Page<TriggerId>,
) -> Result<Listed<Shown>, OperationError> {
    caller.allowed(services, "trigger.list", Action::TRIGGERS_READ, workflow, None).await?;
    let mut tx = services.storage.read().await?;
    let workflow = match workflow {
        None => None,
        Some(name) => match workflows::find(&mut tx, caller.org_id, name).await? {
            Some(workflow) => Some(workflow.id),
            None => return Ok(Listed { items: Vec::new(), next: None }),
        },
    };
    let found = triggers::list(&mut tx, caller.org_id, workflow, page.cursor, page.fetch()).await?;
    let cut = page.cut(found, |t| t.id.to_string());
    let mut items = Vec::with_capacity(cut.items.len());
    for trigger in cut.items {
        items.push(shown(services, caller, &mut tx, trigger).await?);
    }
    Ok(Listed { items, next: cut.next })
}

/// One trigger.
pub async fn get(services: &Services, caller: &Caller, id: &str) -> Result<Shown, OperationError> {
    let mut tx = services.storage.read().await?;
    let found = match id.parse::<TriggerId>() {
        Ok(id) => triggers::get(&mut tx, caller.org_id, id).await?,
        Err(_) => None,
    };
    let workflow = found.as_ref().map(|t| t.workflow.as_str());
    caller.allowed(services, "trigger.read", Action::TRIGGERS_READ, workflow, None).await?;
    shown(services, caller, &mut tx, found.ok_or(OperationError::NotFound)?).await
}

async fn shown(
    services: &Services,
    caller: &Caller,
    tx: &mut Tx,
    trigger: Trigger,
) -> Result<Shown, OperationError> {
    let may_change = authorize(&caller.authority, Action::TRIGGERS_UPDATE, Some(&trigger.workflow)).is_ok();
    if trigger.kind == TriggerKind::Email {
        return if may_change {
            email::with_address(services, tx, trigger).await
        } else {
            Ok(Shown::plain(trigger))
        };
    }
    if trigger.kind == TriggerKind::Edi {
        return if may_change {
            edi::with_url(services, tx, trigger).await
        } else {
            Ok(Shown::plain(trigger))
        };
    }
    let (link, old_url_until) = if trigger.kind == TriggerKind::Webhook && may_change {
        let (token, _) = factotum_webhook::stored::open(&services.storage, tx, &trigger).await?;
        (Some(url(services, &token)), trigger_tokens::until(tx, trigger.id, services.now()).await?)
    } else {
        (None, None)
    };
    let config: Option<ScheduleConfig> = (trigger.kind == TriggerKind::Schedule)
        .then(|| serde_json::from_value(trigger.config.clone()).ok())
        .flatten();
    let schedule = config.and_then(|c| Schedule::parse(&c).ok());
    let firings =
        schedule.map(|s| if trigger.paused_at.is_some() { Vec::new() } else { upcoming(services, &s) });
    Ok(Shown { url: link, old_url_until, firings, ..Shown::plain(trigger) })
}
