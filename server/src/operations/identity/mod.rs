//! The identities of whoever is logged in: list, unlink. What must hold: only a person in a session has any; nobody takes away their own last
//! way in.

mod unlink;

pub use unlink::unlink;

use factotum_model::{PersonId, SessionId};
use factotum_storage::identities::{self, Identity};

use super::{Caller, OperationError, Services};

/// The identities, oldest first.
pub async fn list(services: &Services, caller: &Caller) -> Result<Vec<Identity>, OperationError> {
    let (person, _) = person(services, caller, "identity.list").await?;
    let mut tx = services.storage.read().await?;
    Ok(identities::list(&mut tx, person).await?)
}

/// The person in their session; an API key's attempt is on the record (I11).
pub async fn person(
    services: &Services,
    caller: &Caller,
    doing: &'static str,
) -> Result<(PersonId, SessionId), OperationError> {
    match caller.person() {
        Some(person) => Ok(person),
        None => Err(caller.refused(services, doing, None, no_person()).await),
    }
}

fn no_person() -> OperationError {
    let reason =
        "a service account has no identity at a provider: only a person who is logged in has".to_owned();
    OperationError::Denied { permission: "session".to_owned(), reason }
}
