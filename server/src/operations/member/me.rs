//! The account behind a request: everyone may know who they are.

use factotum_storage::organizations::{self, Organization};

use crate::operations::{Caller, OperationError, Services};

/// The caller's organization.
pub async fn me(services: &Services, caller: &Caller) -> Result<Organization, OperationError> {
    let mut tx = services.storage.read().await?;
    organizations::get(&mut tx, caller.org_id).await?.ok_or(OperationError::NotFound)
}
