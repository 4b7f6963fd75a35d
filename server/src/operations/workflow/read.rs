//! Listing and showing workflows.

use factotum_model::Action;
use factotum_storage::workflows::{self, Workflow};

use crate::operations::{Caller, Listed, OperationError, Page, Services};

/// The workflows by name.
pub async fn list(
    services: &Services,
    caller: &Caller,
    page: Page<String>,
) -> Result<Listed<Workflow>, OperationError> {
    caller.allowed(services, "workflow.list", Action::WORKFLOWS_READ, None, None).await?;
    let mut tx = services.storage.read().await?;
    let found = workflows::list(&mut tx, caller.org_id, page.cursor.as_deref(), page.fetch()).await?;
    Ok(page.cut(found, |w| w.name.clone()))
}

/// One workflow.
pub async fn get(services: &Services, caller: &Caller, name: &str) -> Result<Workflow, OperationError> {
    caller.allowed(services, "workflow.read", Action::WORKFLOWS_READ, Some(name), None).await?;
    let mut tx = services.storage.read().await?;
    workflows::find(&mut tx, caller.org_id, name).await?.ok_or(OperationError::NotFound)
}
