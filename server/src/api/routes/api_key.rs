//! `/api-keys`. What must hold: an impossible body is on the record as well, as it is what attackers try here.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::Path;
use factotum_model::{Action, Timestamp};
use factotum_storage::api_keys::KeyFilter;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::{Answer, State};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::form::Form;
use crate::api::guarded::read;
use crate::api::idempotency::IdempotencyKey;
use crate::api::parameters::{Parameters, listed, page, value};
use crate::operations::key::{self, NewKey, Rotation};
use crate::operations::{Caller, Services};
use crate::view::PageView;
use crate::view::key::KeyView;
use crate::view::key_report::KeyReportView;

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let at = "/api/v1/api-keys/{id}";
    routes
        .add(
            Endpoint::post("/api/v1/api-keys", "createApiKey", "Make an API key with its service account")
                .grant(Action::API_KEYS_CREATE)
                .takes::<NewKey>()
                .gives::<KeyView>(201, "The key, with its secret, which is shown this once"),
            create,
        )
        .add(
            Endpoint::get("/api/v1/api-keys", "listApiKeys", "List the active API keys")
                .grant(Action::API_KEYS_READ)
                .query_of("unused_since", Form::Time, "only those not used since this time, RFC 3339")
                .query_of(
                    "creator_left",
                    Form::Flag,
                    "`true`: only those whose maker is gone; `false`: only the others",
                )
                .paged()
                .gives::<PageView<KeyView>>(200, "The keys, newest first"),
            list,
        )
        .add(
            Endpoint::get(at, "getApiKey", "Show an API key")
                .grant(Action::API_KEYS_READ)
                .gives::<KeyView>(200, "The key"),
            show,
        )
        .add(
            Endpoint::get(
                "/api/v1/api-keys/{id}/report",
                "reportApiKey",
                "Show all that an API key did, revoked or not; that is on the record too",
            )
            .grant(Action::AUDIT_READ)
            .gives::<KeyReportView>(200, "What it did, from where, since when"),
            report,
        )
        .add(
            Endpoint::delete(at, "revokeApiKey", "Revoke an API key: its account goes, its runs stop")
                .grant(Action::API_KEYS_DELETE)
                .gives_nothing(204, "Revoked"),
            revoke,
        )
        .add(
            Endpoint::post("/api/v1/api-keys/{id}/rotate", "rotateApiKey", "Replace an API key by a new one")
                .grant(Action::API_KEYS_UPDATE)
                .may_take::<Rotation>()
                .gives::<KeyView>(201, "The new key, with its secret, which is shown this once"),
            rotate,
        )
}

async fn create(
    services: State,
    caller: Caller,
    idempotency: IdempotencyKey,
    headers: HeaderMap,
    body: Body,
) -> Answer<(StatusCode, Json<KeyView>)> {
    let (new, bytes) = read::<NewKey>(&services, &caller, "api_key.create", &headers, body, None).await?;
    let once = idempotency.over(&bytes)?;
    let made = key::create(&services, &caller, new, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(KeyView::from(&made.key).with_secret(&made.text))))
}

async fn rotate(
    services: State,
    caller: Caller,
    idempotency: IdempotencyKey,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer<(StatusCode, Json<KeyView>)> {
    let default = Some(Rotation::default());
    let (rotation, bytes) = read(&services, &caller, "api_key.rotate", &headers, body, default).await?;
    let once = idempotency.over(&bytes)?;
    let made = key::rotate(&services, &caller, &id, rotation, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(KeyView::from(&made.key).with_secret(&made.text))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    unused_since: Option<String>,
    creator_left: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

async fn list(
    services: State,
    caller: Caller,
    Parameters(query): Parameters<ListQuery>,
) -> Answer<Json<PageView<KeyView>>> {
    let page = page(query.limit.as_deref(), query.cursor.as_deref())?;
    let filter = KeyFilter {
        unused_since: value::<Timestamp>("unused_since", query.unused_since.as_deref())?,
        creator_left: value::<bool>("creator_left", query.creator_left.as_deref())?,
    };
    let found = key::list(&services, &caller, filter, page).await?;
    Ok(listed(found, |key| KeyView::from(&key)))
}

async fn show(services: State, caller: Caller, Path(id): Path<String>) -> Answer<Json<KeyView>> {
    Ok(Json((&key::get(&services, &caller, &id).await?).into()))
}

async fn report(services: State, caller: Caller, Path(id): Path<String>) -> Answer<Json<KeyReportView>> {
    Ok(Json((&key::report(&services, &caller, &id).await?).into()))
}

async fn revoke(services: State, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    key::revoke(&services, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
