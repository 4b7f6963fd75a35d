//! What every request passes first and every answer last: request id, log line, metrics, the catching of panics, the writing of
//! problem bodies, what is left of the request's body, and the headers that protect browsers. What must hold: no answer leaves without
//! a request id and those headers, and no path below `/hooks` is logged, as it holds a token.

use std::any::Any;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use factotum_model::RequestId;
use http::{HeaderName, HeaderValue, Version, header};
use percent_encoding::percent_decode_str;

use super::headers::protect;
use super::leftover;
use super::metrics::Metrics;
use super::problem::{Code, Problem};
use crate::config::ProxyConfig;
use crate::operations::Origin;

/// The header that names the request in every answer.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// How long a request may take until the head of its answer: longer than the longest wait for a run's outcome and the longest
/// sending of a body together.
pub const REQUEST_TIMEOUT: Duration = Duration::from_mins(4);
/// How much of `User-Agent` is kept, in characters.
const MAX_USER_AGENT_CHARS: usize = 200;

/// What the edge needs.
#[derive(Clone)]
pub struct Edge {
    /// Where requests are counted.
    pub metrics: Arc<Metrics>,
    /// Whom to believe about addresses.
    pub proxy: Arc<ProxyConfig>,
    /// Whether the world reaches this server by TLS.
    pub https: bool,
}

/// The outermost layer.
pub async fn edge(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let origin = origin(&edge.proxy, &request);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("(none)", MatchedPath::as_str);
    let request_id = origin.request_id.to_string();
    request.extensions_mut().insert(origin);
    let asks_first = request.headers().contains_key(header::EXPECT);
    let keeps_alive = request.version() < Version::HTTP_2;
    let (body, leftover) = leftover::lend(std::mem::take(request.body_mut()));
    *request.body_mut() = body;

    let answered = async {
        if readable(request.uri().path()) {
            next.run(request).await
        } else {
            let words = "the path is not UTF-8 when its `%` escapes are read; write each byte of the text's UTF-8 as `%XX`";
            Problem::new(Code::InvalidRequest, words).into_response()
        }
    };
    let mut response = match tokio::time::timeout(REQUEST_TIMEOUT, caught(answered)).await {
        Ok(Ok(response)) => response,
        Err(_) => {
            let words = format!("the request was not answered within {} s", REQUEST_TIMEOUT.as_secs());
            Problem::new(Code::Timeout, words).into_response()
        }
        Ok(Err(panic)) => {
            tracing::error!(%request_id, %method, route, panic, "a request ended in a panic");
            Problem::new(
                Code::Internal,
                "the server failed at this request; its log names the defect by the request id",
            )
            .into_response()
        }
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let carried = std::mem::take(response.headers_mut());
        response = problem.answer(&request_id);
        // An answer of the router says with `Allow` which methods there are.
        if let Some(allow) = carried.get(header::ALLOW) {
            response.headers_mut().insert(header::ALLOW, allow.clone());
        }
    }
    let read = match leftover {
        Some(leftover) => leftover.clear(asks_first).await,
        None => true,
    };
    let headers = response.headers_mut();
    if !read && keeps_alive {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        headers.insert(REQUEST_ID, id);
    }
    protect(headers, edge.https);

    let (status, took) = (response.status(), started.elapsed());
    edge.metrics.request(&method, route, status, took);
    let took_us = took.as_micros() as u64;
    if status.is_server_error() {
        tracing::warn!(%request_id, %method, route, status = status.as_u16(), took_us, "request failed");
    } else {
        tracing::debug!(%request_id, %method, route, status = status.as_u16(), took_us, "request");
    }
    response
}

/// Whether the path's escapes stand for text (RFC 3986 §2.5): no route could read it otherwise.
fn readable(path: &str) -> bool {
    percent_decode_str(path).decode_utf8().is_ok()
}

fn origin(proxy: &ProxyConfig, request: &Request) -> Origin {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(std::net::Ipv4Addr::UNSPECIFIED.into(), |p| p.0.ip());
    let forwarded = request.headers().get_all(FORWARDED_FOR);
    let user_agent = request.headers().get(header::USER_AGENT).and_then(|v| v.to_str().ok());
    Origin {
        request_id: RequestId::random(),
        address: proxy.client_address(peer, forwarded.iter().filter_map(|v| v.to_str().ok())),
        user_agent: user_agent.map(|text| text.chars().take(MAX_USER_AGENT_CHARS).collect()),
    }
}

/// Runs a future to its end, or to the panic in it.
async fn caught<F: Future>(future: F) -> Result<F::Output, String> {
    let mut future = pin!(future);
    std::future::poll_fn(move |context| {
        // Safe to look at after a panic: the future is dropped, not polled again.
        match std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(words(panic.as_ref()))),
        }
    })
    .await
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without words".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use http::StatusCode;
    use tower::ServiceExt as _;

    async fn answer(path: &str) -> (StatusCode, http::HeaderMap, serde_json::Value) {
        async fn panics() -> &'static str {
            panic!("on purpose")
        }
        let edge_state = Edge { metrics: Arc::new(Metrics::register()), proxy: Arc::default(), https: true };
        let router = Router::new()
            .route("/panics", get(panics))
            .fallback(async || Problem::not_found())
            .route("/refuses", get(async || Problem::field("limits.wall_ms", "too much")))
            .layer(axum::middleware::from_fn_with_state(edge_state, edge));
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 10_000).await.unwrap();
        (parts.status, parts.headers, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_with_the_requests_id() {
        let (status, headers, body) = answer("/panics").await;
        assert_eq!((status, &body["code"]), (StatusCode::INTERNAL_SERVER_ERROR, &"internal".into()));
        assert_eq!(body["request_id"], headers[&REQUEST_ID].to_str().unwrap());
        assert!(!body.to_string().contains("on purpose"), "what a panic says is for the log");
    }

    #[tokio::test]
    async fn every_answer_protects_browsers_and_keeps_what_it_says_of_itself() {
        for path in ["/panics", "/refuses", "/nowhere", "/%FF"] {
            let (_, headers, _) = answer(path).await;
            let shown =
                |name: &str| headers.get_all(name).iter().map(|v| v.to_str().unwrap()).collect::<Vec<_>>();
            assert_eq!(
                shown("content-security-policy"),
                ["default-src 'none'; frame-ancestors 'none'"],
                "{path}"
            );
            assert_eq!(shown("x-content-type-options"), ["nosniff"], "{path}");
            assert_eq!(shown("referrer-policy"), ["no-referrer"], "{path}");
            assert_eq!(shown("x-frame-options"), ["DENY"], "{path}");
            assert_eq!(shown("cross-origin-resource-policy"), ["same-origin"], "{path}");
            assert_eq!(shown("strict-transport-security"), ["max-age=63072000"], "{path}");
        }
        let mut own = http::HeaderMap::new();
        own.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
        protect(&mut own, false);
        assert_eq!(own[header::CONTENT_SECURITY_POLICY], "sandbox");
        assert!(!own.contains_key(header::STRICT_TRANSPORT_SECURITY), "plain HTTP promises no TLS");
    }

    #[tokio::test]
    async fn a_path_that_is_no_text_is_a_problem() {
        let (status, _, body) = answer("/refuses/%FF").await;
        assert_eq!((status, &body["code"]), (StatusCode::BAD_REQUEST, &"invalid_request".into()));
    }

    #[tokio::test]
    async fn a_problem_gets_the_requests_id_and_its_content_type() {
        let (status, headers, body) = answer("/refuses").await;
        assert_eq!((status, &body["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &"limits.wall_ms".into()));
        assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(body["request_id"], headers[&REQUEST_ID].to_str().unwrap());
    }
}
