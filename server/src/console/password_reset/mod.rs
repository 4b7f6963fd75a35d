//! A forgotten password: asking for a link, and setting a new one by it. What must hold: asking gets the same answer whoever is asked for; the token
//! stands behind `#` and comes in the form's body.

use std::sync::Arc;

use askama::Template;
use http::StatusCode;

use super::fields::{Faults, Fields};
use super::frame::Frame;
use super::login::words;
use super::page::{go, page};
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
        .add(open(Endpoint::get("/password-reset/sent", "page.reset.sent", "A link is on its way")), sent)
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
    email: String,
    token: String,
    second_factor: bool,
    /// Whether this server sends letters: the same for whoever asks.
    mails: bool,
}

#[derive(Template)]
#[template(path = "password_reset/done.html")]
struct DonePage {
    frame: Frame,
    set: bool,
}

impl ResetPage {
    fn new(services: &Services, faults: Faults) -> Self {
        let (email, token) = (String::new(), String::new());
        let mails = services.mailer.is_on();
        Self { frame: Frame::bare("Set a new password"), faults, email, token, second_factor: false, mails }
    }
}

async fn show(services: State) -> Shown {
    Ok(page(StatusCode::OK, &ResetPage::new(&services, Faults::default())))
}

async fn ask(services: State, visitor: Visitor, fields: Fields) -> Shown {
    let asked = AskReset { email: fields.text("email") };
    match password::ask_reset(&services, &asked, &visitor.origin).await {
        // On to another page: the link in the mail may be opened where this one is open.
        Ok(()) => Ok(go("/password-reset/sent")),
        Err(error) => {
            let (status, faults) = Faults::answered(error, "")?;
            Ok(page(status, &ResetPage { email: asked.email, ..ResetPage::new(&services, faults) }))
        }
    }
}

async fn sent() -> Shown {
    Ok(page(StatusCode::OK, &DonePage { frame: Frame::bare("Look into your mail"), set: false }))
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
            let words = words(&error, asked.code.is_some());
            let (status, faults) = Faults::answered(error, "")?;
            let faults = words.map_or(faults, |words| Faults::beside("", words));
            let token = fields.text("token");
            Ok(page(status, &ResetPage { token, second_factor, ..ResetPage::new(&services, faults) }))
        }
    }
}
