//! `/members`

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::Path;
use factotum_model::Action;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::{Answer, State};
use crate::api::body::{self, is_json, wrong_type};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::form::Form;
use crate::api::guarded::refusal;
use crate::api::idempotency::IdempotencyKey;
use crate::api::parameters::{Parameters, listed, page};
use crate::operations::member::{self, MemberChange};
use crate::operations::{Caller, OperationError, Services};
use crate::view::PageView;
use crate::view::member::{ErasureView, MemberView};

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let at = "/api/v1/members/{id}";
    routes
        .add(
            Endpoint::get("/api/v1/members", "listMembers", "List members")
                .grant(Action::MEMBERS_READ)
                .query_of("service", Form::Flag, "true: service accounts too")
                .paged()
                .gives::<PageView<MemberView>>(200, "The members, oldest first"),
            list,
        )
        .add(
            Endpoint::get(at, "getMember", "Show a member, or a service account")
                .grant(Action::MEMBERS_READ)
                .gives::<MemberView>(200, "The member"),
            show,
        )
        .add(
            Endpoint::patch(at, "changeMember", "Change a member's roles; a service account is refused")
                .grant(Action::MEMBERS_UPDATE)
                .takes::<MemberChange>()
                .gives::<MemberView>(200, "The member as it is then"),
            change,
        )
        .add(
            Endpoint::delete(at, "removeMember", "Remove a member; a service account is refused")
                .grant(Action::MEMBERS_DELETE)
                .gives_nothing(204, "Removed"),
            remove,
        )
        .add(
            Endpoint::post(
                "/api/v1/members/{id}/erase",
                "eraseMember",
                "Erase what is known of a former member; a service account is refused",
            )
            .grant(Action::MEMBERS_DELETE)
            .gives::<ErasureView>(200, "What was erased"),
            erase,
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

async fn show(services: State, caller: Caller, Path(id): Path<String>) -> Answer<Json<MemberView>> {
    Ok(Json((&member::get(&services, &caller, &id).await?).into()))
}

/// A body that cannot be is refused by the operation: for a service account it is of no matter, whatever it asks for.
async fn change(
    services: State,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Json<MemberView>> {
    let bytes = body::read(&headers, body, services.limits.json_body_bytes).await?;
    let read =
        if is_json(&headers) { body::parse(&bytes) } else { Err(wrong_type(&headers, "application/json")) };
    let (asked, problem) = match read {
        Ok(asked) => (Ok(asked), None),
        Err(problem) => (Err(refusal(&problem)), Some(problem)),
    };
    match (member::change(&services, &caller, &id, asked).await, problem) {
        (Ok(account), _) => Ok(Json((&account).into())),
        (Err(OperationError::Invalid { .. }), Some(problem)) => Err(problem.into()),
        (Err(error), _) => Err(error.into()),
    }
}

async fn remove(services: State, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    member::remove(&services, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn erase(
    services: State,
    caller: Caller,
    idempotency: IdempotencyKey,
    Path(id): Path<String>,
) -> Answer<Json<ErasureView>> {
    let once = idempotency.over(b"")?;
    Ok(Json((&member::erase(&services, &caller, &id, once.as_ref()).await?).into()))
}
