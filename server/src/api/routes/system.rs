//! `/healthz`, `/readyz`, `/metrics` and the OpenAPI document.

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use factotum_model::OrgId;
use factotum_storage::organizations;
use http::header;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, State};
use crate::api::endpoint::{Endpoint, Needs, Routes};
use crate::api::problem::Problem;
use crate::operations::{OperationError, Services};

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let open = |path, id, summary| Endpoint::get(path, id, summary).needs(Needs::Nothing);
    routes
        .add(open("/healthz", "healthz", "Alive").gives::<Status>(200, "Alive"), healthz)
        .add(open("/readyz", "readyz", "Able to accept").gives::<Status>(200, "Able to accept"), readyz)
        .add(
            open("/metrics", "metrics", "Metrics for Prometheus").gives_raw(
                200,
                "OpenMetrics text",
                "application/openmetrics-text",
            ),
            metrics,
        )
        .add(
            open("/api/v1/openapi.json", "openapi", "This document").gives_raw(
                200,
                "OpenAPI 3.1",
                "application/vnd.oai.openapi+json",
            ),
            openapi,
        )
}

#[derive(Serialize, JsonSchema)]
struct Status {
    /// ok
    status: &'static str,
}

async fn healthz() -> Json<Status> {
    Json(Status { status: "ok" })
}

/// Able to accept: the database answers, and the server is not stopping.
async fn readyz(services: State) -> Answer<Json<Status>> {
    if services.stopping.is_cancelled() {
        return Err(Problem::unavailable("the server is stopping").into());
    }
    let mut tx = services.storage.read().await.map_err(OperationError::from)?;
    organizations::get(&mut tx, OrgId(uuid::Uuid::nil())).await.map_err(OperationError::from)?;
    Ok(Json(Status { status: "ok" }))
}

async fn metrics(services: State) -> Response {
    services.metrics.answer(&services)
}

/// Made from the table of routes, so it cannot differ from what is served.
async fn openapi() -> Response {
    let document = crate::api::openapi::document(&super::all().endpoints);
    ([(header::CONTENT_TYPE, "application/vnd.oai.openapi+json;version=3.1")], Json(document).0.to_string())
        .into_response()
}
