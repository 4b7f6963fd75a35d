//! Changing a custom role. What must hold: whoever changes it holds what it allowed and what it will; what its members may do changes with it, and the
//! organization keeps an Admin.

use factotum_model::audit::Target;
use factotum_model::{Action, Grants};
use factotum_storage::roles::{self, Role};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::create::some;
use super::{custom, free_name};
use crate::operations::member::keeps_an_admin;
use crate::operations::{Caller, OperationError, Services, Work};
use crate::view::schema;

/// What `PATCH /roles/{id}` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleChange {
    /// Its new name; as it is unless given.
    #[serde(default)]
    #[schemars(schema_with = "schema::maybe_nickname")]
    pub name: Option<String>,
    /// What it allows from now on; as it is unless given.
    #[serde(default)]
    #[schemars(schema_with = "schema::maybe_grants")]
    pub grants: Option<Grants>,
}

/// Changes it.
pub async fn change(
    services: &Services,
    caller: &Caller,
    id: &str,
    asked: RoleChange,
) -> Result<Role, OperationError> {
    let target = Some(Target::new("role", id));
    let mut work = Work::begin_in_turn(services, caller, "role.update", target).await?.guarded();
    let done = act(&mut work, id, asked).await;
    work.end(done).await
}

async fn act(work: &mut Work<'_>, id: &str, asked: RoleChange) -> Result<Role, OperationError> {
    work.authorize(Action::ROLES_UPDATE, None)?;
    let before = custom(work, id).await?;
    work.holds(&before.grants, "the role")?;
    let grants = asked.grants.unwrap_or_else(|| before.grants.clone());
    some(&grants)?;
    work.holds(&grants, "the changed role")?;
    let name = asked.name.unwrap_or_else(|| before.name.clone());
    free_name(work, &name, Some(before.id)).await?;
    let org = work.caller.org_id;
    roles::update(&mut work.tx, org, before.id, &name, &grants).await?;
    keeps_an_admin(work).await?;
    work.target(Target::named("role", before.id, &name));
    work.change(json!({
        "before": {"name": before.name, "grants": before.grants}, "after": {"name": name, "grants": grants},
    }));
    roles::get(&mut work.tx, org, before.id).await?.ok_or(OperationError::NotFound)
}
