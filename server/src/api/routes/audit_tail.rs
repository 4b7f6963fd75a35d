//! `GET /audit/tail`: the trail as server-sent events (HTML, "Server-sent events"). What must hold: an entry is one event, its `id` names the place after
//! it, and an `id` without an entry moves the reader's place on too; nothing in an entry can end a line of the stream.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use factotum_model::Action;
use http::{HeaderMap, HeaderValue, header};

use super::audit::{AuditQuery, filtered};
use super::{Answer, State};
use crate::api::chunks::{BrokenOff, ChunkedBody, Chunks};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::form::Form;
use crate::api::parameters::Parameters;
use crate::api::problem::Problem;
use crate::operations::audit::tail::{self, News, Place, Tail};
use crate::operations::{Caller, Services};
use crate::view::harmless;

/// How long a browser waits before it comes again, in milliseconds.
const RETRY_MS: u32 = 2_000;
const LAST_EVENT_ID: &str = "last-event-id";

/// Adds the route.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    routes.add(
        filtered(Endpoint::get(
            "/api/v1/audit/tail",
            "tailAudit",
            "Follow the audit trail as server-sent events, one entry each, in the order in which it is sealed; that is on the record too",
        ))
        .grant(Action::AUDIT_READ)
        .query_of(
            "cursor",
            Form::Place,
            "go on after the event with this id; the header `Last-Event-ID` says the same, and counts first",
        )
        .refuses(503, "as many readers as the server takes follow already")
        .gives_raw(200, "Events without end", "text/event-stream"),
        follow,
    )
}

async fn follow(
    services: State,
    caller: Caller,
    headers: HeaderMap,
    Parameters(query): Parameters<AuditQuery>,
) -> Answer<Response> {
    query.is_no_page()?;
    let header = headers.get(LAST_EVENT_ID).map(|value| value.to_str().unwrap_or("?"));
    let (name, text) = match header.filter(|text| !text.is_empty()) {
        Some(text) => ("Last-Event-ID", Some(text)),
        None => ("cursor", query.cursor.as_deref()),
    };
    let resume = text.map(str::parse::<Place>).transpose();
    let resume = resume.map_err(|e| Problem::field(name, format!("`{name}`: {e}")))?;
    let tail = tail::begin(&services, caller, query.filter()?, query.asked(), resume).await?;
    let mut response = Body::new(ChunkedBody::begin(Events { tail, first: true })).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would keep events back until it has many.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

struct Events {
    tail: Tail,
    first: bool,
}

impl Chunks for Events {
    async fn next(&mut self) -> Result<Option<Bytes>, BrokenOff> {
        let news = self.tail.next().await.map_err(|error| {
            tracing::warn!(%error, "a tail of the audit trail broke off");
            BrokenOff
        })?;
        let Some(news) = news else { return Ok(None) };
        let mut text = String::new();
        if std::mem::take(&mut self.first) {
            let _ = writeln!(text, "retry: {RETRY_MS}");
        }
        // Writing to a string does not fail.
        let _ = match news {
            News::Quiet(place) => write!(text, ": still here\nid: {place}\n\n"),
            News::Over(why) => write!(text, "event: end\ndata: {}\n\n", harmless::json(&why)),
            News::Entries(entries, after) => {
                for (place, entry) in &entries {
                    let _ = write!(text, "id: {place}\ndata: {}\n\n", harmless::json(entry));
                }
                write!(text, "id: {after}\n\n")
            }
        };
        Ok(Some(text.into()))
    }
}
