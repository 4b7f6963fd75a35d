//! Listing and showing trading partners.

use factotum_model::Action;
use factotum_model::audit::Target;
use factotum_storage::edi::partners::{self, Partner};

use super::find;
use crate::operations::{Caller, Listed, OperationError, Page, Services};

/// The partners by name.
pub async fn list(
    services: &Services,
    caller: &Caller,
    page: Page<String>,
) -> Result<Listed<Partner>, OperationError> {
    caller.allowed(services, "partner.list", Action::PARTNERS_READ, None, None).await?;
    let mut tx = services.storage.read().await?;
    let found = partners::list(&mut tx, caller.org_id, page.cursor.as_deref(), page.fetch()).await?;
    Ok(page.cut(found, |partner| partner.spec.name.clone()))
}

/// One partner, by its id or its name.
pub async fn get(services: &Services, caller: &Caller, id: &str) -> Result<Partner, OperationError> {
    let mut tx = services.storage.read().await?;
    let found = find(&mut tx, caller.org_id, id).await?;
    let name = found.as_ref().map(|partner| partner.spec.name.as_str());
    let target = Some(Target::new("partner", id));
    caller.allowed(services, "partner.read", Action::PARTNERS_READ, name, target).await?;
    found.ok_or(OperationError::NotFound)
}
