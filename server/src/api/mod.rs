//! The HTTP API. What must hold: every answer passes [`edge`], every route stands in the table of [`endpoint`], and handlers only
//! translate: what is done is done by operations.

pub mod auth;
pub mod body;
pub mod chunks;
pub mod edge;
pub mod endpoint;
pub mod error;
pub mod flow;
pub mod form;
pub mod guarded;
pub mod headers;
pub mod idempotency;
pub mod leftover;
pub mod metrics;
pub mod openapi;
pub mod parameters;
pub mod problem;
pub mod routes;
pub mod session;
pub mod smtp_metrics;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, Request};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};

pub use problem::{Code, Problem};

use crate::config::ProxyConfig;
use crate::console::unknown;
use crate::operations::Services;

impl FromRef<Arc<Services>> for body::JsonLimit {
    fn from_ref(services: &Arc<Services>) -> Self {
        Self(services.limits.json_body_bytes)
    }
}

/// What is served at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serves {
    /// Everything.
    All,
    /// Everything but hooks.
    AllButHooks,
    /// Hooks alone.
    Hooks,
}

/// The server, or a part of it, as a router; `tls`: whether it is served over TLS.
pub fn router(services: Arc<Services>, proxy: ProxyConfig, tls: bool, serves: Serves) -> Router {
    let url = if serves == Serves::Hooks { &services.hooks.url } else { &services.public_url };
    let https = tls || url.starts_with("https://");
    let edge = edge::Edge { metrics: Arc::clone(&services.metrics), proxy: Arc::new(proxy), https };
    let console = || crate::console::all().into_router().fallback(unknown_path);
    let served = match serves {
        Serves::All => routes::all().into_router().merge(console()),
        Serves::AllButHooks => routes::all_but_hooks().into_router().merge(console()),
        Serves::Hooks => routes::hooks().into_router().fallback(no_hook),
    };
    served
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(edge, edge::edge))
        .with_state(services)
}

async fn no_hook() -> Problem {
    Problem::new(Code::NotFound, "there is nothing at this address but webhooks, below `/hooks/`")
}

async fn unknown_path(services: routes::State, request: Request) -> Response {
    let mut parts = request.into_parts().0;
    if unknown::is_for_people(&parts) {
        return unknown::show(&mut parts, &services).await;
    }
    let words = "there is no such path; `/api/v1/openapi.json` lists those that are";
    Problem::new(Code::NotFound, words).into_response()
}

async fn wrong_method() -> Problem {
    Problem::new(
        Code::MethodNotAllowed,
        "the path does not take this method; the `Allow` header lists those it takes",
    )
}
