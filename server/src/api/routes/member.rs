//! `/members`

use std::sync::Arc;

use axum::Json;
use axum::extract::Path;
use factotum_model::Action;
use http::StatusCode;
use serde::Deserialize;

use super::{Answer, State};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::parameters::{Parameters, listed, page};
use crate::operations::{Caller, Services, member};
use crate::view::PageView;
use crate::view::member::MemberView;

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let at = "/api/v1/members/{id}";
    routes
        .add(
            Endpoint::get("/api/v1/members", "listMembers", "List members")
                .grant(Action::MEMBERS_READ)
                .query("service", "true: service accounts too")
                .paged()
                .gives::<PageView<MemberView>>(200, "The members, oldest first"),
            list,
        )
        .add(
            Endpoint::patch(at, "changeMember", "Change a member; a service account is refused")
                .grant(Action::MEMBERS_UPDATE)
                .gives_nothing(204, "Changed"),
            change,
        )
        .add(
            Endpoint::delete(at, "removeMember", "Remove a member; a service account is refused")
                .grant(Action::MEMBERS_DELETE)
                .gives_nothing(204, "Removed"),
            remove,
        )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    #[serde(default)]
    service: bool,
    limit: Option<String>,
    cursor: Option<String>,
}

async fn list(
    services: State,
    caller: Caller,
    Parameters(query): Parameters<ListQuery>,
) -> Answer<Json<PageView<MemberView>>> {
    let page = page(query.limit.as_deref(), query.cursor.as_deref())?;
    let found = member::list(&services, &caller, query.service, page).await?;
    Ok(listed(found, |account| MemberView::from(&account)))
}

/// The body is of no matter: whatever it asks for, the account's kind decides.
async fn change(services: State, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    member::change(&services, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove(services: State, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    member::remove(&services, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
