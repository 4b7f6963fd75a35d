//! Logging in and out, and going over to another organization. What must hold: the page tells no more than the API whose address is known, and leads
//! back to a path of this server alone.

use std::sync::Arc;

use askama::Template;
use axum::extract::Query;
use axum::response::IntoResponse as _;
use http::StatusCode;
use serde::Deserialize;

use super::fields::{Faults, Fields};
use super::frame::Frame;
use super::page::{go, page};
use super::viewer::Viewer;
use super::{Pages, Shown};
use crate::api::endpoint::{Endpoint, Needs, Routes};
use crate::api::routes::State;
use crate::api::session::{SetSession, Visitor};
use crate::oidc::return_to;
use crate::operations::session::{self, LogIn, Switch};
use crate::operations::{OperationError, Services};

/// What the console knows of it.
pub const PAGES: Pages = Pages { routes, menu: None };

fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    routes
        .add(Endpoint::get("/login", "page.login", "Log in").needs(Needs::Nothing), show)
        .add(Endpoint::post("/login", "page.login.send", "Log in").needs(Needs::Nothing), send)
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
    faults: Faults,
    email: String,
    next: String,
    /// Whether a code of the second factor is asked for.
    second_factor: bool,
    /// What the button of the identity provider says.
    provider: Option<String>,
}

#[derive(Deserialize)]
struct Asked {
    next: Option<String>,
}

impl LogInPage {
    fn new(services: &Services, next: String, email: String, faults: Faults, second_factor: bool) -> Self {
        let provider = services.oidc.as_ref().map(|oidc| oidc.config.label.clone());
        Self { frame: Frame::bare("Log in"), faults, email, next, second_factor, provider }
    }
}

async fn show(services: State, Query(asked): Query<Asked>) -> Shown {
    let next = way_back(asked.next.as_deref());
    Ok(page(StatusCode::OK, &LogInPage::new(&services, next, String::new(), Faults::default(), false)))
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
            let status = match &error {
                OperationError::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
                _ => StatusCode::UNAUTHORIZED,
            };
            // The password is not sent back, so it is typed again beside the code.
            let second_factor = matches!(error, OperationError::SecondFactorRequired) || asked.code.is_some();
            let faults = Faults::of(error)?;
            Ok(page(status, &LogInPage::new(&services, next, asked.email, faults, second_factor)))
        }
    }
}

async fn log_out(services: State, viewer: Viewer) -> Shown {
    session::log_out(&services, &viewer.caller).await?;
    Ok((SetSession::End, go("/login")).into_response())
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
