//! A component that handles HTTP requests (`wasi:http/incoming-handler`): the event becomes its request, its response the run's output. What must hold: it
//! runs in the same store as every other component, behind the same gate; the request's body is in memory once and handed over piece by
//! piece, the response is read as it is written and bounded while it grows.

use std::collections::BTreeMap;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use factotum_model::{ErrorCode, Event, EventInput, Failure, HttpResponse};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode as WasiError, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::{Error, WasiHttpView as _};

use crate::guest::Guest;
use crate::meter::Meter;

/// How much of the request's body is handed over at a time, in bytes.
const PIECE_BYTES: usize = 64 << 10;
/// How much of a failed answer's text goes into the failure's message, in bytes.
const TOLD_BYTES: usize = 500;
/// Who is asked, where the request does not say.
const NOBODY: &str = "localhost";

type Response = http::Response<HyperOutgoingBody>;
type Sent = Result<Response, WasiError>;

/// Why a handler that ended has given no response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoResponse {
    /// It set none.
    #[error("the handler returned without a response (`response-outparam.set` was never called)")]
    Unset,
    /// It set an error.
    #[error("the handler answered with an error: {0}")]
    Error(String),
    /// It gave up its body, or wrote another number of bytes than it announced.
    #[error("the response's body broke off: {0}")]
    Broken(String),
    /// The stored request cannot be made one again.
    #[error("the event cannot be made a request: {0}")]
    Request(String),
}

/// Calls the handler with the event, and reads what it answers while it does.
pub(crate) async fn call(
    pre: &ProxyPre<Guest>,
    store: &mut Store<Guest>,
    event: &Arc<Event>,
    meter: &Arc<Meter>,
) -> wasmtime::Result<Result<HttpResponse, NoResponse>> {
    let began = Instant::now();
    let request = match request(event, meter) {
        Ok(request) => request,
        Err(error) => return Ok(Err(NoResponse::Request(error.to_string()))),
    };
    // A response to HEAD says how long another one would be.
    let has_body = request.method() != Method::HEAD;
    let (sender, receiver) = oneshot::channel::<Sent>();
    let mut view = store.data_mut().http();
    let request = view.new_incoming_request(Scheme::Http, request)?;
    let response = view.new_response_outparam(sender)?;
    let proxy = pre.instantiate_async(&mut *store).await?;
    meter.instantiated(began.elapsed());

    let mut reading = pin!(read(receiver, has_body, meter));
    let mut done = None;
    let called = {
        let mut calling =
            pin!(proxy.wasi_http_incoming_handler().call_handle(&mut *store, request, response));
        loop {
            tokio::select! {
                biased;
                called = &mut calling => break called,
                // What it writes is taken from it meanwhile: only so much waits for a reader.
                read = &mut reading, if done.is_none() => done = Some(read),
            }
        }
    };
    match called {
        Ok(()) => {}
        Err(error) => match error.downcast_ref::<wasmtime_wasi::I32Exit>() {
            Some(exit) if exit.0 == 0 => {}
            _ => return Err(error),
        },
    }
    // What it has not closed ends here, as it would with its store.
    store.data_mut().table = ResourceTable::new();
    Ok(match done {
        Some(read) => read,
        None => reading.await,
    })
}

/// The run's output; a response that says that the server failed is a failure, to be tried again as the workflow has it.
pub(crate) fn output(answered: Result<HttpResponse, NoResponse>) -> Result<HttpResponse, Failure> {
    let response = answered.map_err(|error| Failure::new(ErrorCode::Failed, error.to_string()))?;
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if (200..500).contains(&status.as_u16()) {
        return Ok(response);
    }
    let mut message = match status.canonical_reason() {
        Some(reason) => format!("the handler answered {} {reason}", status.as_u16()),
        None => format!("the handler answered {}", status.as_u16()),
    };
    if status.is_informational() {
        message.push_str(", which ends no request");
    }
    if let Some(text) = std::str::from_utf8(&response.body).ok().map(str::trim).filter(|t| !t.is_empty()) {
        message = format!("{message}: {}", &text[..text.floor_char_boundary(TOLD_BYTES)]);
    }
    let retry_after_ms = retry_after_ms(&response);
    Err(Failure { retry_after_ms, ..Failure::new(ErrorCode::Failed, message) })
}

/// `Retry-After` in seconds (RFC 9110 §10.2.3); a date is left to the workflow's policy.
fn retry_after_ms(response: &HttpResponse) -> Option<u64> {
    let seconds: u64 = response.headers.get("retry-after")?.first()?.trim().parse().ok()?;
    Some(seconds.saturating_mul(1_000))
}

/// The request that an event is: a delivery as it came, anything else as a `POST /` of its JSON.
fn request(event: &Arc<Event>, meter: &Arc<Meter>) -> http::Result<Request<Stored>> {
    let whole = Payload(Arc::clone(event));
    let (method, target, mut headers, bytes) = match &event.input {
        EventInput::Webhook { method, path, query, headers } => {
            let target = if query.is_empty() { path.clone() } else { format!("{path}?{query}") };
            (Method::from_bytes(method.as_bytes())?, target, rebuilt(headers), Bytes::from_owner(whole))
        }
        other => {
            let bytes = match other {
                EventInput::Call => Bytes::from_owner(whole),
                _ => Bytes::from(event.to_command_json().to_string()),
            };
            let json = HeaderValue::from_static("application/json");
            (Method::POST, "/".to_owned(), HeaderMap::from_iter([(CONTENT_TYPE, json)]), bytes)
        }
    };
    // What is stored is whole, however it came.
    if headers.remove(CONTENT_LENGTH).is_some() || !bytes.is_empty() {
        headers.insert(CONTENT_LENGTH, bytes.len().into());
    }
    let host = headers.get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let uri = Uri::builder()
        .scheme("http")
        .authority(host.unwrap_or_else(|| Authority::from_static(NOBODY)))
        .path_and_query(target)
        .build()?;
    let mut request = Request::builder().method(method).uri(uri);
    if let Some(own) = request.headers_mut() {
        *own = headers;
    }
    request.body(Stored { rest: bytes, meter: Arc::clone(meter) })
}

/// Headers as they are stored, made headers again; they came from some.
fn rebuilt(stored: &BTreeMap<String, Vec<String>>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(stored.len() + 1);
    for (name, values) in stored {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { continue };
        for value in values.iter().filter_map(|value| HeaderValue::from_bytes(value.as_bytes()).ok()) {
            headers.append(name.clone(), value);
        }
    }
    headers
}

/// The bytes of an event, which keep it.
struct Payload(Arc<Event>);

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        &self.0.payload
    }
}

/// A request's body, from what is stored.
struct Stored {
    rest: Bytes,
    meter: Arc<Meter>,
}

impl Body for Stored {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        if self.meter.count_call().is_err() {
            return Poll::Ready(Some(Err(Error::InternalError(Some("the attempt has ended".to_owned())))));
        }
        let piece = self.rest.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

/// Reads the response to its end, as far as the output's limit lets it grow.
async fn read(
    receiver: oneshot::Receiver<Sent>,
    has_body: bool,
    meter: &Arc<Meter>,
) -> Result<HttpResponse, NoResponse> {
    let response = match receiver.await {
        Ok(Ok(response)) => response,
        Ok(Err(WasiError::InternalError(Some(said)))) => return Err(NoResponse::Error(said)),
        Ok(Err(error)) => return Err(NoResponse::Error(format!("{error:?}"))),
        Err(_) => return Err(NoResponse::Unset),
    };
    let (head, mut body) = response.into_parts();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| NoResponse::Broken(error.to_string()))?;
        // An end by a limit is in the meter, and wins over what is said here.
        let ended = |_| NoResponse::Broken("the attempt has ended".to_owned());
        meter.count_call().map_err(ended)?;
        let Some(data) = frame.data_ref() else { continue };
        if (bytes.len() + data.len()) as u64 > meter.limits.output_bytes {
            return Err(ended(meter.end(meter.output_failure())));
        }
        bytes.extend_from_slice(data);
    }
    let announced = head.headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if let Some(announced) = announced.filter(|n| has_body && *n != bytes.len() as u64)
        && head.status != StatusCode::NOT_MODIFIED
    {
        let words = format!("it has {} bytes, and `content-length` says {announced}", bytes.len());
        return Err(NoResponse::Broken(words));
    }
    let mut headers = BTreeMap::<String, Vec<String>>::new();
    for (name, value) in &head.headers {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        headers.entry(name.as_str().to_owned()).or_default().push(text);
    }
    Ok(HttpResponse { status: head.status.as_u16(), headers, body: bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(status: u16, body: &[u8]) -> Result<HttpResponse, Failure> {
        output(Ok(HttpResponse { status, body: body.to_vec(), ..HttpResponse::default() }))
    }

    #[test]
    fn what_a_client_did_wrong_is_an_answer_and_what_the_server_did_a_failure() {
        for status in [200, 204, 302, 404, 429, 499] {
            assert_eq!(ended(status, b"x").unwrap().status, status);
        }
        for (status, body, message) in [
            (500, &b""[..], "the handler answered 500 Internal Server Error"),
            (503, b" later\n", "the handler answered 503 Service Unavailable: later"),
            (599, b"\xff", "the handler answered 599"),
            (101, b"", "the handler answered 101 Switching Protocols, which ends no request"),
        ] {
            let failure = ended(status, body).unwrap_err();
            assert_eq!((failure.code, failure.message.as_str()), (ErrorCode::Failed, message));
            assert!(!failure.permanent);
        }
        let long = ended(500, "ü".repeat(TOLD_BYTES).as_bytes()).unwrap_err();
        assert_eq!(long.message.matches('ü').count(), TOLD_BYTES / 2);
    }

    #[test]
    fn a_server_that_says_when_is_believed() {
        let at = |text: &str| {
            let headers = BTreeMap::from([("retry-after".to_owned(), vec![text.to_owned()])]);
            output(Ok(HttpResponse { status: 503, headers, body: vec![] })).unwrap_err().retry_after_ms
        };
        assert_eq!((at("120"), at(" 0 ")), (Some(120_000), Some(0)));
        assert_eq!(at("Wed, 21 Oct 2026 07:28:00 GMT"), None);
        assert_eq!(at(&u64::MAX.to_string()), Some(u64::MAX));
    }
}
