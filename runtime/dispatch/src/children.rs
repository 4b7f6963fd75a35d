//! Children of a run: starting them and waiting for them. What must hold: a child is started in one transaction that the parent's
//! lease fences; a wait ends with the child, on whatever node that runs, and gives the parent back when this node goes down.

use std::sync::Arc;
use std::time::Duration;

use factotum_host::{CallPlace, ChildCall, ChildEnd, ChildError, StopReason};
use factotum_model::{ErrorCode, EventInput, Initiator, InitiatorKind, RunId};
use factotum_storage::accept::{AcceptError, EventSource, NewRun, Origin};
use factotum_storage::children::{self, Call, ChildRefusal, Parent};
use factotum_storage::watch::Settled;
use factotum_storage::{StorageError, runs, workflows};

use crate::ports::RunPorts;

/// How often a child is looked up while its parent waits: another node may run it.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Starts a child, or finds the one that this call started in an earlier attempt.
pub(crate) async fn start(ports: &RunPorts, call: ChildCall) -> Result<RunId, ChildError> {
    let run = &ports.run;
    let parent = Parent {
        run: Arc::clone(run),
        call: match call.place {
            CallPlace::Number(number) => Call::Numbered(number),
            CallPlace::Key(key) => Call::Keyed(key),
        },
        workflow: call.workflow,
    };
    let payload = call.payload.into_bytes();
    let mut tx = ports.storage.read().await.map_err(unavailable)?;
    if let Some(known) = children::started(&mut tx, &parent, &payload).await.map_err(unavailable)? {
        return known.map_err(refused);
    }
    let found = workflows::find(&mut tx, run.org_id, &parent.workflow).await.map_err(unavailable)?;
    drop(tx);
    let workflow = found.ok_or_else(|| no_workflow(&parent.workflow))?;
    let name = parent.workflow.clone();
    let new = NewRun {
        run_id: RunId::random(),
        org_id: run.org_id,
        workflow_id: workflow.id,
        account_id: run.principal.id,
        initiator: Initiator { kind: InitiatorKind::Run, id: Some(run.run_id.to_string()) },
        trigger_id: None,
        parent: Some(parent),
        credential: None,
        dedup: None,
        event: EventSource::New { input: EventInput::Call, payload },
        replay_of: None,
        due_at: None,
        origin: Origin::default(),
    };
    match ports.storage.journal().accept(new).await {
        Ok(accepted) => Ok(accepted.run_id()),
        Err(AcceptError::Child(refusal)) => Err(refused(refusal)),
        Err(AcceptError::WorkflowGone) => Err(no_workflow(&name)),
        // The run is about to be stopped for it.
        Err(
            error @ (AcceptError::AccountRevoked | AcceptError::TriggerGone | AcceptError::TriggerPaused),
        ) => Err(ChildError::Unavailable(error.to_string())),
        Err(AcceptError::Storage(error)) => Err(unavailable(error)),
    }
}

/// How a child of this run ended, if it has.
pub(crate) async fn ended(ports: &RunPorts, child: RunId) -> Result<Option<ChildEnd>, ChildError> {
    let mut tx = ports.storage.read().await.map_err(unavailable)?;
    let is_child = children::is_child(&mut tx, ports.run.run_id, child).await.map_err(unavailable)?;
    let found =
        if is_child { runs::get(&mut tx, ports.run.org_id, child).await.map_err(unavailable)? } else { None };
    let Some(run) = found else {
        return Err(ChildError::NotFound(format!("this run has started no run {child}")));
    };
    Ok(run.state.is_terminal().then(|| end_of(run.output, run.error)))
}

/// Waits for a child's end. The attempt's deadline and its interrupt end the wait from outside.
pub(crate) async fn end(ports: &RunPorts, child: RunId) -> Result<ChildEnd, ChildError> {
    let mut watcher = ports.storage.watch().run(child);
    loop {
        match ended(ports, child).await {
            Ok(Some(end)) => return Ok(end),
            // The child goes on through an outage, and so does the wait.
            Ok(None) | Err(ChildError::Unavailable(_)) => {}
            Err(error) => return Err(error),
        }
        tokio::select! {
            settled = watcher.settled() => match settled {
                Some(settled) => {
                    let Settled { output, error, .. } = settled.as_ref();
                    return Ok(end_of(output.clone(), error.clone()));
                }
                // Nobody in this process will tell: from now on only the database can.
                None => tokio::time::sleep(LOOK_EVERY).await,
            },
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = ports.draining.cancelled() => {
                // This node starts no more runs, so the child may never come; whoever takes the run next finds it again.
                // The guest must not hear of it: it could end well with half of its work.
                ports.interrupt.stop(StopReason::LeaseLost);
                std::future::pending::<()>().await;
            }
        }
    }
}

fn end_of(output: Option<String>, error: Option<(ErrorCode, String)>) -> ChildEnd {
    match error {
        Some((code, message)) => ChildEnd::Failed { code, message },
        None => ChildEnd::Output(output.unwrap_or_else(|| "null".to_owned())),
    }
}

fn no_workflow(name: &str) -> ChildError {
    ChildError::NotFound(format!("there is no workflow `{name}` in this organization"))
}

fn refused(refusal: ChildRefusal) -> ChildError {
    let text = refusal.to_string();
    match refusal {
        ChildRefusal::Denied(_) => ChildError::Denied(text),
        ChildRefusal::TooDeep => ChildError::TooDeep(text),
        ChildRefusal::TooMany => ChildError::TooMany(text),
        ChildRefusal::Changed { .. } => ChildError::Changed(text),
        ChildRefusal::ParentGone => ChildError::Unavailable(text),
    }
}

fn unavailable(error: StorageError) -> ChildError {
    tracing::warn!(%error, "a child could not be started or looked up");
    ChildError::Unavailable("the database is not available at the moment".to_owned())
}
