//! Roles: named sets of grants, given to members. What must hold: nobody makes, changes or gives a role with more than they hold themselves; the
//! built-in roles mean the same everywhere.

mod change;
mod create;
mod delete;
mod read;

pub use change::{RoleChange, change};
pub use create::{NewRole, create};
pub use delete::delete;
pub use read::{get, list};

use factotum_model::RoleId;
use factotum_model::audit::Target;
use factotum_model::nickname::{check_nickname, check_role_name};
use factotum_storage::roles::{self, Role};

use crate::operations::{OperationError, Work};

/// The most roles of an organization, and of a member.
pub const MAX_ROLES: usize = 100;

/// All roles of the organization: there are at most [`MAX_ROLES`] and the built-in ones.
async fn all(work: &mut Work<'_>) -> Result<Vec<Role>, OperationError> {
    let limit = u32::try_from(2 * MAX_ROLES).unwrap_or(u32::MAX);
    Ok(roles::list(&mut work.tx, work.caller.org_id, None, limit).await?)
}

/// The roles of these names or ids.
pub(super) async fn named(work: &mut Work<'_>, given: &[String]) -> Result<Vec<Role>, OperationError> {
    if given.len() > MAX_ROLES {
        return Err(OperationError::invalid("roles", format!("at most {MAX_ROLES} roles")));
    }
    let all = all(work).await?;
    let mut found: Vec<Role> = Vec::new();
    for (at, text) in given.iter().enumerate() {
        let wrong = |reason: &str| OperationError::invalid(format!("roles[{at}]"), reason);
        let role = all.iter().find(|role| role.id.to_string() == *text || role.name == *text);
        let role =
            role.ok_or_else(|| wrong("there is no role of this name or id; `GET /api/v1/roles` lists them"))?;
        if found.iter().any(|other| other.id == role.id) {
            return Err(wrong("this role is listed twice"));
        }
        found.push(role.clone());
    }
    Ok(found)
}

/// The custom role that a change is about; a built-in one is refused.
async fn custom(work: &mut Work<'_>, id: &str) -> Result<Role, OperationError> {
    let id: RoleId = id.parse().map_err(|_| OperationError::NotFound)?;
    let role = roles::get(&mut work.tx, work.caller.org_id, id).await?.ok_or(OperationError::NotFound)?;
    work.target(Target::named("role", id, &role.name));
    if role.built_in {
        let reason = "a built-in role cannot be changed or deleted; make a role of your own instead";
        return Err(OperationError::Conflict(reason.to_owned()));
    }
    Ok(role)
}

/// That a custom role may have this name: it reads like no other's in the organization but `own`. Asked in the change's turn.
async fn free_name(work: &mut Work<'_>, name: &str, own: Option<RoleId>) -> Result<(), OperationError> {
    let skeleton = check_role_name(name).map_err(|e| OperationError::invalid("name", e))?;
    let mut others = all(work).await?.into_iter().filter(|role| Some(role.id) != own);
    match others.find(|role| check_nickname(&role.name).as_ref() == Ok(&skeleton)) {
        Some(other) => {
            let reason =
                format!("there is a role `{}`, which has this name or one that looks like it", other.name);
            Err(OperationError::Conflict(reason))
        }
        None => Ok(()),
    }
}
