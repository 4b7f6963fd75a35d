//! `/edi/interchanges`

use std::sync::Arc;

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use factotum_model::Action;
use factotum_model::edi::{Standard, State as Became};
use http::{HeaderValue, header};
use serde::Deserialize;

use super::{Answer, State};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::form::Form;
use crate::api::parameters::{Parameters, listed, page, word};
use crate::api::problem::Problem;
use crate::operations::interchange::{self, Asked};
use crate::operations::{Caller, Services};
use crate::view::PageView;
use crate::view::interchange::InterchangeView;

const RAW: &str = "application/octet-stream";

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let settles = |path, id, summary| {
        Endpoint::post(path, id, summary)
            .grant(Action::PARTNERS_UPDATE)
            .gives::<InterchangeView>(200, "The interchange as it is then")
            .refuses(409, "It is not in quarantine, or would go there again")
    };
    routes
        .add(
            Endpoint::get(
                "/api/v1/edi/interchanges",
                "listInterchanges",
                "List EDI interchanges that came in",
            )
            .grant(Action::EVENTS_READ)
            .query_of("state", Form::Word(&Became::WORDS), "what became of them")
            .query("partner", "of the partner with this name or id")
            .paged()
            .gives::<PageView<InterchangeView>>(200, "The interchanges, newest first"),
            list,
        )
        .add(
            Endpoint::get(
                "/api/v1/edi/interchanges/{id}",
                "getInterchange",
                "Show an EDI interchange with its groups, sets and findings",
            )
            .grant(Action::EVENTS_READ)
            .gives::<InterchangeView>(200, "The interchange"),
            show,
        )
        .add(
            Endpoint::get("/api/v1/edi/interchanges/{id}/raw", "getInterchangeRaw", "The bytes as they came")
                .grant(Action::EVENTS_READ)
                .gives_raw(200, "The bytes", RAW),
            bytes,
        )
        .add(
            Endpoint::get(
                "/api/v1/edi/interchanges/{id}/acknowledgement",
                "getInterchangeAcknowledgement",
                "What its sender is to be sent: TA1, 997, 999 or CONTRL",
            )
            .grant(Action::EVENTS_READ)
            .gives_raw(200, "The acknowledgement; 404 where none is due", "*/*"),
            acknowledgement,
        )
        .add(
            settles(
                "/api/v1/edi/interchanges/{id}/release",
                "releaseInterchange",
                "Take an interchange that is in quarantine, by the partners and triggers that there are now",
            ),
            release,
        )
        .add(
            settles(
                "/api/v1/edi/interchanges/{id}/discard",
                "discardInterchange",
                "Throw an interchange out of the quarantine: it starts nothing, and stays on record",
            ),
            discard,
        )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    state: Option<String>,
    partner: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

async fn list(
    services: State,
    caller: Caller,
    Parameters(query): Parameters<ListQuery>,
) -> Answer<Json<PageView<InterchangeView>>> {
    let page = page(query.limit.as_deref(), query.cursor.as_deref())?;
    let state = word("state", query.state.as_deref(), Became::from_word)?;
    let asked = Asked { state, partner: query.partner };
    let found = interchange::list(&services, &caller, asked, page).await?;
    Ok(listed(found, |interchange| InterchangeView::from(&interchange)))
}

async fn show(services: State, caller: Caller, Path(id): Path<String>) -> Answer<Json<InterchangeView>> {
    Ok(Json((&interchange::get(&services, &caller, &id).await?).into()))
}

async fn bytes(services: State, caller: Caller, Path(id): Path<String>) -> Answer<Response> {
    let (_, bytes) = interchange::raw(&services, &caller, &id).await?;
    Ok(file(bytes, RAW))
}

async fn acknowledgement(services: State, caller: Caller, Path(id): Path<String>) -> Answer<Response> {
    let found = interchange::get(&services, &caller, &id).await?;
    let kind = found.standard.map_or(RAW, Standard::media_type);
    match found.acknowledgement {
        Some(bytes) => Ok(file(bytes, kind)),
        None => Err(Problem::not_found().into()),
    }
}

/// What came in is hostile to a browser: it is offered as a file, never shown.
pub fn file(bytes: Vec<u8>, kind: &'static str) -> Response {
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn release(services: State, caller: Caller, Path(id): Path<String>) -> Answer<Json<InterchangeView>> {
    Ok(Json((&interchange::release(&services, &caller, &id).await?).into()))
}

async fn discard(services: State, caller: Caller, Path(id): Path<String>) -> Answer<Json<InterchangeView>> {
    Ok(Json((&interchange::discard(&services, &caller, &id).await?).into()))
}
