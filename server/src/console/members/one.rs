//! One member, or service account. What must hold: a service account's page changes and removes nothing of it, but says what does; suspending, which
//! changes no account, is offered for each.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query};
use factotum_model::{AccountKind, Action};
use factotum_storage::accounts::Account;
use http::StatusCode;
use serde::Deserialize;

use super::{Choice, HERE, choices};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::routes::State;
use crate::console::Shown;
use crate::console::fields::{Faults, Fields};
use crate::console::frame::Frame;
use crate::console::page::{go, page};
use crate::console::refusal::Refusal;
use crate::console::viewer::Viewer;
use crate::operations::member::{self, MemberChange};
use crate::operations::{OperationError, Services, account};

/// Adds the routes.
pub(super) fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let send = |path, id, summary, action| Endpoint::post(path, id, summary).grant(action);
    routes
        .add(
            Endpoint::get("/settings/members/{id}", "page.member", "A member").grant(Action::MEMBERS_READ),
            show,
        )
        .add(
            send(
                "/settings/members/{id}",
                "page.member.change",
                "Change a member's roles",
                Action::MEMBERS_UPDATE,
            ),
            change,
        )
        .add(
            send(
                "/settings/members/{id}/remove",
                "page.member.remove",
                "Remove a member",
                Action::MEMBERS_DELETE,
            ),
            remove,
        )
        .add(
            send(
                "/settings/members/{id}/suspend",
                "page.member.suspend",
                "Dispatch nothing of an account",
                Action::MEMBERS_UPDATE,
            ),
            suspend,
        )
        .add(
            send(
                "/settings/members/{id}/resume",
                "page.member.resume",
                "Dispatch an account's work again",
                Action::MEMBERS_UPDATE,
            ),
            resume,
        )
}

#[derive(Template)]
#[template(path = "members/one.html")]
struct MemberPage {
    frame: Frame,
    member: Account,
    roles: Vec<Choice>,
    faults: Faults,
    /// Whether it is the viewer.
    own: bool,
    may_change: bool,
    may_remove: bool,
    may_suspend: bool,
    may_see_keys: bool,
    may_see_runs: bool,
    may_see_trail: bool,
    /// What was done a moment ago.
    done: &'static str,
}

impl MemberPage {
    /// `again`: what was wrong, and which roles were ticked.
    async fn of(
        services: &Services,
        viewer: &Viewer,
        id: &str,
        again: Option<(Faults, Vec<String>)>,
    ) -> Result<Self, Refusal> {
        let member = member::get(services, &viewer.caller, id).await?;
        let person = member.principal.kind == AccountKind::Member;
        let (faults, chosen) = again.unwrap_or_else(|| (Faults::default(), member.roles.clone()));
        let roles = if person { choices(services, viewer, &chosen).await? } else { Vec::new() };
        // Who changes or removes somebody holds all that they may do.
        let has = |choice: &Choice| member.roles.contains(&choice.role.name);
        let weaker = roles.iter().filter(|choice| has(choice)).all(|choice| choice.may_give);
        Ok(Self {
            frame: viewer.frame(member.principal.name.clone(), HERE),
            own: member.principal.id == viewer.caller.principal.id,
            may_change: person && weaker && !roles.is_empty() && viewer.may(Action::MEMBERS_UPDATE),
            may_remove: person && weaker && viewer.may(Action::MEMBERS_DELETE),
            may_suspend: viewer.may(Action::MEMBERS_UPDATE),
            may_see_keys: viewer.may(Action::API_KEYS_READ),
            may_see_runs: viewer.may(Action::RUNS_READ),
            may_see_trail: viewer.may(Action::AUDIT_READ),
            member,
            roles,
            faults,
            done: "",
        })
    }
}

#[derive(Deserialize)]
struct Asked {
    done: Option<String>,
}

async fn show(services: State, viewer: Viewer, Path(id): Path<String>, Query(asked): Query<Asked>) -> Shown {
    let done = match asked.done.as_deref() {
        Some("suspended") => "Suspended: nothing of this account starts until it is resumed.",
        Some("resumed") => "Resumed: what waited goes on.",
        _ => "",
    };
    let shown = MemberPage::of(&services, &viewer, &id, None).await?;
    Ok(page(StatusCode::OK, &MemberPage { done, ..shown }))
}

async fn change(services: State, viewer: Viewer, Path(id): Path<String>, fields: Fields) -> Shown {
    let roles = fields.all("roles");
    let asked = MemberChange { roles: roles.clone() };
    match member::change(&services, &viewer.caller, &id, Ok(asked)).await {
        Ok(_) => Ok(go("/settings/members?done=changed")),
        // Who may change or remove nobody gets no form to try again.
        Err(error) if !viewer.may(Action::MEMBERS_UPDATE) => Err(error.into()),
        Err(error) => again(&services, &viewer, &id, error, Some(roles)).await,
    }
}

async fn remove(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    match member::remove(&services, &viewer.caller, &id).await {
        Ok(()) => Ok(go("/settings/members?done=removed")),
        Err(error) if !viewer.may(Action::MEMBERS_DELETE) => Err(error.into()),
        Err(error) => again(&services, &viewer, &id, error, None).await,
    }
}

async fn suspend(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    account::suspend(&services, &viewer.caller, &id, true, None).await?;
    Ok(go(&format!("{HERE}/{id}?done=suspended")))
}

async fn resume(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    account::suspend(&services, &viewer.caller, &id, false, None).await?;
    Ok(go(&format!("{HERE}/{id}?done=resumed")))
}

/// The page once more, with what stood in the way.
async fn again(
    services: &Services,
    viewer: &Viewer,
    id: &str,
    error: OperationError,
    ticked: Option<Vec<String>>,
) -> Shown {
    let (status, faults) = Faults::answered(error, "roles")?;
    let shown = match ticked {
        Some(ticked) => MemberPage::of(services, viewer, id, Some((faults, ticked))).await?,
        None => MemberPage { faults, ..MemberPage::of(services, viewer, id, None).await? },
    };
    Ok(page(status, &shown))
}
