//! How one workflow does, and what differs for it.

use std::collections::BTreeMap;

use factotum_model::audit::Target;
use factotum_model::notice::{Health, WorkflowNotices};
use factotum_model::{Action, WorkflowId};
use factotum_storage::{notice_settings, workflow_failures, workflows};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::operations::{Caller, OperationError, Services, Work};

/// What `PUT /workflows/{name}/notices` takes.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "WorkflowNoticesChange")]
pub struct WorkflowChange {
    /// Whether nobody is told of it.
    pub muted: bool,
    /// How many of its runs fail in a row before it counts as failing: 1 to 1000; null for the organization's number.
    #[schemars(range(min = 1, max = 1000))]
    pub after_failures: Option<u32>,
}

/// How a workflow does, and what differs for it.
#[derive(Debug)]
pub struct OfWorkflow {
    /// What differs.
    pub own: WorkflowNotices,
    /// How it does, if its runs failed lately.
    pub health: Option<Health>,
}

/// Of one workflow.
pub async fn of_workflow(
    services: &Services,
    caller: &Caller,
    name: &str,
) -> Result<OfWorkflow, OperationError> {
    caller.allowed(services, "workflow.read", Action::WORKFLOWS_READ, Some(name), None).await?;
    let mut tx = services.storage.read().await?;
    let workflow = workflows::find(&mut tx, caller.org_id, name).await?.ok_or(OperationError::NotFound)?;
    let own = notice_settings::of_workflow(&mut tx, workflow.id).await?;
    let health = workflow_failures::of_workflow(&mut tx, workflow.id).await?;
    Ok(OfWorkflow { own, health })
}

/// Which of these workflows, which were shown to the caller, count as failing.
pub async fn failing(
    services: &Services,
    ids: &[WorkflowId],
) -> Result<BTreeMap<WorkflowId, Health>, OperationError> {
    let mut tx = services.storage.read().await?;
    Ok(workflow_failures::failing_of(&mut tx, ids).await?)
}

/// Sets what differs for one workflow.
pub async fn set_of_workflow(
    services: &Services,
    caller: &Caller,
    name: &str,
    change: WorkflowChange,
) -> Result<OfWorkflow, OperationError> {
    let target = Target::named("workflow", name, name);
    let mut work = Work::begin(services, caller, "workflow.set_notices", Some(target)).await?;
    let done = write(&mut work, name, change).await;
    work.end(done).await
}

async fn write(
    work: &mut Work<'_>,
    name: &str,
    change: WorkflowChange,
) -> Result<OfWorkflow, OperationError> {
    work.authorize(Action::WORKFLOWS_UPDATE, Some(name))?;
    let org = work.caller.org_id;
    let workflow = workflows::find(&mut work.tx, org, name).await?.ok_or(OperationError::NotFound)?;
    let new = WorkflowNotices { muted: change.muted, after_failures: change.after_failures };
    new.check()?;
    let old = notice_settings::of_workflow(&mut work.tx, workflow.id).await?;
    notice_settings::put_of_workflow(&mut work.tx, workflow.id, &new).await?;
    work.workflow(name);
    work.target(Target::named("workflow", workflow.id, name));
    work.change(json!({"before": old, "after": new}));
    let health = workflow_failures::of_workflow(&mut work.tx, workflow.id).await?;
    Ok(OfWorkflow { own: new, health })
}
