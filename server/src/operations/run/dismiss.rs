//! Dismissing a dead letter: nothing more is to be done about it. What must hold: the run stays as it ended; it leaves the dead letters once.

use factotum_model::audit::Target;
use factotum_model::{Action, RunId};
use factotum_storage::dead_letters;
use factotum_storage::runs::{self, Run};

use crate::operations::{Caller, Once, OperationError, Services, Work};
use crate::view::run::StartedView;

/// Dismisses it; the run as it is then.
pub async fn dismiss(
    services: &Services,
    caller: &Caller,
    id: &str,
    once: Option<&Once>,
) -> Result<Run, OperationError> {
    let work = Work::begin(services, caller, "run.dismiss", Some(Target::new("run", id))).await?;
    let mut work = work.once(once).await?;
    let done = dismissed(&mut work, id).await;
    work.end(done).await
}

async fn dismissed(work: &mut Work<'_>, id: &str) -> Result<Run, OperationError> {
    let org = work.caller.org_id;
    work.authorize(Action::RUNS_CANCEL, None)?;
    let id: RunId = id.parse().map_err(|_| OperationError::NotFound)?;
    let before = runs::get(&mut work.tx, org, id).await?.ok_or(OperationError::NotFound)?;
    work.workflow(&before.workflow);
    work.run(id, &before.chain);
    if !dead_letters::dismiss(&mut work.tx, org, id, work.now).await? {
        let words = match before.handled_at {
            Some(_) => "the run is no dead letter any more: it was replayed or dismissed".to_owned(),
            None => format!("the run is no dead letter: it is {}", before.state.as_str()),
        };
        return Err(OperationError::Conflict(words));
    }
    let run = runs::get(&mut work.tx, org, id).await?.ok_or(OperationError::NotFound)?;
    work.answered(200, &StartedView { run: (&run).into() }).await?;
    Ok(run)
}
