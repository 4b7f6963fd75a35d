//! Throwing an interchange out of the quarantine. What must hold: it starts nothing, and stays on record with its bytes.

use factotum_edi::Refusal;
use factotum_model::Action;
use factotum_model::audit::Target;
use factotum_model::edi::State;
use factotum_storage::edi::interchanges::{self, Interchange};

use super::find;
use crate::operations::{Caller, OperationError, Services, Work};

/// Throws it out; the interchange as it is then.
pub async fn discard(services: &Services, caller: &Caller, id: &str) -> Result<Interchange, OperationError> {
    let target = Target::new("interchange", id);
    let mut work = Work::begin(services, caller, "event.discard", Some(target)).await?;
    let done = write(&mut work, id).await;
    work.end(done).await
}

async fn write(work: &mut Work<'_>, id: &str) -> Result<Interchange, OperationError> {
    work.authorize(Action::PARTNERS_UPDATE, None)?;
    let org = work.caller.org_id;
    let kept = find(&mut work.tx, org, id).await?;
    let settled = Interchange { state: State::Discarded, settled_at: Some(work.now), ..kept };
    if settled.acknowledgement.is_some() || !interchanges::settle(&mut work.tx, &settled).await? {
        return Err(Refusal::NotQuarantined.into());
    }
    find(&mut work.tx, org, id).await
}
