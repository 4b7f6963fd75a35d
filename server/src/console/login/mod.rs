//! Logging in and out, and going over to another organization. What must hold: the page tells no more than the API whose address is known, and leads
//! back to a path of this server alone.

use std::sync::Arc;

use askama::Template;
use axum::extract::Query;
use axum::response::IntoResponse as _;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::fields::{Faults, Fields};
use super::frame::Frame;
use super::page::{go, page};
use super::viewer::Viewer;
use super::{Pages, Shown};
use crate::api::endpoint::{Endpoint, Needs, Routes};
use crate::api::flow::SetFlow;
use crate::api::routes::{State, oidc as provider};
use crate::api::session::{SetSession, Visitor};
use crate::oidc::return_to;
use crate::operations::session::{self, LogIn, Switch};
use crate::operations::{OperationError, Services, oidc, organization};

/// What the console knows of it.
pub const PAGES: Pages = Pages { routes, menu: None };

fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    routes
        .add(Endpoint::get("/login", "page.login", "Log in").needs(Needs::Nothing), show)
        .add(Endpoint::post("/login", "page.login.send", "Log in").needs(Needs::Nothing), send)
        .add(
            Endpoint::get("/login/provider", "page.login.provider", "Log in at the identity provider")
                .needs(Needs::Nothing),
            at_provider,
        )
        .add(Endpoint::post("/logout", "page.logout", "Log out").needs(Needs::Session), log_out)
        .add(
            Endpoint::post("/session/org", "page.switch", "Go over to another organization")
                .needs(Needs::Session),
            switch,
        )
}

#[derive(Template)]
#[template(path = "login/page.html")]
struct LogInPage {
    frame: Frame,
    words: String,
    email: String,
    next: String,
    /// Whether a code of the second factor is asked for.
    second_factor: bool,
    /// What the button of the identity provider says.
    provider: Option<String>,
    /// Whether there is nobody yet who could log in.
    nobody: bool,
    /// Whether somebody has just logged out.
    out: bool,
}

#[derive(Deserialize)]
struct Asked {
    next: Option<String>,
    #[serde(default)]
    out: bool,
}

impl LogInPage {
    fn new(services: &Services, next: String, words: String) -> Self {
        let provider = services.oidc.as_ref().map(|oidc| oidc.config.label.clone());
        let frame = Frame::bare("Log in");
        let email = String::new();
        Self { frame, words, email, next, second_factor: false, provider, nobody: false, out: false }
    }
}

async fn show(services: State, Query(asked): Query<Asked>) -> Shown {
    let next = way_back(asked.next.as_deref());
    let nobody = organization::is_missing(&services).await?;
    let shown = LogInPage { nobody, out: asked.out, ..LogInPage::new(&services, next, String::new()) };
    Ok(page(StatusCode::OK, &shown))
}

async fn send(services: State, visitor: Visitor, fields: Fields) -> Shown {
    let next = way_back(fields.some("next").as_deref());
    let asked = LogIn {
        email: fields.text("email"),
        password: fields.secret("password"),
        code: fields.some_secret("code"),
        org: None,
    };
    match session::log_in(&services, &asked, &visitor.origin, visitor.token.as_ref()).await {
        Ok(done) => {
            let cookie = SetSession::Begin(done.begun.token, done.begun.now, done.begun.expires_at);
            Ok((cookie, go(&next)).into_response())
        }
        Err(error) => {
            let second_factor = matches!(error, OperationError::SecondFactorRequired) || asked.code.is_some();
            let words = words(&error, asked.code.is_some());
            let (status, faults) = Faults::answered(error, "")?;
            let words = words.map_or(faults.words, ToOwned::to_owned);
            let email = asked.email;
            // The password is not sent back, so it is typed again beside the code.
            Ok(page(status, &LogInPage { email, second_factor, ..LogInPage::new(&services, next, words) }))
        }
    }
}

/// What a person reads where the API's words are for programs.
pub fn words(error: &OperationError, code_given: bool) -> Option<&'static str> {
    match (error, code_given) {
        (OperationError::LogInFailed, _) => Some("This e-mail address and password do not fit together."),
        (OperationError::SecondFactorRequired, false) => {
            Some("One thing more: the password again, and a code of your second factor.")
        }
        (OperationError::SecondFactorRequired, true) => Some(
            "This code is not the one of now, or was used before. Each code counts once: wait for the next.",
        ),
        _ => None,
    }
}

/// A link, not a form, leads here: a form could not lead on to the provider.
async fn at_provider(services: State, visitor: Visitor, Query(asked): Query<Asked>) -> Shown {
    let next = way_back(asked.next.as_deref());
    let configured = provider::attempted(&services, &visitor.origin)?;
    match oidc::start(&services, configured, Some(&next)).await {
        Ok(started) => {
            let on = HeaderValue::from_str(&started.url);
            let on =
                on.map_err(|_| OperationError::Unavailable("the provider's address is no URL".to_owned()))?;
            let to = [(header::LOCATION, on), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
            Ok((StatusCode::SEE_OTHER, SetFlow::Begin(started.browser), to).into_response())
        }
        Err(OperationError::Unavailable(words)) => {
            Ok(page(StatusCode::SERVICE_UNAVAILABLE, &LogInPage::new(&services, next, words)))
        }
        Err(error) => Err(error.into()),
    }
}

async fn log_out(services: State, viewer: Viewer) -> Shown {
    session::log_out(&services, &viewer.caller).await?;
    Ok((SetSession::End, go("/login?out=true")).into_response())
}

async fn switch(services: State, viewer: Viewer, fields: Fields) -> Shown {
    let done = session::switch(&services, &viewer.caller, &Switch { org: fields.text("org") }).await?;
    let cookie = SetSession::Begin(done.begun.token, done.begun.now, done.begun.expires_at);
    Ok((cookie, go("/")).into_response())
}

/// Where to go afterwards: a path of this server, never another's.
fn way_back(next: Option<&str>) -> String {
    return_to::checked(next).unwrap_or_else(|_| "/".to_owned())
}
