//! Firing a schedule once, as a test. What must hold: it goes the way of every firing, marked as a test, and takes no nominal time away from the schedule.

use factotum_model::RunId;
use factotum_storage::accept::AcceptError;
use factotum_storage::triggers::Trigger;

use crate::operations::workflow::refused;
use crate::operations::{Caller, OperationError, Services};

/// Fires it, as a test of this name.
pub(super) async fn fire(
    services: &Services,
    caller: &Caller,
    trigger: &Trigger,
    name: String,
) -> Result<RunId, OperationError> {
    let run = factotum_schedule::trial::run(trigger, name, caller.stored_origin(), services.now());
    match services.storage.journal().accept(run).await {
        Ok(accepted) => Ok(accepted.run_id()),
        Err(AcceptError::TriggerPaused) => {
            let reason = "the schedule is paused: resume it, or run the workflow instead";
            Err(OperationError::Conflict(reason.to_owned()))
        }
        Err(error) => Err(refused(error)),
    }
}
