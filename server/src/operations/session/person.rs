//! The person behind a session: their address, and what they log in with. What must hold: it says whether there is a password, never what it is.

use factotum_storage::{credentials, recovery_codes, totp};

use super::own;
use crate::operations::{Caller, OperationError, Services};

/// What a person sees of themselves.
#[derive(Debug)]
pub struct Person {
    /// Their e-mail address.
    pub email: String,
    /// Whether they have a password; who has none logs in at the identity provider.
    pub has_password: bool,
    /// Whether a second factor is asked for beside it.
    pub second_factor: bool,
    /// How many recovery codes are left.
    pub recovery_codes: u64,
}

/// The person who calls.
pub async fn person(services: &Services, caller: &Caller) -> Result<Person, OperationError> {
    let (person, _) = own(services, caller, "session.read").await?;
    let mut tx = services.storage.read().await?;
    let known = credentials::of_person(&mut tx, person).await?.ok_or(OperationError::Unauthenticated)?;
    Ok(Person {
        email: known.email,
        has_password: known.password_hash.is_some(),
        second_factor: totp::is_on(&mut tx, person).await?,
        recovery_codes: recovery_codes::left(&mut tx, person).await?,
    })
}
