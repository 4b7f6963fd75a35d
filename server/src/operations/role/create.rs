//! Making a custom role. What must hold: its grants are a subset of its maker's.

use factotum_model::audit::Target;
use factotum_model::{Action, Grants};
use factotum_storage::roles::{self, Role};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{MAX_ROLES, all, free_name};
use crate::operations::{Caller, Once, OperationError, Services, Work};
use crate::view::member::RoleView;
use crate::view::schema;

/// What `POST /roles` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewRole")]
pub struct NewRole {
    /// Its name.
    #[schemars(schema_with = "schema::nickname")]
    pub name: String,
    /// What it allows; at least one grant.
    #[schemars(schema_with = "schema::some_grants")]
    pub grants: Grants,
}

/// Makes it.
pub async fn create(
    services: &Services,
    caller: &Caller,
    new: NewRole,
    once: Option<&Once>,
) -> Result<Role, OperationError> {
    let target = Target::named("role", &new.name, &new.name);
    let work = Work::begin_in_turn(services, caller, "role.create", Some(target)).await?;
    let mut work = work.guarded().once(once).await?;
    let done = act(&mut work, &new).await;
    work.end(done).await
}

async fn act(work: &mut Work<'_>, new: &NewRole) -> Result<Role, OperationError> {
    work.authorize(Action::ROLES_CREATE, None)?;
    some(&new.grants)?;
    work.holds(&new.grants, "the role")?;
    free_name(work, &new.name, None).await?;
    if all(work).await?.len() >= MAX_ROLES {
        return Err(OperationError::Conflict(format!(
            "an organization has at most {MAX_ROLES} roles; delete one first"
        )));
    }
    let role = roles::create(&mut work.tx, work.caller.org_id, &new.name, &new.grants, work.now).await?;
    work.target(Target::named("role", role.id, &role.name));
    work.change(json!({"after": {"grants": role.grants}}));
    work.answered(201, &RoleView::from(&role)).await?;
    Ok(role)
}

/// A role that allows nothing would only look like one.
pub(super) fn some(grants: &Grants) -> Result<(), OperationError> {
    if grants.is_empty() {
        let reason = "the list of grants is empty: name at least one, such as `workflows:read`";
        return Err(OperationError::invalid("grants", reason));
    }
    Ok(())
}
