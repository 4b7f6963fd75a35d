//! Settings → Roles: named sets of grants for members. What must hold: a built-in role is shown and not offered to be changed; nobody is offered to give
//! more than they hold.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query};
use factotum_model::Action;
use factotum_storage::roles::Role;
use http::StatusCode;
use serde::Deserialize;

use super::fields::{Faults, Fields};
use super::frame::{Entry, Frame, Section};
use super::grants::{self, Picker};
use super::page::{go, page};
use super::refusal::Refusal;
use super::viewer::Viewer;
use super::{Pages, Shown};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::parameters::page as page_of;
use crate::api::routes::State;
use crate::operations::role::{self, NewRole, RoleChange};
use crate::operations::{OperationError, Services};

const HERE: &str = "/settings/roles";
/// What stands beside `*:*`.
const WARNING: &str = "whoever has the role is an Admin";

/// What the console knows of it.
pub const PAGES: Pages = Pages {
    routes,
    menu: Some(Entry {
        path: HERE,
        label: "Roles",
        section: Section::Settings,
        needs: Some(Action::ROLES_READ),
    }),
};

fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let of_one = "/settings/roles/{id}";
    routes
        .add(Endpoint::get(HERE, "page.roles", "Roles").grant(Action::ROLES_READ), list)
        .add(
            Endpoint::get("/settings/roles/new", "page.roles.new", "Make a role").grant(Action::ROLES_CREATE),
            blank,
        )
        .add(Endpoint::post(HERE, "page.roles.create", "Make a role").grant(Action::ROLES_CREATE), create)
        .add(Endpoint::get(of_one, "page.role", "A role").grant(Action::ROLES_READ), show)
        .add(Endpoint::post(of_one, "page.role.change", "Change a role").grant(Action::ROLES_UPDATE), change)
        .add(
            Endpoint::post("/settings/roles/{id}/delete", "page.role.delete", "Delete a role")
                .grant(Action::ROLES_DELETE),
            delete,
        )
}

#[derive(Template)]
#[template(path = "roles/page.html")]
struct RolesPage {
    frame: Frame,
    roles: Vec<Role>,
    next: Option<String>,
    may_create: bool,
    /// What was done a moment ago.
    done: &'static str,
}

#[derive(Template)]
#[template(path = "roles/new.html")]
struct NewRolePage {
    frame: Frame,
    faults: Faults,
    name: String,
    picker: Picker,
    warning: &'static str,
}

#[derive(Template)]
#[template(path = "roles/one.html")]
struct RolePage {
    frame: Frame,
    role: Role,
    faults: Faults,
    /// As it stands in the form.
    name: String,
    picker: Picker,
    warning: &'static str,
    may_change: bool,
    may_delete: bool,
}

#[derive(Deserialize)]
struct Asked {
    cursor: Option<String>,
    done: Option<String>,
}

async fn list(services: State, viewer: Viewer, Query(asked): Query<Asked>) -> Shown {
    let part = page_of(None, asked.cursor.as_deref())?;
    let found = role::list(&services, &viewer.caller, part).await?;
    let done = match asked.done.as_deref() {
        Some("made") => "The role is made. Members get it on their own pages.",
        Some("changed") => "The role is changed, for all who have it.",
        Some("deleted") => "The role is deleted.",
        _ => "",
    };
    let shown = RolesPage {
        may_create: viewer.may(Action::ROLES_CREATE),
        frame: viewer.frame("Roles", HERE),
        roles: found.items,
        next: found.next,
        done,
    };
    Ok(page(StatusCode::OK, &shown))
}

impl NewRolePage {
    fn of(viewer: &Viewer, fields: &Fields, faults: Faults) -> Self {
        Self {
            frame: viewer.frame("New role", HERE),
            faults,
            name: fields.text("name"),
            picker: Picker::again(viewer, fields),
            warning: WARNING,
        }
    }
}

async fn blank(services: State, viewer: Viewer) -> Shown {
    viewer.caller.allowed(&services, "role.create", Action::ROLES_CREATE, None, None).await?;
    Ok(page(StatusCode::OK, &NewRolePage::of(&viewer, &Fields::default(), Faults::default())))
}

async fn create(services: State, viewer: Viewer, fields: Fields) -> Shown {
    let made = match grants::picked(&fields) {
        Ok(grants) => {
            let new = NewRole { name: fields.text("name"), grants };
            role::create(&services, &viewer.caller, new, None).await
        }
        Err(error) => Err(error),
    };
    match made {
        Ok(_) => Ok(go("/settings/roles?done=made")),
        // Who may make none gets no form to try again.
        Err(error) if !viewer.may(Action::ROLES_CREATE) => Err(error.into()),
        Err(error) => {
            let (status, faults) = Faults::answered(error, "grants")?;
            Ok(page(status, &NewRolePage::of(&viewer, &fields, faults)))
        }
    }
}

impl RolePage {
    async fn of(
        services: &Services,
        viewer: &Viewer,
        id: &str,
        again: Option<(Faults, &Fields)>,
    ) -> Result<Self, Refusal> {
        let role = role::get(services, &viewer.caller, id).await?;
        let own = !role.built_in && viewer.caller.authority.grants().cover(&role.grants);
        let (faults, name, picker) = match again {
            Some((faults, fields)) => (faults, fields.text("name"), Picker::again(viewer, fields)),
            None => (Faults::default(), role.name.clone(), Picker::with(viewer, &role.grants)),
        };
        Ok(Self {
            frame: viewer.frame(format!("Role {}", role.name), HERE),
            may_change: own && viewer.may(Action::ROLES_UPDATE),
            may_delete: own && viewer.may(Action::ROLES_DELETE),
            warning: WARNING,
            role,
            faults,
            name,
            picker,
        })
    }
}

async fn show(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    Ok(page(StatusCode::OK, &RolePage::of(&services, &viewer, &id, None).await?))
}

async fn change(services: State, viewer: Viewer, Path(id): Path<String>, fields: Fields) -> Shown {
    let changed = match grants::picked(&fields) {
        Ok(grants) => {
            let asked = RoleChange { name: Some(fields.text("name")), grants: Some(grants) };
            role::change(&services, &viewer.caller, &id, asked).await
        }
        Err(error) => Err(error),
    };
    match changed {
        Ok(_) => Ok(go("/settings/roles?done=changed")),
        Err(error) if !viewer.may(Action::ROLES_UPDATE) => Err(error.into()),
        Err(error) => {
            let (status, faults) = Faults::answered(error, "grants")?;
            Ok(page(status, &RolePage::of(&services, &viewer, &id, Some((faults, &fields))).await?))
        }
    }
}

async fn delete(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    match role::delete(&services, &viewer.caller, &id).await {
        Ok(()) => Ok(go("/settings/roles?done=deleted")),
        Err(error @ OperationError::Conflict(_)) => {
            let (status, faults) = Faults::answered(error, "")?;
            let shown = RolePage::of(&services, &viewer, &id, None).await?;
            Ok(page(status, &RolePage { faults, ..shown }))
        }
        Err(error) => Err(error.into()),
    }
}
