//! Deleting a saved view of the audit trail.

use factotum_model::Action;
use factotum_model::audit::Target;
use factotum_storage::saved_views;

use crate::operations::{Caller, OperationError, Services, Work};

/// Deletes the caller's view of this name.
pub async fn delete(services: &Services, caller: &Caller, name: &str) -> Result<(), OperationError> {
    let target = Target::named("saved_view", name, name);
    let mut work = Work::begin(services, caller, "saved_view.delete", Some(target)).await?;
    let done = remove(&mut work, name).await;
    work.end(done).await
}

async fn remove(work: &mut Work<'_>, name: &str) -> Result<(), OperationError> {
    work.authorize(Action::AUDIT_READ, None)?;
    let (org, account) = (work.caller.org_id, work.caller.principal.id);
    let removed = saved_views::delete(&mut work.tx, org, account, name).await?;
    if removed { Ok(()) } else { Err(OperationError::NotFound) }
}
