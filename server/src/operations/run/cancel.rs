//! Cancelling a run, in whatever state it is. What must hold: its lease goes in the same transaction, so nothing it still does counts.

use factotum_model::audit::Target;
use factotum_model::{Action, ErrorCode, RunId};
use factotum_storage::runs::{self, Ended, Run};
use factotum_storage::signals::Signal;

use crate::operations::{Caller, Once, OperationError, Services, Work};
use crate::view::run::StartedView;

/// Cancels it; the run as it is then.
pub async fn cancel(
    services: &Services,
    caller: &Caller,
    id: &str,
    once: Option<&Once>,
) -> Result<Run, OperationError> {
    let work = Work::begin(services, caller, "run.cancel", Some(Target::new("run", id))).await?;
    let mut work = work.once(once).await?;
    let done = end(&mut work, id).await;
    let (run, ended) = work.end(done).await?;
    services.dispatcher.act_on(Signal::RunCancelled(run.id));
    services.storage.tell_cancelled(&[ended], ErrorCode::Cancelled);
    services.dispatcher.wake();
    Ok(run)
}

async fn end(work: &mut Work<'_>, id: &str) -> Result<(Run, Ended), OperationError> {
    let org = work.caller.org_id;
    work.authorize(Action::RUNS_CANCEL, None)?;
    let id: RunId = id.parse().map_err(|_| OperationError::NotFound)?;
    let before = runs::get(&mut work.tx, org, id).await?.ok_or(OperationError::NotFound)?;
    work.workflow(&before.workflow);
    work.run(id, &before.chain);
    let ended = runs::cancel_run(&mut work.tx, org, id, work.now).await?.ok_or_else(|| {
        OperationError::Conflict(format!("the run has ended already: it is {}", before.state.as_str()))
    })?;
    let run = runs::get(&mut work.tx, org, id).await?.ok_or(OperationError::NotFound)?;
    work.answered(200, &StartedView { run: (&run).into() }).await?;
    Ok((run, ended))
}
