//! Settings → Members: people, invitations, and, when asked for, the service accounts. What must hold (I13, I16, I17): a service account is
//! shown with its mark and badge, and nothing on its row changes or removes it; what does is named and linked.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query};
use factotum_model::{AccountKind, Action};
use factotum_storage::accounts::Account;
use factotum_storage::roles::Role;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::fields::{Faults, Fields};
use super::frame::{Entry, Frame, Section};
use super::page::{go, page};
use super::refusal::Refusal;
use super::viewer::Viewer;
use super::{Pages, Shown};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::parameters::page as page_of;
use crate::api::routes::State;
use crate::operations::invitation::{self, Invited, NewInvitation};
use crate::operations::member::{self, MemberChange};
use crate::operations::page::MAX_LIMIT;
use crate::operations::{OperationError, Page, Services, role};

const HERE: &str = "/settings/members";

/// What the console knows of it.
pub const PAGES: Pages = Pages {
    routes,
    menu: Some(Entry {
        path: HERE,
        label: "Members",
        section: Section::Settings,
        needs: Some(Action::MEMBERS_READ),
    }),
};

fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let of_one = |endpoint: Endpoint, action| endpoint.grant(action);
    routes
        .add(Endpoint::get(HERE, "page.members", "Members").grant(Action::MEMBERS_READ), show)
        .add(
            Endpoint::post("/settings/members/invitations", "page.members.invite", "Invite a person")
                .grant(Action::MEMBERS_CREATE),
            invite,
        )
        .add(
            Endpoint::post(
                "/settings/members/invitations/{id}/withdraw",
                "page.members.withdraw",
                "Withdraw an invitation",
            )
            .grant(Action::MEMBERS_CREATE),
            withdraw,
        )
        .add(
            of_one(Endpoint::get("/settings/members/{id}", "page.member", "A member"), Action::MEMBERS_READ),
            show_one,
        )
        .add(
            of_one(
                Endpoint::post("/settings/members/{id}", "page.member.change", "Change a member's roles"),
                Action::MEMBERS_UPDATE,
            ),
            change,
        )
        .add(
            of_one(
                Endpoint::post("/settings/members/{id}/remove", "page.member.remove", "Remove a member"),
                Action::MEMBERS_DELETE,
            ),
            remove,
        )
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    service: bool,
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "members/page.html")]
struct MembersPage {
    frame: Frame,
    members: Vec<Account>,
    next: Option<String>,
    /// Whether service accounts are shown too.
    service: bool,
    /// None for who may not invite.
    inviting: Option<Inviting>,
}

/// The part of the page that is for inviting.
struct Inviting {
    roles: Vec<Role>,
    open: Vec<Invited>,
    faults: Faults,
    email: String,
    chosen: Vec<String>,
    made: Option<MadeInvitation>,
}

/// An invitation that was made a moment ago: its link is shown this once.
struct MadeInvitation {
    email: String,
    url: String,
    mailed: bool,
}

#[derive(Template)]
#[template(path = "members/one.html")]
struct MemberPage {
    frame: Frame,
    member: Account,
    roles: Vec<Role>,
    faults: Faults,
    chosen: Vec<String>,
    may_change: bool,
    may_remove: bool,
}

impl Inviting {
    async fn of(services: &Services, viewer: &Viewer) -> Result<Option<Self>, Refusal> {
        if !viewer.may(Action::MEMBERS_CREATE) {
            return Ok(None);
        }
        let open =
            invitation::list(services, &viewer.caller, Page { limit: MAX_LIMIT, cursor: None }).await?;
        let roles = known_roles(services, viewer).await?;
        let chosen = Vec::new();
        let faults = Faults::default();
        Ok(Some(Self { roles, open: open.items, faults, email: String::new(), chosen, made: None }))
    }
}

/// The roles to choose from; none for who may not read them.
async fn known_roles(services: &Services, viewer: &Viewer) -> Result<Vec<Role>, Refusal> {
    if !viewer.may(Action::ROLES_READ) {
        return Ok(Vec::new());
    }
    Ok(role::list(services, &viewer.caller, Page { limit: MAX_LIMIT, cursor: None }).await?.items)
}

async fn list(
    services: &Services,
    viewer: &Viewer,
    asked: &Asked,
    inviting: Option<Inviting>,
) -> Result<MembersPage, Refusal> {
    let part = page_of(None, asked.cursor.as_deref())?;
    let found = member::list(services, &viewer.caller, asked.service, part).await?;
    let frame = viewer.frame("Members", HERE);
    Ok(MembersPage { frame, members: found.items, next: found.next, service: asked.service, inviting })
}

async fn show(services: State, viewer: Viewer, Query(asked): Query<Asked>) -> Shown {
    // Who may not read members is refused before anything else is read.
    let mut shown = list(&services, &viewer, &asked, None).await?;
    shown.inviting = Inviting::of(&services, &viewer).await?;
    Ok(page(StatusCode::OK, &shown))
}

async fn invite(services: State, viewer: Viewer, fields: Fields) -> Shown {
    let new = NewInvitation { email: fields.text("email"), roles: fields.all("roles") };
    let (email, chosen) = (new.email.clone(), new.roles.clone());
    let done = invitation::create(&services, &viewer.caller, &new, None).await;
    let (status, made, faults) = match done {
        Ok(made) => {
            let email = made.invited.invitation.email;
            let made = MadeInvitation { email, url: made.url, mailed: made.mail_sent };
            (StatusCode::CREATED, Some(made), Faults::default())
        }
        Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, None, Faults::of(error)?),
    };
    let inviting = Inviting::of(&services, &viewer).await?.map(|inviting| match made {
        Some(_) => Inviting { made, ..inviting },
        None => Inviting { faults, email, chosen, ..inviting },
    });
    let asked = Asked { service: false, cursor: None };
    Ok(page(status, &list(&services, &viewer, &asked, inviting).await?))
}

async fn withdraw(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    invitation::withdraw(&services, &viewer.caller, &id).await?;
    Ok(go(HERE))
}

async fn one(
    services: &Services,
    viewer: &Viewer,
    id: &str,
    again: Option<(Faults, Vec<String>)>,
) -> Result<MemberPage, Refusal> {
    let member = member::get(services, &viewer.caller, id).await?;
    let person = member.principal.kind == AccountKind::Member;
    let roles = if person { known_roles(services, viewer).await? } else { Vec::new() };
    let (faults, chosen) = again.unwrap_or_else(|| (Faults::default(), member.roles.clone()));
    Ok(MemberPage {
        frame: viewer.frame(member.principal.name.clone(), HERE),
        may_change: person && !roles.is_empty() && viewer.may(Action::MEMBERS_UPDATE),
        may_remove: person && viewer.may(Action::MEMBERS_DELETE),
        member,
        roles,
        faults,
        chosen,
    })
}

async fn show_one(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    Ok(page(StatusCode::OK, &one(&services, &viewer, &id, None).await?))
}

async fn change(services: State, viewer: Viewer, Path(id): Path<String>, fields: Fields) -> Shown {
    let roles = fields.all("roles");
    let asked = MemberChange { roles: roles.clone() };
    match member::change(&services, &viewer.caller, &id, Ok(asked)).await {
        Ok(_) => Ok(go(HERE)),
        Err(error) => again(&services, &viewer, &id, error, roles).await,
    }
}

async fn remove(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    match member::remove(&services, &viewer.caller, &id).await {
        Ok(()) => Ok(go(HERE)),
        Err(error) => again(&services, &viewer, &id, error, Vec::new()).await,
    }
}

/// The member's page once more, with what stood in the way.
async fn again(
    services: &Services,
    viewer: &Viewer,
    id: &str,
    error: OperationError,
    roles: Vec<String>,
) -> Shown {
    let status = if matches!(error, OperationError::Invalid { .. }) {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::CONFLICT
    };
    let faults = Faults::of(error)?;
    let chosen = (!roles.is_empty()).then_some(roles);
    let shown = one(services, viewer, id, None).await?;
    let chosen = chosen.unwrap_or_else(|| shown.chosen.clone());
    let mut response = page(status, &MemberPage { faults, chosen, ..shown });
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
