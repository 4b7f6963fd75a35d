//! Listing and showing members. What must hold: service accounts come in a list only when asked for.

use factotum_model::audit::Target;
use factotum_model::{AccountId, Action};
use factotum_storage::accounts::{self, Account};

use crate::operations::{Caller, Listed, OperationError, Page, Services};

/// The members, oldest first; with `service`, the service accounts too.
pub async fn list(
    services: &Services,
    caller: &Caller,
    service: bool,
    page: Page<AccountId>,
) -> Result<Listed<Account>, OperationError> {
    caller.allowed(services, "member.list", Action::MEMBERS_READ, None, None).await?;
    let mut tx = services.storage.read().await?;
    let found = accounts::list(&mut tx, caller.org_id, service, page.cursor, page.fetch()).await?;
    Ok(page.cut(found, |a| a.principal.id.to_string()))
}

/// One member, or service account.
pub async fn get(services: &Services, caller: &Caller, id: &str) -> Result<Account, OperationError> {
    let target = Target::new("account", id);
    caller.allowed(services, "member.read", Action::MEMBERS_READ, None, Some(target)).await?;
    let id: AccountId = id.parse().map_err(|_| OperationError::NotFound)?;
    let mut tx = services.storage.read().await?;
    accounts::get(&mut tx, caller.org_id, id).await?.ok_or(OperationError::NotFound)
}
