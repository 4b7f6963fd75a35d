//! Listing members. What must hold: service accounts come only when asked for.

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
