//! What workflows did last. What must hold: who may not read runs sees none of others; each workflow costs one look at an index.

use factotum_model::{Action, WorkflowId, authorize};
use factotum_storage::runs::{self, Run};

use crate::operations::{Caller, OperationError, Services};

/// The newest runs of each of these workflows, which were shown to the caller; those that the caller may see.
pub async fn last_runs(
    services: &Services,
    caller: &Caller,
    workflows: &[WorkflowId],
    each: u32,
) -> Result<Vec<Vec<Run>>, OperationError> {
    let all = authorize(&caller.authority, Action::RUNS_READ, None).is_ok();
    let mut tx = services.storage.read().await?;
    let mut found = Vec::with_capacity(workflows.len());
    for workflow in workflows {
        let mut newest = runs::of_workflow(&mut tx, *workflow, each).await?;
        newest.retain(|run| run.org_id == caller.org_id && (all || run.principal.id == caller.principal.id));
        found.push(newest);
    }
    Ok(found)
}
