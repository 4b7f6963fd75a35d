//! `POST /edi/{token}`: where partners send interchanges. What must hold: axum's part ends here; the path, which holds the token, is in no log; no more is
//! read than the trigger takes.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use factotum_edi::{Arrival, Refusal, Taken};
use factotum_model::RequestId;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde_json::json;

use super::State;
use crate::api::body;
use crate::api::endpoint::{Endpoint, Needs, Routes};
use crate::operations::{Origin, Services};

/// Adds the route.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    routes.add(
        Endpoint::post("/edi/{token}", "sendInterchange", "Send X12 or EDIFACT interchanges to an EDI trigger")
            .needs(Needs::Nothing)
            .takes_raw("*/*")
            .gives_raw(
                200,
                "The acknowledgement: TA1, 997, 999 (application/edi-x12) or CONTRL (application/edifact)",
                "*/*",
            )
            .gives::<KeptOrTaken>(202, "No acknowledgement is due, or it is in quarantine")
            .refuses(408, "The body did not arrive in time")
            .refuses(413, "The body is larger than the trigger takes, or has too many transaction sets")
            .refuses(
                422,
                "The envelope cannot be read, or nothing was taken and no acknowledgement was agreed; `offset` says at which byte",
            ),
        send,
    )
}

/// What is answered where no acknowledgement is due.
#[derive(JsonSchema)]
#[schemars(rename = "SentInterchanges")]
#[expect(dead_code, reason = "only its schema is used")]
struct KeptOrTaken {
    /// Each interchange: `id` and `state`.
    interchanges: Vec<std::collections::BTreeMap<String, String>>,
}

async fn send(
    services: State,
    Extension(origin): Extension<Origin>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let request = origin.request_id;
    let door = match services.inbox.door(&token).await {
        Ok(door) => door,
        Err(refusal) => return refused(&refusal, request),
    };
    let bytes = match body::read(&headers, body, door.max_bytes()).await {
        Ok(bytes) => Vec::from(bytes),
        Err(problem) => return problem.into_response(),
    };
    let origin = factotum_storage::accept::Origin {
        ip: Some(origin.address),
        user_agent: origin.user_agent,
        request_id: Some(request),
    };
    match services.inbox.take(&door, bytes, &Arrival { transport: "http", origin }).await {
        Ok(taken) => answered(&taken),
        Err(refusal) => refused(&refusal, request),
    }
}

fn answered(taken: &Taken) -> Response {
    if let Some((kind, bytes)) = taken.acknowledgement() {
        return bare((StatusCode::OK, bytes).into_response(), kind);
    }
    let each = taken.told.iter().map(|told| json!({"id": told.id, "state": told.state}));
    let body = json!({"interchanges": each.collect::<Vec<_>>()}).to_string();
    bare((StatusCode::ACCEPTED, body).into_response(), "application/json")
}

/// RFC 9457, with the byte where it is wrong.
fn refused(refusal: &Refusal, request: RequestId) -> Response {
    let (status, code, title) = refusal.row();
    let mut problem = json!({
        "type": format!("urn:factotum:problem:{code}"),
        "title": title,
        "status": status,
        "detail": refusal.to_string(),
        "code": code,
        "request_id": request,
    });
    if let Some(offset) = refusal.offset() {
        problem["offset"] = offset.into();
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = bare((status, problem.to_string()).into_response(), "application/problem+json");
    if let Some(seconds) = refusal.retry_after_s() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A browser runs nothing of what is answered.
fn bare(mut response: Response, kind: &'static str) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
