//! Making a workflow, or giving it its next version. What must hold: whoever sets a workflow up holds every grant it gets, as its triggers
//! will run it with the base account's rights.

use factotum_model::Action;
use factotum_model::audit::Target;
use factotum_model::workflow::{WorkflowSpec, check_name};
use factotum_storage::plugins;
use factotum_storage::workflows::{self, NewVersion, Workflow};
use serde_json::json;

use crate::operations::{Caller, OperationError, Services, Work};

/// Makes or changes it. The workflow, and whether it is new.
pub async fn put(
    services: &Services,
    caller: &Caller,
    name: &str,
    spec: WorkflowSpec,
) -> Result<(Workflow, bool), OperationError> {
    let target = Target::named("workflow", name, name);
    let mut work = Work::begin(services, caller, "workflow.put", Some(target)).await?;
    let done = write(&mut work, name, spec).await;
    work.end(done).await
}

async fn write(
    work: &mut Work<'_>,
    name: &str,
    spec: WorkflowSpec,
) -> Result<(Workflow, bool), OperationError> {
    let org = work.caller.org_id;
    let before = workflows::find(&mut work.tx, org, name).await?;
    let action = if before.is_some() { Action::WORKFLOWS_UPDATE } else { Action::WORKFLOWS_CREATE };
    work.authorize(action, Some(name))?;
    check_name(name)?;
    spec.check(&work.services.limits.maximum)?;
    work.holds(&spec.grants, "the workflow")?;
    let wrong = |reason: String| OperationError::invalid("plugin", reason);
    let (plugin, version) = spec
        .plugin
        .rsplit_once('@')
        .ok_or_else(|| wrong(format!("`{}` has no version; write it as `name@1.0.0`", spec.plugin)))?;
    let plugin = plugins::find(&mut work.tx, org, plugin, version)
        .await?
        .ok_or_else(|| wrong(format!("there is no plugin `{}`; upload it first", spec.plugin)))?;
    let new = NewVersion {
        plugin_id: plugin.id,
        grants: spec.grants,
        config: spec.config,
        limits: spec.limits,
        retry: spec.retry,
        concurrency: spec.concurrency,
        audit: spec.audit,
        created_by: work.caller.principal.id,
    };
    let (workflow, created) = workflows::put(&mut work.tx, org, name, &new, work.now).await?;
    work.doing(if created { "workflow.create" } else { "workflow.update" });
    work.workflow(name);
    work.target(Target::named("workflow", workflow.id, name));
    work.change(json!({"before": before.as_ref().map(summary), "after": summary(&workflow)}));
    Ok((workflow, created))
}

/// What an auditor asks about a workflow. Its configuration may hold anything, so only its digest is here.
fn summary(workflow: &Workflow) -> serde_json::Value {
    json!({
        "version": workflow.version,
        "plugin": workflow.plugin,
        "plugin_digest": workflow.digest,
        "grants": workflow.grants,
        "config_digest": factotum_model::Digest::of(workflow.config.to_string().as_bytes()),
        "limits": workflow.limits,
        "retry": workflow.retry,
        "concurrency": workflow.concurrency,
        "audit": workflow.audit,
    })
}
