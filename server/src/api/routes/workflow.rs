//! `/workflows`

use std::sync::Arc;
use std::time::Duration;

use axum::Json as Answered;
use axum::body::Body;
use axum::extract::Path;
use factotum_model::Action;
use factotum_model::workflow::WorkflowSpec;
use http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Answer, State};
use crate::api::body::{self, Json, is_json, wrong_type};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::form::Form;
use crate::api::idempotency::IdempotencyKey;
use crate::api::parameters::{Parameters, listed, page};
use crate::api::problem::Problem;
use crate::operations::{Caller, Services, workflow};
use crate::view::PageView;
use crate::view::run::StartedView;
use crate::view::workflow::{SpecSchema, WorkflowView};

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let at = "/api/v1/workflows/{name}";
    routes
        .add(
            Endpoint::get("/api/v1/workflows", "listWorkflows", "List workflows")
                .grant(Action::WORKFLOWS_READ)
                .paged()
                .gives::<PageView<WorkflowView>>(200, "The workflows by name"),
            list,
        )
        .add(
            Endpoint::put(
                at,
                "putWorkflow",
                "Make a workflow, or give it its next version; needs each grant that it gets",
            )
            .grant(Action::WORKFLOWS_UPDATE)
            .or_grant(Action::WORKFLOWS_CREATE, "where the workflow is new")
            .takes::<SpecSchema>()
            .gives::<WorkflowView>(201, "It is new")
            .gives::<WorkflowView>(200, "It has a new version"),
            put,
        )
        .add(
            Endpoint::get(at, "getWorkflow", "Show a workflow")
                .grant(Action::WORKFLOWS_READ)
                .gives::<WorkflowView>(200, "The workflow"),
            show,
        )
        .add(
            Endpoint::patch(at, "pauseWorkflow", "Pause or resume a workflow: its runs wait")
                .grant(Action::WORKFLOWS_UPDATE)
                .takes::<Pause>()
                .gives::<WorkflowView>(200, "The workflow"),
            pause,
        )
        .add(
            Endpoint::delete(at, "deleteWorkflow", "Delete a workflow and its triggers; its runs stay")
                .grant(Action::WORKFLOWS_DELETE)
                .gives_nothing(204, "Deleted"),
            delete,
        )
        .add(
            Endpoint::post(
                "/api/v1/workflows/{name}/runs",
                "runWorkflow",
                "Start a run as the caller's account",
            )
            .grant(Action::WORKFLOWS_RUN)
            .query_of(
                "wait",
                Form::Count(0, u64::MAX),
                "how many seconds to wait for the outcome, and never more than 120",
            )
            .may_take::<serde_json::Value>()
            .gives::<StartedView>(202, "The run goes on")
            .gives::<StartedView>(200, "The run has ended, well or not"),
            start,
        )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    limit: Option<String>,
    cursor: Option<String>,
}

async fn list(
    services: State,
    caller: Caller,
    Parameters(query): Parameters<ListQuery>,
) -> Answer<Answered<PageView<WorkflowView>>> {
    let page = page(query.limit.as_deref(), query.cursor.as_deref())?;
    Ok(listed(workflow::list(&services, &caller, page).await?, |workflow| WorkflowView::from(&workflow)))
}

async fn put(
    services: State,
    caller: Caller,
    Path(name): Path<String>,
    spec: Json<WorkflowSpec>,
) -> Answer<(StatusCode, Answered<WorkflowView>)> {
    let (workflow, created) = workflow::put(&services, &caller, &name, spec.value).await?;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Answered((&workflow).into())))
}

async fn show(services: State, caller: Caller, Path(name): Path<String>) -> Answer<Answered<WorkflowView>> {
    Ok(Answered((&workflow::get(&services, &caller, &name).await?).into()))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pause {
    /// Whether its runs wait.
    paused: bool,
}

async fn pause(
    services: State,
    caller: Caller,
    Path(name): Path<String>,
    change: Json<Pause>,
) -> Answer<Answered<WorkflowView>> {
    Ok(Answered((&workflow::pause(&services, &caller, &name, change.value.paused).await?).into()))
}

async fn delete(services: State, caller: Caller, Path(name): Path<String>) -> Answer<StatusCode> {
    workflow::delete(&services, &caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StartQuery {
    wait: Option<String>,
}

async fn start(
    services: State,
    caller: Caller,
    Path(name): Path<String>,
    Parameters(query): Parameters<StartQuery>,
    idempotency: IdempotencyKey,
    headers: HeaderMap,
    body: Body,
) -> Answer<(StatusCode, Answered<StartedView>)> {
    let wait = wait(query.wait.as_deref())?;
    let mut bytes = body::read(&headers, body, services.limits.json_body_bytes).await?;
    if bytes.is_empty() {
        // Nothing to say is a payload too.
        bytes = b"null".as_slice().into();
    } else if is_json(&headers) {
        body::check(&bytes)?;
    } else {
        return Err(wrong_type(&headers, "application/json").into());
    }
    let once = idempotency.over(&bytes)?;
    let started = workflow::start(&services, &caller, &name, bytes.to_vec(), wait, once.as_ref()).await?;
    let status = if started.run.state.is_terminal() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Answered(StartedView { run: (&started.run).into() })))
}

fn wait(text: Option<&str>) -> Result<Duration, Problem> {
    let max = workflow::MAX_WAIT.as_secs();
    let seconds = text.map_or(Some(0), |text| text.parse::<u64>().ok()).ok_or_else(|| {
        Problem::field(
            "wait",
            format!("in the query, `wait` must be a whole number of seconds, at most {max}"),
        )
    })?;
    Ok(Duration::from_secs(seconds.min(max)))
}
