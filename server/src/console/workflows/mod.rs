//! Workflows: which there are, what each is made of and what it did last; pausing, resuming, deleting. What must hold: a grant is shown with what it
//! allows, and one that the plugin will miss is named before a run is refused for it.

mod form;
mod grants;
mod start;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query};
use factotum_model::audit::Target;
use factotum_model::workflow::AuditClass;
use factotum_model::{Action, RunState};
use factotum_storage::runs::Run;
use factotum_storage::workflows::Workflow;
use http::StatusCode;
use serde::Deserialize;

use super::fields::Faults;
use super::frame::{Entry, Frame, Section};
use super::page::{go, page};
use super::plugins::grouped;
use super::refusal::Refusal;
use super::triggers::Summary;
use super::viewer::Viewer;
use super::{Pages, Shown};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::parameters::page as page_of;
use crate::api::routes::State;
use crate::operations::{Page, Services, notice, plugin, trigger, workflow};
use crate::view::harmless;
use crate::view::notice::WorkflowNoticesView;

const HERE: &str = "/workflows";
/// How many runs a workflow's page shows.
const LAST_RUNS: u32 = 10;
/// How many triggers it shows.
const TRIGGERS_SHOWN: u32 = 50;

/// What the console knows of it.
pub const PAGES: Pages = Pages {
    routes,
    menu: Some(Entry {
        path: HERE,
        label: "Workflows",
        section: Section::Main,
        needs: Some(Action::WORKFLOWS_READ),
    }),
};

fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let routes = routes
        .add(Endpoint::get(HERE, "page.workflows", "Workflows").grant(Action::WORKFLOWS_READ), list)
        .add(
            Endpoint::get("/workflows/{name}", "page.workflow", "A workflow").grant(Action::WORKFLOWS_READ),
            show,
        )
        .add(
            Endpoint::post("/workflows/{name}/pause", "page.workflow.pause", "Pause a workflow")
                .grant(Action::WORKFLOWS_UPDATE),
            pause,
        )
        .add(
            Endpoint::post("/workflows/{name}/resume", "page.workflow.resume", "Resume a workflow")
                .grant(Action::WORKFLOWS_UPDATE),
            resume,
        )
        .add(
            Endpoint::post("/workflows/{name}/delete", "page.workflow.delete", "Delete a workflow")
                .grant(Action::WORKFLOWS_DELETE),
            delete,
        );
    start::routes(form::routes(routes))
}

/// A run in a list.
struct RunRow {
    id: String,
    state: &'static str,
    mark: &'static str,
    principal: String,
    badge: Option<&'static str>,
    initiator: &'static str,
    created_at: String,
    error: Option<&'static str>,
}

impl From<&Run> for RunRow {
    fn from(run: &Run) -> Self {
        Self {
            id: run.id.to_string(),
            state: run.state.as_str(),
            mark: match run.state {
                RunState::Failed | RunState::Dead => "bad",
                RunState::Waiting | RunState::Cancelled => "warn",
                RunState::Queued | RunState::Running | RunState::Succeeded => "",
            },
            principal: run.principal.name.clone(),
            badge: run.principal.kind.badge(),
            initiator: run.initiator.kind.as_str(),
            created_at: run.created_at.to_string(),
            error: run.error.as_ref().map(|(code, _)| code.as_str()),
        }
    }
}

struct Row {
    name: String,
    paused: bool,
    /// Since when it is failing.
    failing: Option<String>,
    plugin: String,
    last: Option<RunRow>,
    updated_at: String,
}

#[derive(Template)]
#[template(path = "workflows/page.html")]
struct WorkflowsPage {
    frame: Frame,
    workflows: Vec<Row>,
    next: Option<String>,
    may_create: bool,
    may_upload: bool,
    any_plugin: bool,
}

#[derive(Deserialize)]
struct Asked {
    cursor: Option<String>,
}

async fn list(services: State, viewer: Viewer, Query(asked): Query<Asked>) -> Shown {
    let part = page_of(None, asked.cursor.as_deref())?;
    let found = workflow::list(&services, &viewer.caller, part).await?;
    let ids: Vec<_> = found.items.iter().map(|workflow| workflow.id).collect();
    let last = workflow::last_runs(&services, &viewer.caller, &ids, 1).await?;
    let failing = notice::failing(&services, &ids).await?;
    let rows = found.items.iter().zip(last).map(|(workflow, last)| Row {
        name: workflow.name.clone(),
        paused: workflow.paused_at.is_some(),
        failing: failing.get(&workflow.id).map(|health| health.since.to_string()),
        plugin: workflow.plugin.clone(),
        last: last.first().map(RunRow::from),
        updated_at: workflow.updated_at.to_string(),
    });
    let workflows: Vec<_> = rows.collect();
    let any_plugin = workflows.is_empty() && viewer.may(Action::PLUGINS_READ) && {
        let first = Page { limit: 1, cursor: None };
        !plugin::list(&services, &viewer.caller, first).await?.items.is_empty()
    };
    let shown = WorkflowsPage {
        workflows,
        next: found.next,
        may_create: viewer.may(Action::WORKFLOWS_CREATE),
        may_upload: viewer.may(Action::PLUGINS_CREATE),
        any_plugin,
        frame: viewer.frame("Workflows", HERE),
    };
    Ok(page(StatusCode::OK, &shown))
}

#[derive(Template)]
#[template(path = "workflows/one.html")]
struct WorkflowPage {
    frame: Frame,
    faults: Faults,
    name: String,
    version: i64,
    plugin: String,
    digest: String,
    paused_at: Option<String>,
    created_at: String,
    updated_at: String,
    config: String,
    /// Each with what it allows.
    grants: Vec<(String, String)>,
    /// Grants that its plugin may ask for and that it has not.
    lacking: Vec<String>,
    limits: Vec<(&'static str, String)>,
    retry: String,
    concurrency: String,
    audit: &'static str,
    triggers: Option<Vec<Summary>>,
    runs: Vec<RunRow>,
    /// How it does, and what differs for its notices.
    notices: WorkflowNoticesView,
    may_run: bool,
    may_update: bool,
    may_delete: bool,
    may_add_trigger: bool,
}

impl WorkflowPage {
    /// Its own number of failures, if it has one.
    fn own_threshold(&self) -> String {
        self.notices.after_failures.map(|number| number.to_string()).unwrap_or_default()
    }
}

async fn one(
    services: &Services,
    viewer: &Viewer,
    name: &str,
    faults: Faults,
) -> Result<WorkflowPage, Refusal> {
    let found = workflow::get(services, &viewer.caller, name).await?;
    let runs = workflow::last_runs(services, &viewer.caller, &[found.id], LAST_RUNS).await?;
    let triggers = if viewer.may(Action::TRIGGERS_READ) {
        let first = Page { limit: TRIGGERS_SHOWN, cursor: None };
        let its = trigger::list(services, &viewer.caller, Some(name), first).await?;
        Some(its.items.iter().map(Summary::from).collect())
    } else {
        None
    };
    let imports = if viewer.may(Action::PLUGINS_READ) {
        plugin::get(services, &viewer.caller, &found.plugin).await?.imports
    } else {
        Vec::new()
    };
    let its = notice::of_workflow(services, &viewer.caller, name).await?;
    Ok(WorkflowPage {
        notices: WorkflowNoticesView::of(&its.own, its.health.as_ref()),
        frame: viewer.frame(format!("Workflow {name}"), HERE),
        faults,
        version: found.version,
        digest: found.digest.to_string(),
        paused_at: found.paused_at.map(|at| at.to_string()),
        created_at: found.created_at.to_string(),
        updated_at: found.updated_at.to_string(),
        config: indented(&found.config),
        grants: found.grants.iter().map(|grant| (grant.to_string(), grants::explained(grant))).collect(),
        lacking: grants::lacking(&imports, &found.grants),
        limits: found.limits.fields().map(|(field, value)| (words_of(field), amount(field, value))).to_vec(),
        retry: retry(&found),
        concurrency: found
            .concurrency
            .map_or_else(|| "as many as come".to_owned(), |most| format!("at most {most}")),
        audit: match found.audit {
            AuditClass::Activity => {
                "activity: that runs were accepted, how they ended, what they were refused"
            }
            AuditClass::DataAccess => "data access: each call of the host too",
        },
        triggers,
        runs: runs.first().map(|runs| runs.iter().map(RunRow::from).collect()).unwrap_or_default(),
        may_run: viewer.may_named(Action::WORKFLOWS_RUN, name),
        may_update: viewer.may_named(Action::WORKFLOWS_UPDATE, name),
        may_delete: viewer.may_named(Action::WORKFLOWS_DELETE, name),
        may_add_trigger: viewer.may_named(Action::TRIGGERS_CREATE, name),
        name: found.name,
        plugin: found.plugin,
    })
}

/// JSON as it can be read, and shows no control character.
fn indented(value: &serde_json::Value) -> String {
    harmless::document(&serde_json::to_string_pretty(value).unwrap_or_default()).into_owned()
}

/// What a limit bounds.
fn words_of(field: &str) -> &'static str {
    match field {
        "wall_ms" => "Time, with waiting",
        "cpu_ms" => "Time of the processor",
        "memory_bytes" => "Memory",
        "output_bytes" => "Output",
        "log_bytes" => "Log",
        "host_calls" => "Calls of the host",
        "http_requests" => "HTTP requests",
        "http_bytes" => "Bytes over HTTP",
        _ => "Other",
    }
}

fn amount(field: &str, value: u64) -> String {
    match field.rsplit('_').next() {
        Some("ms") if value.is_multiple_of(1_000) => format!("{} s", grouped(value / 1_000)),
        Some("ms") => format!("{} ms", grouped(value)),
        Some("bytes") if value.is_multiple_of(1 << 20) => format!("{} MiB", grouped(value >> 20)),
        Some("bytes") => format!("{} bytes", grouped(value)),
        _ => grouped(value),
    }
}

fn retry(workflow: &Workflow) -> String {
    let policy = &workflow.retry;
    if policy.attempts <= 1 {
        return "none: a failed run stays failed".to_owned();
    }
    let codes: Vec<_> = policy.on.iter().map(|code| code.as_str()).collect();
    let on =
        if codes.is_empty() { "every failure that is not permanent".to_owned() } else { codes.join(", ") };
    let (attempts, wait) = (policy.attempts, amount("ms", policy.backoff_ms));
    format!("{attempts} attempts in all, the second after {wait}, which doubles each time; on {on}")
}

async fn show(services: State, viewer: Viewer, Path(name): Path<String>) -> Shown {
    Ok(page(StatusCode::OK, &one(&services, &viewer, &name, Faults::default()).await?))
}

async fn pause(services: State, viewer: Viewer, Path(name): Path<String>) -> Shown {
    workflow::pause(&services, &viewer.caller, &name, true).await?;
    Ok(go(&format!("/workflows/{name}")))
}

async fn resume(services: State, viewer: Viewer, Path(name): Path<String>) -> Shown {
    workflow::pause(&services, &viewer.caller, &name, false).await?;
    Ok(go(&format!("/workflows/{name}")))
}

async fn delete(
    services: State,
    viewer: Viewer,
    Path(name): Path<String>,
    fields: super::fields::Fields,
) -> Shown {
    let target = Some(Target::named("workflow", &name, &name));
    let doing =
        viewer.caller.allowed(&services, "workflow.delete", Action::WORKFLOWS_DELETE, Some(&name), target);
    doing.await?;
    if fields.text("confirm") != name {
        let faults = Faults::beside("confirm", format!("type {name} to delete it"));
        let shown = one(&services, &viewer, &name, faults).await?;
        return Ok(page(StatusCode::UNPROCESSABLE_ENTITY, &shown));
    }
    workflow::delete(&services, &viewer.caller, &name).await?;
    Ok(go(HERE))
}
