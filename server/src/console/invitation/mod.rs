//! Taking an invitation up. What must hold: the token stands behind `#` and comes in the form's body; who has an account elsewhere on this
//! server joins with it, and is told when to log in first.

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
use crate::operations::invitation::{self, Acceptance};

/// What the console knows of it.
pub const PAGES: Pages = Pages { routes, menu: None };

fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    routes
        .add(
            Endpoint::get("/invitation", "page.invitation", "Take an invitation up").needs(Needs::Nothing),
            show,
        )
        .add(
            Endpoint::post("/invitation", "page.invitation.send", "Take an invitation up")
                .needs(Needs::Nothing),
            send,
        )
}

#[derive(Template)]
#[template(path = "invitation/page.html")]
struct InvitationPage {
    frame: Frame,
    faults: Faults,
    token: String,
    name: String,
}

#[derive(Template)]
#[template(path = "invitation/done.html")]
struct JoinedPage {
    frame: Frame,
    org: String,
}

impl InvitationPage {
    fn new(faults: Faults, token: String, name: String) -> Self {
        Self { frame: Frame::bare("Invitation"), faults, token, name }
    }
}

async fn show() -> Shown {
    Ok(page(StatusCode::OK, &InvitationPage::new(Faults::default(), String::new(), String::new())))
}

async fn send(services: State, visitor: Visitor, fields: Fields) -> Shown {
    let asked = Acceptance {
        token: fields.secret("token"),
        name: fields.some("name"),
        password: fields.some_secret("password"),
    };
    match invitation::accept(&services, &visitor.origin, &asked, visitor.token.as_ref()).await {
        Ok(accepted) => Ok(match accepted.session {
            Some(begun) => {
                (SetSession::Begin(begun.token, begun.now, begun.expires_at), go("/")).into_response()
            }
            None => {
                let org = accepted.organization.name;
                page(StatusCode::OK, &JoinedPage { frame: Frame::bare("You have joined"), org })
            }
        }),
        Err(error) => {
            let faults = Faults::of(error)?;
            let again = InvitationPage::new(faults, fields.text("token"), fields.text("name"));
            Ok(page(StatusCode::UNPROCESSABLE_ENTITY, &again))
        }
    }
}
