//! A person's own account: password, second factor, sessions, identities at the provider. What must hold: it is for the person in their session alone;
//! what would let somebody else in later asks for the password again; nothing secret that was typed is sent back.

mod qr_code;
mod second_factor;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse as _, Response};
use factotum_model::SessionId;
use factotum_storage::identities::Identity;
use factotum_storage::sessions::{Method, Session};
use http::StatusCode;
use serde::Deserialize;

use super::fields::{Faults, Fields};
use super::frame::Frame;
use super::page::{go, page};
use super::refusal::Refusal;
use super::viewer::Viewer;
use super::{Pages, Shown, grants, provider};
use crate::api::endpoint::{Endpoint, Needs, Routes};
use crate::api::routes::{State, oidc as configured};
use crate::api::session::SetSession;
use crate::operations::password::{self, Change};
use crate::operations::session::{self, Person};
use crate::operations::{OperationError, Services, identity, oidc};
use crate::view::harmless;

const HERE: &str = "/account";

/// What the console knows of it.
pub const PAGES: Pages = Pages { routes, menu: None };

fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let send = |path, id, summary| Endpoint::post(path, id, summary).needs(Needs::Session);
    let routes = routes
        .add(Endpoint::get(HERE, "page.account", "Your account").needs(Needs::Session), show)
        .add(send("/account/password", "page.account.password", "Change your password"), change_password)
        .add(
            send("/account/sessions/end-others", "page.account.sessions", "End your other sessions"),
            end_others,
        )
        .add(send("/account/sessions/{id}/end", "page.account.session", "End one of your sessions"), end_one)
        .add(send("/account/identities", "page.account.link", "Link an identity to yourself"), link)
        .add(
            send(
                "/account/identities/{id}/unlink",
                "page.account.unlink",
                "Unlink an identity from yourself",
            ),
            unlink,
        );
    second_factor::routes(routes, send)
}

/// A form of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Password,
    SetUp,
    Codes,
    Remove,
    Identities,
}

#[derive(Template)]
#[template(path = "account/page.html")]
struct AccountPage {
    frame: Frame,
    name: String,
    org: String,
    person: Person,
    grants: Vec<String>,
    /// Whether these are all.
    everything: bool,
    sessions: Vec<Row>,
    identities: Vec<Linked>,
    /// What the button of the identity provider says.
    provider: Option<String>,
    /// What was done a moment ago.
    done: &'static str,
    /// The form that something was wrong with, and what.
    fault: Option<(Form, Faults)>,
}

/// An identity, as its row shows it.
struct Linked {
    id: String,
    identity: Identity,
    /// The provider's name for the person, as it may be shown.
    subject: String,
}

/// A session, as its row shows it.
struct Row {
    id: SessionId,
    session: Session,
    org: String,
    program: String,
    this: bool,
}

impl Row {
    /// How it began.
    fn method(&self) -> &'static str {
        match self.session.method {
            Method::Password => "with the password",
            Method::Oidc => "at the identity provider",
            Method::Invitation => "by an invitation",
            Method::Setup => "by setting the server up",
        }
    }
}

impl AccountPage {
    async fn of(
        services: &Services,
        viewer: &Viewer,
        fault: Option<(Form, Faults)>,
    ) -> Result<Self, Refusal> {
        let (sessions, this) = session::list(services, &viewer.caller).await?;
        let org = |id| viewer.memberships.iter().find(|m| m.org_id == id).map(|m| m.org_name.clone());
        let row = |session: Session| Row {
            id: session.id,
            org: org(session.org_id).unwrap_or_default(),
            program: harmless::shown(session.user_agent.as_deref().unwrap_or("not known")).into_owned(),
            this: session.id == this,
            session,
        };
        let linked = |identity: Identity| Linked {
            id: identity.id(),
            subject: harmless::shown(&identity.subject).into_owned(),
            identity,
        };
        Ok(Self {
            frame: viewer.frame("Your account", HERE),
            name: viewer.caller.principal.name.clone(),
            org: org(viewer.caller.org_id).unwrap_or_default(),
            person: session::person(services, &viewer.caller).await?,
            everything: grants::is_everything(viewer.caller.authority.grants()),
            grants: grants::texts(viewer.caller.authority.grants()),
            sessions: sessions.into_iter().map(row).collect(),
            identities: identity::list(services, &viewer.caller).await?.into_iter().map(linked).collect(),
            provider: services.oidc.as_ref().map(|oidc| oidc.config.label.clone()),
            done: "",
            fault,
        })
    }

    /// What was wrong with a form.
    fn faults(&self, form: Form) -> Option<&Faults> {
        self.fault.as_ref().filter(|(of, _)| *of == form).map(|(_, faults)| faults)
    }

    /// What stands beside a field of a form.
    fn at(&self, form: Form, field: &str) -> &str {
        self.faults(form).map_or("", |faults| faults.at(field))
    }

    /// What stands above a form that has these fields.
    fn above(&self, form: Form, fields: &[&str]) -> &str {
        self.faults(form).map_or("", |faults| faults.whole(fields))
    }
}

#[derive(Deserialize)]
struct Asked {
    done: Option<String>,
}

async fn show(services: State, viewer: Viewer, Query(asked): Query<Asked>) -> Shown {
    let done = match asked.done.as_deref() {
        Some("password") => "Your password is changed. Your other sessions have ended.",
        Some("factor") => "Your second factor is removed.",
        Some("session") => "The session has ended.",
        Some("sessions") => "Your other sessions have ended.",
        Some("linked") => "The identity is linked: you can log in with it.",
        Some("unlinked") => "The identity is unlinked. Other sessions that it began have ended.",
        _ => "",
    };
    Ok(page(StatusCode::OK, &AccountPage { done, ..AccountPage::of(&services, &viewer, None).await? }))
}

/// The page with what was wrong; `password` is the field that a wrong password stands beside.
async fn again(
    services: &Services,
    viewer: &Viewer,
    form: Form,
    error: OperationError,
    password: &str,
) -> Result<Response, Refusal> {
    let faults = match error {
        // The codes' words are for programs.
        OperationError::SecondFactorRequired => {
            let words =
                "This is not a code of now, or it was used before. Each counts once: wait for the next.";
            (StatusCode::UNAUTHORIZED, Faults::beside("code", words))
        }
        other => Faults::answered(other, password)?,
    };
    let (status, faults) = faults;
    Ok(page(status, &AccountPage::of(services, viewer, Some((form, faults))).await?))
}

async fn change_password(services: State, viewer: Viewer, fields: Fields) -> Shown {
    let asked = Change { current: fields.secret("current"), new: fields.secret("new") };
    match password::change(&services, &viewer.caller, &asked).await {
        Ok(begun) => {
            let cookie = SetSession::Begin(begun.token, begun.now, begun.expires_at);
            Ok((cookie, go("/account?done=password")).into_response())
        }
        Err(error) => again(&services, &viewer, Form::Password, error, "current").await,
    }
}

async fn end_others(services: State, viewer: Viewer) -> Shown {
    session::end_others(&services, &viewer.caller).await?;
    Ok(go("/account?done=sessions"))
}

async fn end_one(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    match session::end(&services, &viewer.caller, &id).await {
        // One that has ended meanwhile is what was asked for.
        Ok(()) | Err(OperationError::NotFound) => Ok(go("/account?done=session")),
        Err(error) => Err(error.into()),
    }
}

async fn link(services: State, viewer: Viewer) -> Shown {
    let person = identity::person(&services, &viewer.caller, "identity.link").await?;
    let configured = configured::attempted(&services, &viewer.caller.origin)?;
    let back = Some("/account?done=linked");
    match oidc::start_link(&services, &viewer.caller, person, configured, back).await {
        Ok(started) => Ok(provider::go_on(started)),
        Err(error) => again(&services, &viewer, Form::Identities, error, "").await,
    }
}

async fn unlink(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    match identity::unlink(&services, &viewer.caller, &id).await {
        Ok(()) => Ok(go("/account?done=unlinked")),
        Err(error) => again(&services, &viewer, Form::Identities, error, "").await,
    }
}
