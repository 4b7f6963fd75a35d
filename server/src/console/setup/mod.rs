//! The first start: organization and Admin by the one-time link. What must hold: the token stands behind `#`, which no server, proxy or log sees,
//! and comes in the form's body.

use std::sync::Arc;

use askama::Template;
use axum::response::IntoResponse as _;
use http::StatusCode;

use super::fields::{Faults, Fields};
use super::frame::Frame;
use super::page::{go, page};
use super::{Pages, Shown};
use crate::api::endpoint::{Endpoint, Needs, Routes};
use crate::api::routes::State;
use crate::api::session::{SetSession, Visitor};
use crate::operations::Services;
use crate::operations::organization::{self, Setup};

/// What the console knows of it.
pub const PAGES: Pages = Pages { routes, menu: None };

fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    routes
        .add(Endpoint::get("/setup", "page.setup", "Make the first organization").needs(Needs::Nothing), show)
        .add(
            Endpoint::post("/setup", "page.setup.send", "Make the first organization").needs(Needs::Nothing),
            send,
        )
}

#[derive(Template)]
#[template(path = "setup/page.html")]
struct SetUpPage {
    frame: Frame,
    faults: Faults,
    token: String,
    org: String,
    name: String,
    email: String,
}

async fn show() -> Shown {
    let page_ = SetUpPage {
        frame: Frame::bare("Set up"),
        faults: Faults::default(),
        token: String::new(),
        org: String::new(),
        name: String::new(),
        email: String::new(),
    };
    Ok(page(StatusCode::OK, &page_))
}

async fn send(services: State, visitor: Visitor, fields: Fields) -> Shown {
    let asked = Setup {
        token: fields.secret("token"),
        org: fields.text("org"),
        name: fields.text("name"),
        email: fields.text("email"),
        password: fields.secret("password"),
    };
    match organization::setup(&services, &asked, &visitor.origin).await {
        Ok(done) => {
            let cookie = SetSession::Begin(done.begun.token, done.begun.now, done.begun.expires_at);
            Ok((cookie, go("/")).into_response())
        }
        Err(error) => {
            let faults = Faults::of(error)?;
            let token = fields.text("token");
            let (org, name, email) = (asked.org, asked.name, asked.email);
            let again = SetUpPage { frame: Frame::bare("Set up"), faults, token, org, name, email };
            Ok(page(StatusCode::UNPROCESSABLE_ENTITY, &again))
        }
    }
}
