//! Taking an invitation up. What must hold: the token stands behind `#` and comes in the form's body; who has an account elsewhere on this
//! server joins with it, and is told when to log in first.

use std::sync::Arc;

use askama::Template;
use axum::response::IntoResponse as _;
use http::StatusCode;

use super::fields::{Faults, Fields};
use super::frame::Frame;
use super::page::{go, page};
use super::{Pages, Shown, provider};
use crate::api::endpoint::{Endpoint, Needs, Routes};
use crate::api::routes::{State, oidc};
use crate::api::session::{SetSession, Visitor};
use crate::operations::invitation::{self, Acceptance};
use crate::operations::oidc::{AcceptAtProvider, start_accept};
use crate::operations::{OperationError, Services};

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
        .add(
            Endpoint::post(
                "/invitation/provider",
                "page.invitation.provider",
                "Take an invitation up at the identity provider",
            )
            .needs(Needs::Nothing),
            at_provider,
        )
}

#[derive(Template)]
#[template(path = "invitation/page.html")]
struct InvitationPage {
    frame: Frame,
    faults: Faults,
    token: String,
    name: String,
    /// Whether somebody is logged in in this browser.
    logged_in: bool,
    /// What the button of the identity provider says.
    provider: Option<String>,
}

#[derive(Template)]
#[template(path = "invitation/done.html")]
struct JoinedPage {
    frame: Frame,
    org: String,
}

impl InvitationPage {
    fn new(services: &Services, visitor: &Visitor, faults: Faults) -> Self {
        Self {
            frame: Frame::bare("Invitation"),
            faults,
            token: String::new(),
            name: String::new(),
            logged_in: visitor.token.is_some(),
            provider: services.oidc.as_ref().map(|oidc| oidc.config.label.clone()),
        }
    }

    /// Once more, with what was typed and what was wrong.
    fn again(services: &Services, visitor: &Visitor, fields: &Fields, error: OperationError) -> Shown {
        let (status, faults) = Faults::answered(error, "")?;
        let (token, name) = (fields.text("token"), fields.text("name"));
        Ok(page(status, &Self { token, name, ..Self::new(services, visitor, faults) }))
    }
}

async fn show(services: State, visitor: Visitor) -> Shown {
    Ok(page(StatusCode::OK, &InvitationPage::new(&services, &visitor, Faults::default())))
}

async fn send(services: State, visitor: Visitor, fields: Fields) -> Shown {
    let asked = Acceptance {
        token: fields.secret("token"),
        name: fields.some("name"),
        password: Some(fields.secret("password")).filter(|typed| !typed.expose().is_empty()),
    };
    match invitation::accept(&services, &visitor.origin, &asked, visitor.token.as_ref()).await {
        Ok(accepted) => Ok(if let Some(begun) = accepted.session {
            (SetSession::Begin(begun.token, begun.now, begun.expires_at), go("/")).into_response()
        } else {
            let org = accepted.organization.name;
            page(StatusCode::OK, &JoinedPage { frame: Frame::bare("You have joined"), org })
        }),
        Err(error) => InvitationPage::again(&services, &visitor, &fields, error),
    }
}

async fn at_provider(services: State, visitor: Visitor, fields: Fields) -> Shown {
    let configured = oidc::attempted(&services, &visitor.origin)?;
    let asked =
        AcceptAtProvider { token: fields.secret("token"), name: fields.some("name"), return_to: None };
    match start_accept(&services, configured, &visitor.origin, &asked).await {
        Ok(started) => Ok(provider::go_on(started)),
        Err(error) => InvitationPage::again(&services, &visitor, &fields, error),
    }
}
