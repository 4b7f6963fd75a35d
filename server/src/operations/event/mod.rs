//! What came in. What must hold: an address that starts a workflow is not shown to those who may only look.

use factotum_model::audit::Target;
use factotum_model::email::Attachment;
use factotum_model::{Action, Event, EventId, EventInput, TriggerId};
use factotum_storage::events;

use crate::operations::{Caller, OperationError, Services};

/// One event with its trigger. A mail is without the tokens of the addresses it went to, but in its bytes.
pub async fn get(
    services: &Services,
    caller: &Caller,
    id: &str,
) -> Result<(Event, Option<TriggerId>), OperationError> {
    caller.allowed(services, "event.read", Action::EVENTS_READ, None, Some(Target::new("event", id))).await?;
    let id: EventId = id.parse().map_err(|_| OperationError::NotFound)?;
    let mut tx = services.storage.read().await?;
    let (mut event, trigger) =
        events::get(&mut tx, caller.org_id, id).await?.ok_or(OperationError::NotFound)?;
    if let EventInput::Email(email) = &mut event.input {
        **email = std::mem::take(&mut **email).without_tokens();
    }
    Ok((event, trigger))
}

/// A file of the mail that an event is, by its place in the list, with the event that holds its bytes.
pub async fn attachment(
    services: &Services,
    caller: &Caller,
    id: &str,
    number: &str,
) -> Result<(Event, Attachment), OperationError> {
    let (event, _) = get(services, caller, id).await?;
    let number: usize = number.parse().map_err(|_| OperationError::NotFound)?;
    let found = match &event.input {
        EventInput::Email(email) => email.attachments.get(number).cloned(),
        EventInput::Webhook { .. } | EventInput::Schedule { .. } | EventInput::Edi(_) | EventInput::Call => {
            None
        }
    };
    found.map(|file| (event, file)).ok_or(OperationError::NotFound)
}
