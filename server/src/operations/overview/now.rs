//! How many runs go on and wait now, and how those of the last day ended.

use factotum_model::{Action, RunState};
use factotum_storage::audit_digest::runs::{self, Span};
use factotum_storage::runs_now::{self, RunsNow};

use crate::operations::{Caller, OperationError, Services};

/// How runs stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Now {
    /// Those that have not ended, and dead letters, each counted up to a bound.
    pub runs: RunsNow,
    /// How many ended in the last 24 hours, half an hour more or less.
    pub ended: u64,
    /// How many of those failed.
    pub failed: u64,
}

/// Counts them.
pub async fn now(services: &Services, caller: &Caller) -> Result<Now, OperationError> {
    caller.allowed(services, "run.list", Action::RUNS_READ, None, None).await?;
    let now = services.now();
    let day = Span::HalfHour.stretches(now);
    let mut tx = services.storage.read().await?;
    let runs = runs_now::count(&mut tx, caller.org_id, now).await?;
    let since = day.first().copied().unwrap_or(now);
    let ends = runs::all(&mut tx, caller.org_id, Span::HalfHour, since).await?;
    let bad = |state| matches!(state, RunState::Failed | RunState::Dead);
    Ok(Now {
        runs,
        ended: ends.iter().map(|end| end.runs).sum(),
        failed: ends.iter().filter(|end| bad(end.state)).map(|end| end.runs).sum(),
    })
}
