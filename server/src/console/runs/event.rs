//! What a run was started with, on a page of its own: more of it than stands on the run's page, and the rest to download.

use askama::Template;
use axum::extract::Path;
use http::StatusCode;

use super::HERE;
use super::payload::{self, MORE};
use super::tree::Part;
use crate::api::routes::State;
use crate::console::Shown;
use crate::console::frame::Frame;
use crate::console::page::page;
use crate::console::viewer::Viewer;
use crate::operations::{event, run};

#[derive(Template)]
#[template(path = "runs/event_page.html")]
struct EventPage {
    frame: Frame,
    id: String,
    event: payload::Shown,
}

/// The event of a run.
pub async fn show(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    let run = run::get(&services, &viewer.caller, &id).await?;
    let (event, trigger) = event::get(&services, &viewer.caller, &run.event_id.to_string()).await?;
    let event = payload::shown(&event, trigger, MORE);
    Ok(page(StatusCode::OK, &EventPage { frame: viewer.frame("Event of a run", HERE), id, event }))
}
