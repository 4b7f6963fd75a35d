//! Deleting a workflow with its triggers; its runs and their record stay.

use factotum_model::audit::Target;
use factotum_model::{Action, TriggerId};
use factotum_storage::{triggers, workflows};

use crate::operations::{Caller, OperationError, Services, Work};

/// The most triggers whose memory is dropped at once; what is beyond is noticed by the accepting transaction.
const MAX_TRIGGERS: u32 = 1_000;

/// Deletes it.
pub async fn delete(services: &Services, caller: &Caller, name: &str) -> Result<(), OperationError> {
    let mut work =
        Work::begin(services, caller, "workflow.delete", Some(Target::named("workflow", name, name))).await?;
    let done = remove(&mut work, name).await;
    for trigger in work.end(done).await? {
        services.webhooks.forget(trigger);
    }
    services.scheduler.changed();
    services.dispatcher.wake();
    Ok(())
}

async fn remove(work: &mut Work<'_>, name: &str) -> Result<Vec<TriggerId>, OperationError> {
    let org = work.caller.org_id;
    work.authorize(Action::WORKFLOWS_DELETE, Some(name))?;
    let workflow = workflows::find(&mut work.tx, org, name).await?.ok_or(OperationError::NotFound)?;
    let its = triggers::list(&mut work.tx, org, Some(workflow.id), None, MAX_TRIGGERS).await?;
    workflows::delete(&mut work.tx, org, workflow.id, work.now).await?;
    work.workflow(name);
    work.target(Target::named("workflow", workflow.id, name));
    Ok(its.into_iter().map(|t| t.id).collect())
}
