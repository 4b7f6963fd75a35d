//! A forgotten password: asking for a link, and setting a new one by it. What must hold: asking gets the same answer whoever is asked for; the token
//! stands behind `#` and comes in the form's body.

use std::sync::Arc;

use askama::Template;
use http::StatusCode;

use super::fields::{Faults, Fields};
use super::frame::Frame;
use super::page::page;
use super::{Pages, Shown};
use crate::api::endpoint::{Endpoint, Needs, Routes};
use crate::api::routes::State;
use crate::api::session::Visitor;
use crate::operations::password::{self, AskReset, Reset};
use crate::operations::{OperationError, Services};

/// What the console knows of it.
pub const PAGES: Pages = Pages { routes, menu: None };

fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let open = |endpoint: Endpoint| endpoint.needs(Needs::Nothing);
    routes
        .add(open(Endpoint::get("/password-reset", "page.reset", "Set a new password")), show)
        .add(open(Endpoint::post("/password-reset", "page.reset.ask", "Ask for a link")), ask)
        .add(
            open(Endpoint::post("/password-reset/complete", "page.reset.send", "Set a new password")),
            complete,
        )
}

#[derive(Template)]
#[template(path = "password_reset/page.html")]
struct ResetPage {
    frame: Frame,
    faults: Faults,
    token: String,
    second_factor: bool,
}

#[derive(Template)]
#[template(path = "password_reset/done.html")]
struct DonePage {
    frame: Frame,
    set: bool,
}

impl ResetPage {
    fn new(faults: Faults, token: String, second_factor: bool) -> Self {
        Self { frame: Frame::bare("Set a new password"), faults, token, second_factor }
    }
}

async fn show() -> Shown {
    Ok(page(StatusCode::OK, &ResetPage::new(Faults::default(), String::new(), false)))
}

async fn ask(services: State, visitor: Visitor, fields: Fields) -> Shown {
    let asked = AskReset { email: fields.text("email") };
    match password::ask_reset(&services, &asked, &visitor.origin).await {
        Ok(()) => Ok(page(
            StatusCode::ACCEPTED,
            &DonePage { frame: Frame::bare("Look into your mail"), set: false },
        )),
        Err(error) => {
            let again = ResetPage::new(Faults::of(error)?, String::new(), false);
            Ok(page(StatusCode::UNPROCESSABLE_ENTITY, &again))
        }
    }
}

async fn complete(services: State, visitor: Visitor, fields: Fields) -> Shown {
    let asked =
        Reset { token: fields.secret("token"), new: fields.secret("new"), code: fields.some_secret("code") };
    match password::reset(&services, &asked, &visitor.origin).await {
        Ok(()) => {
            Ok(page(StatusCode::OK, &DonePage { frame: Frame::bare("The password is set"), set: true }))
        }
        Err(error) => {
            let second_factor = matches!(error, OperationError::SecondFactorRequired) || asked.code.is_some();
            let again = ResetPage::new(Faults::of(error)?, fields.text("token"), second_factor);
            Ok(page(StatusCode::UNPROCESSABLE_ENTITY, &again))
        }
    }
}
