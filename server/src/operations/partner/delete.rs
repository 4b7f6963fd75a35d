//! Deleting a trading partner. What must hold: no trigger is left with the name of nobody; what came from it stays, with its name.

use factotum_model::Action;
use factotum_model::audit::Target;
use factotum_storage::edi::partners;

use super::change::refuse_named;
use super::find;
use crate::operations::{Caller, OperationError, Services, Work};

/// Deletes it.
pub async fn delete(services: &Services, caller: &Caller, id: &str) -> Result<(), OperationError> {
    let mut work = Work::begin(services, caller, "partner.delete", Some(Target::new("partner", id))).await?;
    let done = remove(&mut work, id).await;
    work.end(done).await
}

async fn remove(work: &mut Work<'_>, id: &str) -> Result<(), OperationError> {
    let org = work.caller.org_id;
    let found = find(&mut work.tx, org, id).await?;
    work.authorize(Action::PARTNERS_DELETE, found.as_ref().map(|p| p.spec.name.as_str()))?;
    let partner = found.ok_or(OperationError::NotFound)?;
    work.target(Target::named("partner", partner.id, &partner.spec.name));
    refuse_named(work, &partner.spec.name, "deleted").await?;
    partners::delete(&mut work.tx, org, partner.id, work.now).await?;
    Ok(())
}
