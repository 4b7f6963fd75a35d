//! What came in.

use factotum_model::audit::Target;
use factotum_model::{Action, Event, EventId, TriggerId};
use factotum_storage::events;

use crate::operations::{Caller, OperationError, Services};

/// One event with its trigger.
pub async fn get(
    services: &Services,
    caller: &Caller,
    id: &str,
) -> Result<(Event, Option<TriggerId>), OperationError> {
    caller.allowed(services, "event.read", Action::EVENTS_READ, None, Some(Target::new("event", id))).await?;
    let id: EventId = id.parse().map_err(|_| OperationError::NotFound)?;
    let mut tx = services.storage.read().await?;
    events::get(&mut tx, caller.org_id, id).await?.ok_or(OperationError::NotFound)
}
