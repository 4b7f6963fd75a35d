//! Pausing a workflow: its runs are accepted and wait.

use factotum_model::Action;
use factotum_model::audit::Target;
use factotum_storage::workflows::{self, Workflow};

use crate::operations::{Caller, OperationError, Services, Work};

/// Pauses or resumes; the workflow as it is then.
pub async fn pause(
    services: &Services,
    caller: &Caller,
    name: &str,
    paused: bool,
) -> Result<Workflow, OperationError> {
    let doing = if paused { "workflow.pause" } else { "workflow.resume" };
    let mut work = Work::begin(services, caller, doing, Some(Target::named("workflow", name, name))).await?;
    let done = change(&mut work, name, paused).await;
    let workflow = work.end(done).await?;
    if !paused {
        services.dispatcher.wake();
    }
    Ok(workflow)
}

async fn change(work: &mut Work<'_>, name: &str, paused: bool) -> Result<Workflow, OperationError> {
    let org = work.caller.org_id;
    work.authorize(Action::WORKFLOWS_UPDATE, Some(name))?;
    let workflow = workflows::find(&mut work.tx, org, name).await?.ok_or(OperationError::NotFound)?;
    workflows::set_paused(&mut work.tx, org, workflow.id, paused, work.now).await?;
    work.workflow(name);
    work.target(Target::named("workflow", workflow.id, name));
    workflows::find(&mut work.tx, org, name).await?.ok_or(OperationError::NotFound)
}
