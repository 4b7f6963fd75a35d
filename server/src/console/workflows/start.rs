//! Running a workflow with an event that somebody writes. What must hold: it runs as who asks, with no more than they may; what it will lack is said before.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::Path;
use factotum_model::Action;
use http::StatusCode;

use super::HERE;
use crate::api::body;
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::routes::State;
use crate::console::Shown;
use crate::console::fields::{Faults, Fields};
use crate::console::frame::Frame;
use crate::console::page::{go, page};
use crate::console::viewer::Viewer;
use crate::operations::{OperationError, Services, workflow};

/// What is in the field at first.
const SAMPLE: &str = "{\n  \"name\": \"Ada\"\n}";

pub(super) fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let at = "/workflows/{name}/run";
    routes
        .add(Endpoint::get(at, "page.workflow.sample", "Run a workflow").grant(Action::WORKFLOWS_RUN), blank)
        .add(Endpoint::post(at, "page.workflow.run", "Run a workflow").grant(Action::WORKFLOWS_RUN), start)
}

#[derive(Template)]
#[template(path = "workflows/run.html")]
struct RunPage {
    frame: Frame,
    faults: Faults,
    name: String,
    payload: String,
    /// As whom it runs.
    principal: String,
    /// What it declares and the viewer lacks.
    missing: Vec<String>,
    paused: bool,
}

async fn shown(
    services: &Services,
    viewer: &Viewer,
    name: String,
    payload: String,
    faults: Faults,
) -> Result<RunPage, OperationError> {
    let (missing, paused) = if viewer.may_named(Action::WORKFLOWS_READ, &name) {
        let found = workflow::get(services, &viewer.caller, &name).await?;
        let held = viewer.caller.authority.grants();
        (found.grants.missing_from(held).map(ToString::to_string).collect(), found.paused_at.is_some())
    } else {
        (Vec::new(), false)
    };
    let principal = viewer.caller.principal.name.clone();
    let frame = viewer.frame(format!("Run {name}"), HERE);
    Ok(RunPage { frame, faults, name, payload, principal, missing, paused })
}

async fn blank(services: State, viewer: Viewer, Path(name): Path<String>) -> Shown {
    let doing = viewer.caller.allowed(&services, "workflow.run", Action::WORKFLOWS_RUN, Some(&name), None);
    doing.await?;
    let shown = shown(&services, &viewer, name, SAMPLE.to_owned(), Faults::default()).await?;
    Ok(page(StatusCode::OK, &shown))
}

async fn start(services: State, viewer: Viewer, Path(name): Path<String>, fields: Fields) -> Shown {
    let payload = fields.text("payload");
    // As through the API: nothing to say is a payload too.
    let sent = if payload.is_empty() { "null".to_owned() } else { payload.clone() };
    let checked = body::check(sent.as_bytes()).map_err(|problem| problem.detail).and_then(|()| {
        let most = services.limits.json_body_bytes;
        if sent.len() as u64 > most { Err(format!("at most {most} bytes")) } else { Ok(()) }
    });
    if let Err(words) = checked {
        let faults = Faults::beside("payload", words);
        let shown = shown(&services, &viewer, name, payload, faults).await?;
        return Ok(page(StatusCode::UNPROCESSABLE_ENTITY, &shown));
    }
    let started =
        workflow::start(&services, &viewer.caller, &name, sent.into_bytes(), Duration::ZERO, None).await?;
    Ok(go(&format!("/runs/{}", started.run.id)))
}
