//! Starting a run through the API: it runs as the caller's account. What must hold: the answer comes after the commit; with an
//! idempotency key there is one run, however often the request comes.

use std::time::Duration;

use factotum_model::audit::Target;
use factotum_model::{Action, EventInput, OrgId, RunId};
use factotum_storage::accept::{AcceptError, EventSource, NewRun};
use factotum_storage::runs::{self, Run};
use factotum_storage::watch::Watcher;
use factotum_storage::{StorageError, workflows};
use serde::{Deserialize, Serialize};

use crate::operations::{Caller, Once, OperationError, Services, Work};

/// The longest that a caller may wait for a run.
pub const MAX_WAIT: Duration = Duration::from_mins(2);
/// How often a run is looked up while a caller waits: another node may have run it.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A run that was started.
#[derive(Debug)]
pub struct Started {
    /// The run as it is now.
    pub run: Run,
}

/// What an idempotency key stands for here.
#[derive(Serialize, Deserialize)]
struct Kept {
    run_id: RunId,
}

/// Starts a run of the workflow, and waits for its end, but not longer than `wait`.
pub async fn start(
    services: &Services,
    caller: &Caller,
    name: &str,
    payload: Vec<u8>,
    wait: Duration,
    once: Option<&Once>,
) -> Result<Started, OperationError> {
    let target = Target::named("workflow", name, name);
    caller.allowed(services, "workflow.run", Action::WORKFLOWS_RUN, Some(name), Some(target)).await?;
    let mut tx = services.storage.read().await?;
    let workflow = workflows::find(&mut tx, caller.org_id, name).await?.ok_or(OperationError::NotFound)?;
    drop(tx);
    let run_id = match once {
        None => RunId::random(),
        Some(once) => kept_id(services, caller, once).await?,
    };
    let watcher = services.storage.watch().run(run_id);
    let new = NewRun {
        run_id,
        org_id: caller.org_id,
        workflow_id: workflow.id,
        account_id: caller.principal.id,
        initiator: caller.initiator(),
        trigger_id: None,
        parent: None,
        credential: caller.credential(),
        dedup: None,
        event: EventSource::New { input: EventInput::Call, payload },
        replay_of: None,
        due_at: None,
        origin: caller.stored_origin(),
    };
    match services.storage.journal().accept(new).await {
        // With an idempotency key: it was accepted before.
        Ok(_) | Err(AcceptError::Storage(StorageError::Exists { .. })) => {}
        Err(error) => return Err(refused(error)),
    }
    Ok(Started { run: wait_for(services, caller.org_id, run_id, watcher, wait).await? })
}

/// Why nothing was accepted, for the caller.
pub(in crate::operations) fn refused(error: AcceptError) -> OperationError {
    match error {
        AcceptError::WorkflowGone | AcceptError::TriggerGone | AcceptError::TriggerPaused => {
            OperationError::NotFound
        }
        AcceptError::AccountRevoked => OperationError::Unauthenticated,
        // Only a run starts children.
        AcceptError::Child(refusal) => OperationError::Conflict(refusal.to_string()),
        AcceptError::Storage(error) => error.into(),
    }
}

/// The id that the run of this idempotency key has: made now, or when the key came first. It is committed before the run, so a
/// crash between the two leaves an id without run, which the next try gives one.
pub(in crate::operations) async fn kept_id(
    services: &Services,
    caller: &Caller,
    once: &Once,
) -> Result<RunId, OperationError> {
    let begun = Work::begin(services, caller, "workflow.run", None).await?.once(Some(once)).await;
    match begun {
        Ok(mut work) => {
            let run_id = RunId::random();
            work.answered(202, &Kept { run_id }).await?;
            work.tx.commit().await?;
            Ok(run_id)
        }
        Err(OperationError::Replayed { body, .. }) => {
            let kept: Result<Kept, _> = serde_json::from_str(&body);
            kept.map(|k| k.run_id).map_err(|_| OperationError::IdempotencyMismatch)
        }
        Err(error) => Err(error),
    }
}

/// The run when it has ended, or as it is when the time is up.
pub async fn wait_for(
    services: &Services,
    org: OrgId,
    run_id: RunId,
    mut watcher: Watcher,
    wait: Duration,
) -> Result<Run, OperationError> {
    let deadline = tokio::time::Instant::now() + wait;
    loop {
        let mut tx = services.storage.read().await?;
        let run = runs::get(&mut tx, org, run_id).await?.ok_or(OperationError::NotFound)?;
        drop(tx);
        let over = tokio::time::Instant::now() >= deadline || services.stopping.is_cancelled();
        if run.state.is_terminal() || over {
            return Ok(run);
        }
        let next = deadline.min(tokio::time::Instant::now() + LOOK_EVERY);
        tokio::select! {
            settled = watcher.settled() => {
                // The sender is gone once it told: from now on only the database can.
                if settled.is_none() {
                    tokio::time::sleep_until(next).await;
                }
            }
            () = tokio::time::sleep_until(next) => {}
            () = services.stopping.cancelled() => {}
        }
    }
}
