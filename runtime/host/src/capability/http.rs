//! `wasi:http/outgoing-handler`: requests to the outside. What must hold: the grant is asked for first, then the egress
//! policy; both refusals are in the audit trail before the guest learns of them; redirects are the guest's to follow,
//! so that each one is checked.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use factotum_model::{Action, authorize};
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use tokio::sync::Semaphore;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::egress::connect::{ConnectError, Destination, Egress};
use crate::guest::Gate;
use crate::meter::Meter;
use crate::ports::{HttpAnswer, HttpCall};

/// How long a server may take to begin its answer, or between two pieces of it, if the guest set nothing shorter.
const RESPONSE_TIMEOUT: Duration = Duration::from_mins(1);

/// How many connections one attempt has at a time.
const MAX_CONNECTIONS: usize = 64;

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Answer = Result<(Response<WasiBody>, Io), Error>;

/// One guest's way out.
pub(crate) struct Outbound {
    gate: Gate,
    egress: Arc<Egress>,
    connections: Arc<Semaphore>,
}

impl Outbound {
    pub(crate) fn new(gate: Gate, egress: Arc<Egress>) -> Self {
        Self { gate, egress, connections: Arc::new(Semaphore::new(MAX_CONNECTIONS)) }
    }

    /// What refuses a request before anything else happens.
    fn refusal(&self, request: &Request<WasiBody>) -> Result<Destination, Refusal> {
        if self.gate.enter().is_err() || self.gate.meter.count_request().is_err() {
            // The meter has ended the attempt; the guest does not get to see this.
            return Err(Refusal::Plain(Error::InternalError(Some("the attempt has ended".to_owned()))));
        }
        let Some(to) = Destination::of(request.uri()) else {
            return Err(Refusal::Plain(Error::HttpRequestUriInvalid));
        };
        let name = to.grant_name();
        authorize(&self.gate.authority, Action::HTTP_REQUEST, Some(&name))
            .map(|()| to)
            .map_err(|denied| Refusal::Denied { name, reason: denied.to_string() })
    }
}

enum Refusal {
    Plain(Error),
    Denied { name: String, reason: String },
}

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let gate = self.gate.clone();
        match self.refusal(&request) {
            Err(Refusal::Plain(error)) => Box::new(std::future::ready(Err(error))),
            Err(Refusal::Denied { name, reason }) => {
                let recorded = gate.record(Action::HTTP_REQUEST, Some(&name), reason);
                Box::new(async move {
                    recorded.await;
                    Err(Error::HttpRequestDenied)
                })
            }
            Ok(to) => {
                let egress = Arc::clone(&self.egress);
                let Ok(connection) = Arc::clone(&self.connections).try_acquire_owned() else {
                    return Box::new(std::future::ready(Err(Error::ConnectionLimitReached)));
                };
                let call = HttpCall {
                    host: to.grant_name(),
                    method: request.method().to_string(),
                    bytes: length(request.headers()).or_else(|| request.body().size_hint().exact()),
                };
                Box::new(async move {
                    let Ok(begun) = gate.ports.http_begins(&call).await else {
                        let words =
                            "the audit trail cannot be written at the moment; the request was not sent";
                        return Err(Error::InternalError(Some(words.to_owned())));
                    };
                    let answer = send(&gate, &egress, &to, request, options).await;
                    if let Some(begun) = begun {
                        let end = match &answer {
                            Ok((response, _)) => Ok(HttpAnswer {
                                status: response.status().as_u16(),
                                bytes: length(response.headers()),
                            }),
                            Err(error) => Err(format!("{error:?}")),
                        };
                        gate.ended(call, begun, end).await;
                    }
                    let (response, io) = answer?;
                    let io: Io = Box::new(async move {
                        let _connection = connection;
                        Pin::from(io).await
                    });
                    Ok((response, io))
                })
            }
        }
    }
}

/// Connects, as far as the egress policy lets it, and sends.
async fn send(
    gate: &Gate,
    egress: &Egress,
    to: &Destination,
    request: Request<WasiBody>,
    options: Option<RequestOptions>,
) -> Answer {
    let timeout = options.and_then(|o| o.connect_timeout);
    let stream = match egress.connect(to, timeout).await {
        Ok(stream) => stream,
        Err(ConnectError::Failed(error)) => return Err(error),
        Err(ConnectError::Prohibited(reason)) => {
            gate.record(Action::HTTP_REQUEST, Some(&to.grant_name()), reason).await;
            return Err(Error::DestinationIpProhibited);
        }
    };
    exchange(TokioIo::new(stream), request, options, Arc::clone(&gate.meter)).await
}

/// What a head says of the size of its body.
fn length(headers: &http::HeaderMap) -> Option<u64> {
    headers.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// One request and its response on a fresh HTTP/1.1 connection.
async fn exchange<S>(
    stream: S,
    mut request: Request<WasiBody>,
    options: Option<RequestOptions>,
    meter: Arc<Meter>,
) -> Answer
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let bounded = |asked: Option<Duration>| asked.map_or(RESPONSE_TIMEOUT, |t| t.min(RESPONSE_TIMEOUT));
    let first_byte = bounded(options.and_then(|o| o.first_byte_timeout));
    let between_bytes = bounded(options.and_then(|o| o.between_bytes_timeout));

    // The origin form (RFC 9112 §3.2.1); the Host header names the authority.
    let path = request.uri().path_and_query().map_or("/", |p| p.as_str()).to_owned();
    let head = head_bytes(request.headers(), path.len());
    *request.uri_mut() = path.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    meter.count_http_bytes(head).map_err(|_| over())?;
    let request = request.map(|body| Counted::new(body, Arc::clone(&meter), None).boxed_unsync());

    let (mut sender, connection) = hyper::client::conn::http1::Builder::new().handshake(stream).await?;
    let mut connection = Some(Box::pin(connection));
    let mut sent = Box::pin(tokio::time::timeout(first_byte, sender.send_request(request)));
    let response = std::future::poll_fn(|cx| {
        // The connection moves the bytes; it may also be over before the answer is picked up.
        if let Some(moving) = connection.as_mut()
            && let Poll::Ready(ended) = moving.as_mut().poll(cx)
        {
            connection = None;
            if let Err(error) = ended {
                return Poll::Ready(Err(Error::from(error)));
            }
        }
        Poll::Ready(match ready!(sent.as_mut().poll(cx)) {
            Err(_) => Err(Error::ConnectionReadTimeout),
            Ok(answer) => answer.map_err(Error::from),
        })
    })
    .await?;
    meter.count_http_bytes(head_bytes(response.headers(), 0)).map_err(|_| over())?;
    let response = response.map(|body| {
        Counted::new(body.map_err(Error::from).boxed_unsync(), meter, Some(between_bytes)).boxed_unsync()
    });
    let io: Io = Box::new(async move {
        match connection {
            Some(connection) => connection.await.map_err(Error::from),
            None => Ok(()),
        }
    });
    Ok((response, io))
}

fn head_bytes(headers: &http::HeaderMap, start: usize) -> u64 {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>() as u64
        + start as u64
}

fn over() -> Error {
    Error::InternalError(Some("the attempt's HTTP limit is reached".to_owned()))
}

/// A body whose bytes are counted, and which may not pause longer than `between_bytes`.
struct Counted {
    inner: WasiBody,
    meter: Arc<Meter>,
    between_bytes: Option<Duration>,
    /// Runs while somebody waits for the next piece: a reader that takes its time is not a slow server.
    pause: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Counted {
    fn new(inner: WasiBody, meter: Arc<Meter>, between_bytes: Option<Duration>) -> Self {
        Self { inner, meter, between_bytes, pause: None }
    }
}

impl Body for Counted {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                this.pause = None;
                let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                Poll::Ready(Some(this.meter.count_http_bytes(bytes).map(|()| frame).map_err(|_| over())))
            }
            Poll::Pending => {
                let Some(limit) = this.between_bytes else { return Poll::Pending };
                let pause = this.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
                ready!(pause.as_mut().poll(cx));
                Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
            }
            ended @ Poll::Ready(_) => ended,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
