//! What a person does with what is their own: sessions, password, second factor. What must hold: only a person in a session of theirs does it, never
//! a key, whatever its grants; and what would let somebody else in later asks for the password again.

use factotum_model::{PersonId, Redacted, SessionId};
use factotum_storage::credentials::{self, Candidate};

use crate::operations::{Caller, OperationError, Services, password};

/// A person who has shown their password again.
#[derive(Debug)]
pub struct Proven {
    /// The person.
    pub candidate: Candidate,
    /// The hash that the password was compared with.
    pub hash: String,
    /// The session they are in.
    pub session: SessionId,
}

/// The caller's person and session; a key is refused, on the record.
pub async fn own(
    services: &Services,
    caller: &Caller,
    doing: &'static str,
) -> Result<(PersonId, SessionId), OperationError> {
    if let Some(own) = caller.person() {
        return Ok(own);
    }
    let denied = OperationError::Denied {
        permission: "session".to_owned(),
        reason: "this is a person's own: log in and do it in that session; an API key has no password, no second factor and no sessions"
            .to_owned(),
    };
    Err(caller.refused(services, doing, None, denied).await)
}

/// The caller's person, once they have shown their password again. Tries are limited, and wrong ones on the record.
pub async fn proven(
    services: &Services,
    caller: &Caller,
    doing: &'static str,
    given: &Redacted,
) -> Result<Proven, OperationError> {
    let (person, session) = own(services, caller, doing).await?;
    services.attempts.by_person(person)?;
    let mut tx = services.storage.read().await?;
    let candidate = credentials::of_person(&mut tx, person).await?.ok_or(OperationError::Unauthenticated)?;
    drop(tx);
    let right = password::verify(services, given, candidate.password_hash.as_deref()).await?;
    if let Some(hash) = candidate.password_hash.clone().filter(|_| right) {
        return Ok(Proven { candidate, hash, session });
    }
    let denied = OperationError::Denied {
        permission: "password".to_owned(),
        reason: "this is not your current password".to_owned(),
    };
    Err(caller.refused(services, doing, None, denied).await)
}
