//! Deleting a trigger: its URL is gone for good.

use factotum_model::audit::Target;
use factotum_model::{Action, TriggerId};
use factotum_storage::triggers;

use crate::operations::{Caller, OperationError, Services, Work};

/// Deletes it.
pub async fn delete(services: &Services, caller: &Caller, id: &str) -> Result<(), OperationError> {
    let mut work = Work::begin(services, caller, "trigger.delete", Some(Target::new("trigger", id))).await?;
    let done = remove(&mut work, id).await;
    let id = work.end(done).await?;
    services.webhooks.forget(id);
    services.mailboxes.forget(id);
    services.scheduler.changed();
    Ok(())
}

async fn remove(work: &mut Work<'_>, id: &str) -> Result<TriggerId, OperationError> {
    let org = work.caller.org_id;
    let found = match id.parse::<TriggerId>() {
        Ok(id) => triggers::get(&mut work.tx, org, id).await?,
        Err(_) => None,
    };
    work.authorize(Action::TRIGGERS_DELETE, found.as_ref().map(|t| t.workflow.as_str()))?;
    let trigger = found.ok_or(OperationError::NotFound)?;
    work.workflow(&trigger.workflow);
    triggers::delete(&mut work.tx, org, trigger.id, work.now).await?;
    Ok(trigger.id)
}
