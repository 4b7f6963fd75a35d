//! `/roles`

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::Path;
use factotum_model::Action;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::{Answer, State};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::guarded;
use crate::api::idempotency::IdempotencyKey;
use crate::api::parameters::{Parameters, listed, page};
use crate::operations::role::{self, NewRole, RoleChange};
use crate::operations::{Caller, Services};
use crate::view::PageView;
use crate::view::member::RoleView;

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let (all, one) = ("/api/v1/roles", "/api/v1/roles/{id}");
    routes
        .add(
            Endpoint::get(all, "listRoles", "List roles")
                .grant(Action::ROLES_READ)
                .paged()
                .gives::<PageView<RoleView>>(200, "The roles, oldest first"),
            list,
        )
        .add(
            Endpoint::post(all, "createRole", "Make a role; its grants are among one's own")
                .grant(Action::ROLES_CREATE)
                .takes::<NewRole>()
                .gives::<RoleView>(201, "The role"),
            create,
        )
        .add(
            Endpoint::get(one, "getRole", "Show a role")
                .grant(Action::ROLES_READ)
                .gives::<RoleView>(200, "The role"),
            show,
        )
        .add(
            Endpoint::patch(one, "changeRole", "Change a role that is not built in, for all who have it")
                .grant(Action::ROLES_UPDATE)
                .takes::<RoleChange>()
                .gives::<RoleView>(200, "The role as it is then"),
            change,
        )
        .add(
            Endpoint::delete(one, "deleteRole", "Delete a role that is not built in and that nobody has")
                .grant(Action::ROLES_DELETE)
                .gives_nothing(204, "Deleted"),
            delete,
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
) -> Answer<Json<PageView<RoleView>>> {
    let page = page(query.limit.as_deref(), query.cursor.as_deref())?;
    Ok(listed(role::list(&services, &caller, page).await?, |role| RoleView::from(&role)))
}

async fn create(
    services: State,
    caller: Caller,
    idempotency: IdempotencyKey,
    headers: HeaderMap,
    body: Body,
) -> Answer<(StatusCode, Json<RoleView>)> {
    let (new, bytes) =
        guarded::read::<NewRole>(&services, &caller, "role.create", &headers, body, None).await?;
    let once = idempotency.over(&bytes)?;
    let made = role::create(&services, &caller, new, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json((&made).into())))
}

async fn show(services: State, caller: Caller, Path(id): Path<String>) -> Answer<Json<RoleView>> {
    Ok(Json((&role::get(&services, &caller, &id).await?).into()))
}

async fn change(
    services: State,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Json<RoleView>> {
    let (asked, _) =
        guarded::read::<RoleChange>(&services, &caller, "role.update", &headers, body, None).await?;
    Ok(Json((&role::change(&services, &caller, &id, asked).await?).into()))
}

async fn delete(services: State, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    role::delete(&services, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
