//! Listing and showing roles.

use factotum_model::audit::Target;
use factotum_model::{Action, RoleId};
use factotum_storage::roles::{self, Role};

use crate::operations::{Caller, Listed, OperationError, Page, Services};

/// The roles, oldest first.
pub async fn list(
    services: &Services,
    caller: &Caller,
    page: Page<RoleId>,
) -> Result<Listed<Role>, OperationError> {
    caller.allowed(services, "role.list", Action::ROLES_READ, None, None).await?;
    let mut tx = services.storage.read().await?;
    let found = roles::list(&mut tx, caller.org_id, page.cursor, page.fetch()).await?;
    Ok(page.cut(found, |role| role.id.to_string()))
}

/// One role.
pub async fn get(services: &Services, caller: &Caller, id: &str) -> Result<Role, OperationError> {
    let target = Target::new("role", id);
    caller.allowed(services, "role.read", Action::ROLES_READ, None, Some(target)).await?;
    let id: RoleId = id.parse().map_err(|_| OperationError::NotFound)?;
    let mut tx = services.storage.read().await?;
    roles::get(&mut tx, caller.org_id, id).await?.ok_or(OperationError::NotFound)
}
