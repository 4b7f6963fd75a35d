//! Settings → Members. What must hold: service accounts are shown when asked for, with bot and badge, and nothing on their rows or pages changes or
//! removes them; what does is named and linked.

mod invitations;
mod one;

use std::sync::Arc;

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use factotum_model::{AccountKind, Action};
use factotum_storage::accounts::Account;
use factotum_storage::roles::Role;
use http::StatusCode;
use serde::Deserialize;

use super::frame::{Entry, Frame, Section};
use super::page::page;
use super::refusal::Refusal;
use super::viewer::Viewer;
use super::{Pages, Shown};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::parameters::page as page_of;
use crate::api::routes::State;
use crate::operations::page::MAX_LIMIT;
use crate::operations::{Page, Services, member, role};
use invitations::Inviting;

/// How many rows a page has: with all that it loads it stays below 100 kB.
const ROWS: &str = "25";
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
    let routes = routes.add(Endpoint::get(HERE, "page.members", "Members").grant(Action::MEMBERS_READ), show);
    one::routes(invitations::routes(routes))
}

#[derive(Deserialize, Default)]
struct Asked {
    #[serde(default)]
    service: bool,
    cursor: Option<String>,
    done: Option<String>,
}

#[derive(Template)]
#[template(path = "members/page.html")]
struct MembersPage {
    frame: Frame,
    members: Vec<Account>,
    next: Option<String>,
    /// Whether service accounts are shown too.
    service: bool,
    /// Whether the viewer may see the keys that accounts belong to.
    may_see_keys: bool,
    /// What was done a moment ago.
    done: &'static str,
    /// None for who may not invite.
    inviting: Option<Inviting>,
}

/// A role to choose, as a form offers it.
struct Choice {
    role: Role,
    /// Whether the viewer holds all that it gives, and may give it.
    may_give: bool,
    chosen: bool,
}

/// The roles to choose from; none for who may not read them.
async fn choices(services: &Services, viewer: &Viewer, chosen: &[String]) -> Result<Vec<Choice>, Refusal> {
    if !viewer.may(Action::ROLES_READ) {
        return Ok(Vec::new());
    }
    let roles = role::list(services, &viewer.caller, Page { limit: MAX_LIMIT, cursor: None }).await?.items;
    let held = viewer.caller.authority.grants();
    let choice =
        |role: Role| Choice { may_give: held.cover(&role.grants), chosen: chosen.contains(&role.name), role };
    Ok(roles.into_iter().map(choice).collect())
}

/// The page with this part for inviting; without one, with an empty form for who may invite.
async fn shown(
    services: &Services,
    viewer: &Viewer,
    asked: &Asked,
    (status, inviting): (StatusCode, Option<Inviting>),
) -> Result<Response, Refusal> {
    let part = page_of(Some(ROWS), asked.cursor.as_deref())?;
    // Who may not read members is refused before anything else is read.
    let found = member::list(services, &viewer.caller, asked.service, part).await?;
    let inviting = match inviting {
        None => Inviting::of(services, viewer, &[]).await?,
        some => some,
    };
    let done = match asked.done.as_deref() {
        Some("changed") => "The roles are changed.",
        Some("removed") => "The member is removed, and logged out everywhere.",
        Some("withdrawn") => "The invitation is withdrawn: its link no longer works.",
        _ => "",
    };
    let shown = MembersPage {
        frame: viewer.frame("Members", HERE),
        members: found.items,
        next: found.next,
        service: asked.service,
        may_see_keys: viewer.may(Action::API_KEYS_READ),
        done,
        inviting,
    };
    Ok(page(status, &shown))
}

async fn show(services: State, viewer: Viewer, Query(asked): Query<Asked>) -> Shown {
    shown(&services, &viewer, &asked, (StatusCode::OK, None)).await
}
