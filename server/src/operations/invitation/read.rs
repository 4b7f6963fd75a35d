//! Listing invitations: those that can still be taken up.

use factotum_model::{Action, InvitationId};
use factotum_storage::invitations;

use super::{Invited, with_names};
use crate::operations::{Caller, Listed, OperationError, Page, Services};

/// The open invitations, newest first.
pub async fn list(
    services: &Services,
    caller: &Caller,
    page: Page<InvitationId>,
) -> Result<Listed<Invited>, OperationError> {
    caller.allowed(services, "invitation.list", Action::MEMBERS_READ, None, None).await?;
    let mut tx = services.storage.read().await?;
    let org = caller.org_id;
    let found = invitations::list(&mut tx, org, services.now(), page.cursor, page.fetch()).await?;
    let Listed { items, next } = page.cut(found, |invitation| invitation.id.to_string());
    let mut named = Vec::new();
    for invitation in items {
        named.push(with_names(&mut tx, org, invitation).await?);
    }
    Ok(Listed { items: named, next })
}
