//! Setting up the second factor. What must hold: it needs the password; nothing changes for the person until they have shown a code.

use factotum_model::Redacted;
use factotum_model::audit::Target;
use factotum_storage::{credentials, totp};
use schemars::JsonSchema;
use serde::Deserialize;

use super::codes;
use crate::operations::session::{Proven, proven};
use crate::operations::{Caller, OperationError, Services, Work};

/// Length of a secret, in bytes (RFC 4226 §4, R6).
const SECRET_BYTES: usize = 20;

/// What asks for the password again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prove {
    /// The current password.
    #[schemars(with = "String")]
    pub password: Redacted,
}

/// What an authenticator needs.
#[derive(Debug)]
pub struct SetUp {
    /// The secret in base32 (RFC 4648 §6).
    pub secret: Redacted,
    /// The same as a URI, for a QR code.
    pub otpauth_uri: Redacted,
}

/// Begins: the secret that the authenticator gets.
pub async fn set_up(services: &Services, caller: &Caller, asked: &Prove) -> Result<SetUp, OperationError> {
    let proven = proven(services, caller, "totp.set_up", &asked.password).await?;
    let mut secret = [0; SECRET_BYTES];
    getrandom::fill(&mut secret)
        .map_err(|_| OperationError::Unavailable("the operating system gives no random bytes".to_owned()))?;
    let secret = Redacted::new(secret.to_vec());
    // A label has no colon but the one after the issuer.
    let codes = codes(secret.expose(), Some(&proven.candidate.email.replace(':', "_")))?;
    let uri = codes.to_url().map_err(|e| OperationError::Unavailable(e.to_string()))?;
    let shown = SetUp { secret: Redacted::new(codes.secret().to_base32()), otpauth_uri: Redacted::new(uri) };
    let target = Target::new("account", caller.principal.id);
    let mut work = Work::begin(services, caller, "totp.set_up", Some(target)).await?;
    let done = keep(&mut work, &proven, &secret).await;
    work.end(done).await?;
    Ok(shown)
}

async fn keep(
    work: &mut Work<'_>,
    proven: &Proven,
    secret: &Redacted<Vec<u8>>,
) -> Result<(), OperationError> {
    let person = proven.candidate.person_id;
    if !credentials::is_still(&mut work.tx, person, &proven.hash).await? {
        return Err(OperationError::Conflict("the password was changed meanwhile; try again".to_owned()));
    }
    if totp::begin(&work.services.storage, &mut work.tx, person, secret.expose(), work.now).await? {
        return Ok(());
    }
    Err(OperationError::Conflict(
        "you have a second factor already; remove it first to set up another".to_owned(),
    ))
}
