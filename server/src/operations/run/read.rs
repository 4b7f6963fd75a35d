//! Listing and showing runs and their logs. What must hold: without `runs:read` an account sees the runs that it is principal of, and
//! cannot tell another's run from none.

use factotum_model::{AccountId, Action, RunId, RunState, TriggerId, authorize};
use factotum_storage::runs::{self, Run, RunFilter};
use serde_json::Value;

use crate::operations::{Caller, Listed, OperationError, Page, Services};

/// Which runs.
#[derive(Debug, Default)]
pub struct Filter {
    /// Of the workflow with this name.
    pub workflow: Option<String>,
    /// In this state.
    pub state: Option<RunState>,
    /// Started by this trigger.
    pub trigger: Option<TriggerId>,
    /// Run as this account.
    pub account: Option<AccountId>,
    /// Started by this run.
    pub parent: Option<RunId>,
}

/// The runs, newest first.
pub async fn list(
    services: &Services,
    caller: &Caller,
    filter: Filter,
    page: Page<RunId>,
) -> Result<Listed<Run>, OperationError> {
    let own = caller.principal.id;
    let account = match (authorize(&caller.authority, Action::RUNS_READ, None), filter.account) {
        (Ok(()), account) => account,
        // What it ran itself, everyone may see.
        (Err(_), Some(account)) if account == own => Some(own),
        (Err(denied), _) => return Err(caller.refused(services, "run.list", None, denied.into()).await),
    };
    let Filter { workflow, state, trigger, parent, .. } = filter;
    let filter = RunFilter { workflow, state, trigger, account, parent };
    let mut tx = services.storage.read().await?;
    let found = runs::list(&mut tx, caller.org_id, &filter, page.cursor, page.fetch()).await?;
    Ok(page.cut(found, |r| r.id.to_string()))
}

/// One run.
pub async fn get(services: &Services, caller: &Caller, id: &str) -> Result<Run, OperationError> {
    let mut tx = services.storage.read().await?;
    let found = match id.parse::<RunId>() {
        Ok(id) => runs::get(&mut tx, caller.org_id, id).await?,
        Err(_) => None,
    };
    drop(tx);
    if let Err(denied) = authorize(&caller.authority, Action::RUNS_READ, None) {
        return match found {
            Some(run) if run.principal.id == caller.principal.id => Ok(run),
            _ => Err(caller.refused(services, "run.read", None, denied.into()).await),
        };
    }
    found.ok_or(OperationError::NotFound)
}

/// What a run logged, attempt by attempt.
pub async fn logs(
    services: &Services,
    caller: &Caller,
    id: &str,
) -> Result<Vec<(u32, Value)>, OperationError> {
    let run = get(services, caller, id).await?;
    let mut tx = services.storage.read().await?;
    let attempts = runs::logs(&mut tx, run.id).await?;
    let mut lines = Vec::new();
    for (attempt, text) in attempts {
        // A list of lines, as the dispatcher writes it.
        let of_attempt: Vec<Value> = serde_json::from_str(&text).unwrap_or_default();
        lines.extend(of_attempt.into_iter().map(|line| (attempt, line)));
    }
    Ok(lines)
}
