//! `/setup`: the first organization.

use std::sync::Arc;

use axum::Json;

use super::session::logged_in;
use super::{Answer, State};
use crate::api::body;
use crate::api::endpoint::{Endpoint, Needs, Routes};
use crate::api::session::{SetSession, Visitor};
use crate::operations::Services;
use crate::operations::organization::{self, Setup};
use crate::view::session::LoggedInView;

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    routes.add(
        Endpoint::post(
            "/api/v1/setup",
            "setUp",
            "Make the first organization by the one-time link of the first start",
        )
        .needs(Needs::Nothing)
        .takes::<Setup>()
        .gives::<LoggedInView>(200, "Made; its Admin is logged in"),
        set_up,
    )
}

async fn set_up(
    services: State,
    visitor: Visitor,
    body: body::Json<Setup>,
) -> Answer<(SetSession, Json<LoggedInView>)> {
    Ok(logged_in(organization::setup(&services, &body.value, &visitor.origin).await?))
}
