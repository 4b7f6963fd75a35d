//! The second factor of a person's own account: set up, confirmed, renewed, removed. What must hold: its secret and the recovery codes are shown once,
//! in the answer to the form that made them.

use std::sync::Arc;

use askama::Template;
use http::StatusCode;

use super::qr_code::QrCode;
use super::{Form, again};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::routes::State;
use crate::console::Shown;
use crate::console::fields::{Faults, Fields};
use crate::console::frame::Frame;
use crate::console::page::{go, page};
use crate::console::viewer::Viewer;
use crate::operations::Services;
use crate::operations::totp::{self, Confirm, Prove, ProveTwice};

type Send = fn(&'static str, &'static str, &'static str) -> Endpoint;

/// Adds the routes.
pub(super) fn routes(routes: Routes<Arc<Services>>, send: Send) -> Routes<Arc<Services>> {
    routes
        .add(send("/account/totp", "page.account.totp", "Set up your second factor"), set_up)
        .add(
            send("/account/totp/confirm", "page.account.totp.confirm", "Turn your second factor on"),
            confirm,
        )
        .add(send("/account/totp/codes", "page.account.totp.codes", "Make new recovery codes"), renew)
        .add(send("/account/totp/remove", "page.account.totp.remove", "Remove your second factor"), remove)
}

#[derive(Template)]
#[template(path = "account/totp.html")]
struct SetUpPage {
    frame: Frame,
    faults: Faults,
    /// None when the page comes again.
    secret: Option<ShownSecret>,
}

/// The secret as an authenticator takes it.
struct ShownSecret {
    /// In groups of four.
    text: String,
    uri: String,
    /// The URI as a picture; none if it is too long for one.
    code: Option<QrCode>,
}

#[derive(Template)]
#[template(path = "account/codes.html")]
struct CodesPage {
    frame: Frame,
    codes: Vec<String>,
    /// Whether the factor has just been turned on.
    first: bool,
}

async fn set_up(services: State, viewer: Viewer, fields: Fields) -> Shown {
    let asked = Prove { password: fields.secret("password") };
    match totp::set_up(&services, &viewer.caller, &asked).await {
        Ok(made) => {
            let uri = made.otpauth_uri.expose().clone();
            let secret = ShownSecret { text: in_fours(made.secret.expose()), code: QrCode::of(&uri), uri };
            let frame = viewer.frame("Second factor", super::HERE);
            Ok(page(StatusCode::OK, &SetUpPage { frame, faults: Faults::default(), secret: Some(secret) }))
        }
        Err(error) => again(&services, &viewer, Form::SetUp, error, "password").await,
    }
}

/// As one reads it off a screen.
fn in_fours(secret: &str) -> String {
    let chars: Vec<char> = secret.chars().collect();
    chars.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

async fn confirm(services: State, viewer: Viewer, fields: Fields) -> Shown {
    let asked = Confirm { code: fields.secret("code") };
    match totp::confirm(&services, &viewer.caller, &asked).await {
        Ok(codes) => Ok(shown(&viewer, codes, true)),
        Err(error) => {
            let (status, faults) = Faults::answered(error, "")?;
            let frame = viewer.frame("Second factor", super::HERE);
            Ok(page(status, &SetUpPage { frame, faults, secret: None }))
        }
    }
}

fn shown(viewer: &Viewer, codes: Vec<factotum_model::Redacted>, first: bool) -> axum::response::Response {
    let codes = codes.iter().map(|code| code.expose().clone()).collect();
    page(StatusCode::OK, &CodesPage { frame: viewer.frame("Recovery codes", super::HERE), codes, first })
}

fn twice(fields: &Fields) -> ProveTwice {
    ProveTwice { password: fields.secret("password"), code: fields.some_secret("code") }
}

async fn renew(services: State, viewer: Viewer, fields: Fields) -> Shown {
    match totp::renew(&services, &viewer.caller, &twice(&fields)).await {
        Ok(codes) => Ok(shown(&viewer, codes, false)),
        Err(error) => again(&services, &viewer, Form::Codes, error, "password").await,
    }
}

async fn remove(services: State, viewer: Viewer, fields: Fields) -> Shown {
    match totp::remove(&services, &viewer.caller, &twice(&fields)).await {
        Ok(()) => Ok(go("/account?done=factor")),
        Err(error) => again(&services, &viewer, Form::Remove, error, "password").await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_in_groups() {
        assert_eq!(in_fours("ABCDEFGHIJ"), "ABCD EFGH IJ");
    }
}
