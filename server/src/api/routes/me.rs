//! `/me`

use std::sync::Arc;

use axum::Json;

use super::{Answer, State};
use crate::api::endpoint::{Endpoint, Routes};
use crate::operations::{self, Caller, Services};
use crate::view::member::MeView;

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let me = Endpoint::get("/api/v1/me", "me", "The account behind this request");
    routes.add(me.gives::<MeView>(200, "The account"), show)
}

async fn show(services: State, caller: Caller) -> Answer<Json<MeView>> {
    let organization = operations::member::me(&services, &caller).await?;
    Ok(Json(MeView {
        id: caller.principal.id.to_string(),
        kind: caller.principal.kind.as_str(),
        name: caller.principal.name.clone(),
        org: organization.id.to_string(),
        org_name: organization.name,
        grants: caller.authority.grants().iter().map(ToString::to_string).collect(),
    }))
}
