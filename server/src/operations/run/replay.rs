//! Replaying a run: a new run of the same event, under the caller's own account. What must hold: nobody gains by it: the new run has
//! the caller's grants and the workflow's, whatever the first one had.

use std::sync::Arc;

use factotum_model::audit::Target;
use factotum_model::{Action, RunId};
use factotum_storage::accept::{AcceptError, EventSource, NewRun};
use factotum_storage::runs::{self, Run};
use factotum_storage::{StorageError, events};

use crate::operations::workflow::{kept_id, refused};
use crate::operations::{Caller, Once, OperationError, Services};

/// Starts the new run.
pub async fn replay(
    services: &Services,
    caller: &Caller,
    id: &str,
    once: Option<&Once>,
) -> Result<Run, OperationError> {
    caller.allowed(services, "run.replay", Action::RUNS_REPLAY, None, Some(Target::new("run", id))).await?;
    let id: RunId = id.parse().map_err(|_| OperationError::NotFound)?;
    let mut tx = services.storage.read().await?;
    let first = runs::get(&mut tx, caller.org_id, id).await?.ok_or(OperationError::NotFound)?;
    let event = events::get(&mut tx, caller.org_id, first.event_id).await?;
    drop(tx);
    let (event, _) = event.ok_or_else(|| {
        OperationError::Conflict("the run's event is no longer kept, so it cannot be replayed".to_owned())
    })?;
    let run_id = match once {
        None => RunId::random(),
        Some(once) => kept_id(services, caller, once).await?,
    };
    let new = NewRun {
        run_id,
        org_id: caller.org_id,
        workflow_id: first.workflow_id,
        account_id: caller.principal.id,
        initiator: caller.initiator(),
        trigger_id: None,
        parent: None,
        credential: caller.credential(),
        dedup: None,
        event: EventSource::Stored(Arc::new(event)),
        replay_of: Some(first.id),
        due_at: None,
        origin: caller.stored_origin(),
    };
    match services.storage.journal().accept(new).await {
        // With an idempotency key: it was accepted before.
        Ok(_) | Err(AcceptError::Storage(StorageError::Exists { .. })) => {}
        Err(error) => return Err(refused(error)),
    }
    let mut tx = services.storage.read().await?;
    runs::get(&mut tx, caller.org_id, run_id).await?.ok_or(OperationError::NotFound)
}
