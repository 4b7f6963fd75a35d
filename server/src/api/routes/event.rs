//! `/events`

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use factotum_model::email::{Attachment, Decoding, Source};
use factotum_model::{Action, Event};
use http::{HeaderValue, header};

use super::{Answer, State};
use crate::api::chunks::{BrokenOff, ChunkedBody, Chunks};
use crate::api::endpoint::{Endpoint, Routes};
use crate::operations::{Caller, Services, event};
use crate::view::event::EventView;

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let raw = "application/octet-stream";
    routes
        .add(
            Endpoint::get("/api/v1/events/{id}", "getEvent", "Show what came in")
                .grant(Action::EVENTS_READ)
                .gives::<EventView>(200, "The event"),
            show,
        )
        .add(
            Endpoint::get("/api/v1/events/{id}/raw", "getEventRaw", "The bytes as they came")
                .grant(Action::EVENTS_READ)
                .gives_raw(200, "The bytes", raw),
            bytes,
        )
        .add(
            Endpoint::get(
                "/api/v1/events/{id}/attachments/{number}",
                "getEventAttachment",
                "A file that came with a mail",
            )
            .grant(Action::EVENTS_READ)
            .gives_raw(
                200,
                "The file, decoded; `number` is its place in the event's list, from 0",
                raw,
            ),
            attachment,
        )
}

async fn show(services: State, caller: Caller, Path(id): Path<String>) -> Answer<Json<EventView>> {
    let (event, trigger) = event::get(&services, &caller, &id).await?;
    Ok(Json(EventView::new(&event, trigger)))
}

/// What came in is hostile to a browser: it is offered as a file, never shown.
async fn bytes(services: State, caller: Caller, Path(id): Path<String>) -> Answer<Response> {
    let (event, _) = event::get(&services, &caller, &id).await?;
    let mut response = event.payload.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    Ok(response)
}

/// How much of a file is decoded at a time, in bytes.
const PIECE_BYTES: usize = 64 << 10;

/// A file, decoded while it is sent.
struct File {
    event: Event,
    source: Source,
    decoding: Decoding,
}

impl Chunks for File {
    async fn next(&mut self) -> Result<Option<Bytes>, BrokenOff> {
        let piece = self.decoding.read(self.source.encoded(&self.event.payload), PIECE_BYTES);
        Ok((!piece.is_empty()).then(|| piece.into()))
    }
}

/// A stranger's file: offered under its safe name as bytes, whatever it says it is.
async fn attachment(
    services: State,
    caller: Caller,
    Path((id, number)): Path<(String, String)>,
) -> Answer<Response> {
    let (event, file) = event::attachment(&services, &caller, &id, &number).await?;
    let Attachment { name, size, source, .. } = file;
    let body = File { event, source, decoding: Decoding::new(source.encoding) };
    let mut response = Body::new(ChunkedBody::begin(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    let offered = HeaderValue::from_str(&format!("attachment; filename*=UTF-8''{}", percent(&name)));
    headers.insert(header::CONTENT_DISPOSITION, offered.unwrap_or(HeaderValue::from_static("attachment")));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// RFC 8187 §3.2.1.
fn percent(name: &str) -> String {
    use std::fmt::Write as _;
    name.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}
