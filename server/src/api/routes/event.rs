//! `/events`

use std::sync::Arc;

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use factotum_model::Action;
use http::{HeaderValue, header};

use super::{Answer, State};
use crate::api::endpoint::{Endpoint, Routes};
use crate::operations::{Caller, Services, event};
use crate::view::event::EventView;

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let raw = "application/octet-stream";
    routes
        .add(
            Endpoint::get("/api/v1/events/{id}", "getEvent", "Show what came in")
                .grant(Action::EVENTS_READ)
                .gives::<EventView>(200, "The event"),
            show,
        )
        .add(
            Endpoint::get("/api/v1/events/{id}/raw", "getEventRaw", "The bytes as they came")
                .grant(Action::EVENTS_READ)
                .gives_raw(200, "The bytes", raw),
            bytes,
        )
}

async fn show(services: State, caller: Caller, Path(id): Path<String>) -> Answer<Json<EventView>> {
    let (event, trigger) = event::get(&services, &caller, &id).await?;
    Ok(Json(EventView::new(&event, trigger)))
}

/// What came in is hostile to a browser: it is offered as a file, never shown.
async fn bytes(services: State, caller: Caller, Path(id): Path<String>) -> Answer<Response> {
    let (event, _) = event::get(&services, &caller, &id).await?;
    let mut response = event.payload.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    Ok(response)
}
