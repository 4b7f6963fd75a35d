//! Letting an interchange out of the quarantine. What must hold: it starts what its sender would have started, by what is set up now; who lets it out is on the
//! record in the same transaction.

use factotum_edi::Refusal;
use factotum_model::Action;
use factotum_model::audit::Target;
use factotum_storage::edi::interchanges::Interchange;
use factotum_storage::{blobs, organizations};
use serde_json::json;

use super::find;
use crate::operations::{Caller, OperationError, Services, Work};

/// Lets it out; the interchange as it is then.
pub async fn release(services: &Services, caller: &Caller, id: &str) -> Result<Interchange, OperationError> {
    let target = Target::new("interchange", id);
    let mut work = Work::begin(services, caller, "event.release", Some(target)).await?;
    let done = write(&mut work, id).await;
    let released = work.end(done).await?;
    services.inbox.released();
    Ok(released)
}

async fn write(work: &mut Work<'_>, id: &str) -> Result<Interchange, OperationError> {
    work.authorize(Action::PARTNERS_UPDATE, None)?;
    let (services, org) = (work.services, work.caller.org_id);
    let kept = find(&mut work.tx, org, id).await?;
    let bytes = blobs::get(&mut work.tx, kept.digest).await?.ok_or(OperationError::NotFound)?;
    let base_account = organizations::base_account(&mut work.tx, org).await?;
    let origin = work.caller.stored_origin();
    let told = services.inbox.release(&mut work.tx, (&kept, bytes), base_account, &origin).await?;
    work.change(
        json!({"before": {"state": kept.state}, "after": {"state": told.state, "runs": told.runs.len()}}),
    );
    find(&mut work.tx, org, id).await
}

impl From<Refusal> for OperationError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound => Self::NotFound,
            Refusal::Unavailable | Refusal::Internal | Refusal::Paused => {
                Self::Unavailable(refusal.to_string())
            }
            other => Self::Conflict(other.to_string()),
        }
    }
}
