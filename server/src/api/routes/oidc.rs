//! `/oidc`: the way to the identity provider and back. What must hold: a redirect leads to the provider or to a path of this server; answers
//! are kept by no cache and tell no referrer.

use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::{Answer, State};
use crate::api::endpoint::{Endpoint, Needs, Routes};
use crate::api::flow::{self, SetFlow};
use crate::api::parameters::Parameters;
use crate::api::problem::{Code, Problem};
use crate::api::session::{self, SetSession};
use crate::console::page::takes_html;
use crate::console::refusal::Refusal;
use crate::oidc::Oidc;
use crate::operations::oidc::{self, Browser, Callback};
use crate::operations::{OperationError, Origin, Services};
use crate::view::identity::SingleSignOnView;

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let open = |path, id, summary| Endpoint::get(path, id, summary).needs(Needs::Nothing);
    routes
        .add(
            open("/api/v1/oidc", "singleSignOn", "Whether one can log in by OpenID Connect")
                .gives::<SingleSignOnView>(200, "Whether, and what the button says"),
            show,
        )
        .add(
            open("/api/v1/oidc/start", "startSingleSignOn", "Log in by OpenID Connect: for browsers")
                .query("return_to", "the path of this server to go to afterwards; `/` unless given")
                .gives_nothing(303, "To the identity provider")
                .refuses(404, "No identity provider is set up"),
            start,
        )
        .add(
            open("/api/v1/oidc/callback", "endSingleSignOn", "Come back from the identity provider")
                .query("code", "what the provider gave")
                .query("state", "which log-in it is")
                .query("iss", "the provider (RFC 9207)")
                .query("error", "why there is no code")
                .gives_nothing(303, "Logged in, or the identity linked: to where the log-in was to lead")
                .refuses(404, "No identity provider is set up"),
            callback,
        )
}

async fn show(services: State) -> Json<SingleSignOnView> {
    let label = services.oidc.as_ref().map(|oidc| oidc.config.label.clone());
    Json(SingleSignOnView { enabled: label.is_some(), label })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StartQuery {
    return_to: Option<String>,
}

async fn start(
    services: State,
    Extension(origin): Extension<Origin>,
    Parameters(query): Parameters<StartQuery>,
) -> Answer<Response> {
    let oidc = attempted(&services, &origin)?;
    let started = oidc::start(&services, oidc, query.return_to.as_deref()).await?;
    let to = location(&started.url)?;
    Ok((StatusCode::SEE_OTHER, SetFlow::Begin(started.browser), to).into_response())
}

/// Providers add parameters of their own, so an unknown one is no error here.
#[derive(Deserialize)]
struct CallbackQuery {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

async fn callback(
    services: State,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
    Parameters(query): Parameters<CallbackQuery>,
) -> Answer<Response> {
    let done = come_back(&services, &origin, &headers, query).await;
    match done {
        // Whoever comes here by a browser reads a page, not a problem document.
        Err(error) if takes_html(&headers) => Ok(Refusal::from(error).into_response()),
        other => other,
    }
}

async fn come_back(
    services: &Services,
    origin: &Origin,
    headers: &HeaderMap,
    query: CallbackQuery,
) -> Answer<Response> {
    let oidc = attempted(services, origin)?;
    let brought = Callback { state: query.state, code: query.code, issuer: query.iss, error: query.error };
    let browser = Browser { flow: flow::token(headers), session: session::token(headers) };
    let finished = oidc::finish(services, oidc, brought, browser, origin).await?;
    let to = location(&finished.return_to)?;
    let begun = finished.session.map(|s| SetSession::Begin(s.token, s.now, s.expires_at));
    Ok((StatusCode::SEE_OTHER, SetFlow::End, begun, to).into_response())
}

/// The provider, if there is one and this address has tries left.
pub fn attempted<'s>(services: &'s Services, origin: &Origin) -> Answer<&'s Oidc> {
    let Some(oidc) = &services.oidc else {
        return Err(Problem::new(
            Code::NotFound,
            "one cannot log in by OpenID Connect here: `[oidc]` is not set",
        )
        .into());
    };
    oidc.attempt(origin.address).map_err(|wait| {
        services.refusals.count(origin.address, "too many log-ins by OpenID Connect");
        OperationError::RateLimited(wait)
    })?;
    Ok(oidc)
}

type Redirection = [(header::HeaderName, HeaderValue); 3];

fn location(url: &str) -> Result<Redirection, Problem> {
    let to = HeaderValue::from_str(url)
        .map_err(|_| Problem::new(Code::Internal, "the way on cannot be written down"))?;
    Ok([
        (header::LOCATION, to),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ])
}
