//! How runs ended over time, of all workflows and of the busiest ones.

use factotum_model::{Action, Timestamp};
use factotum_storage::audit_digest::runs::{self, Busy, Ended, Span};

use crate::operations::{Caller, OperationError, Services};

/// How many workflows are told of one by one.
const WORKFLOWS: u32 = 8;

/// How runs ended, in stretches of time.
#[derive(Debug)]
pub struct History {
    /// How long a stretch is.
    pub span: Span,
    /// When they began, the oldest first; the last one goes on.
    pub stretches: Vec<Timestamp>,
    /// All ends.
    pub all: Vec<Ended>,
    /// Those of the workflows with most failures, then most runs.
    pub workflows: Vec<OfWorkflow>,
}

/// How a workflow's runs ended.
#[derive(Debug)]
pub struct OfWorkflow {
    /// Which, and how many.
    pub workflow: Busy,
    /// Its ends.
    pub ends: Vec<Ended>,
}

/// The newest stretches of this length.
pub async fn history(services: &Services, caller: &Caller, span: Span) -> Result<History, OperationError> {
    caller.allowed(services, "run.list", Action::RUNS_READ, None, None).await?;
    let stretches = span.stretches(services.now());
    let since = stretches.first().copied().unwrap_or_else(|| services.now());
    let org = caller.org_id;
    let mut tx = services.storage.read().await?;
    let all = runs::all(&mut tx, org, span, since).await?;
    let mut workflows = Vec::new();
    for workflow in runs::busiest(&mut tx, org, span, since, WORKFLOWS).await? {
        let ends = runs::of_workflow(&mut tx, org, span, workflow.id, since).await?;
        workflows.push(OfWorkflow { workflow, ends });
    }
    Ok(History { span, stretches, all, workflows })
}
