//! Removing the second factor. What must hold: it needs the password and a code, and a password that is long enough to stand alone.

use factotum_model::audit::Target;
use factotum_storage::totp;

use super::ProveTwice;
use super::recovery_codes::prove_second;
use crate::operations::password::MIN_PASSWORD_CHARS;
use crate::operations::session::{Proven, proven};
use crate::operations::{Caller, OperationError, Services, Work};

/// Removes it, with the recovery codes.
pub async fn remove(services: &Services, caller: &Caller, asked: &ProveTwice) -> Result<(), OperationError> {
    let proven = proven(services, caller, "totp.remove", &asked.password).await?;
    let target = Target::new("account", caller.principal.id);
    let mut work = Work::begin(services, caller, "totp.remove", Some(target)).await?;
    let done = act(&mut work, &proven, asked).await;
    work.end(done).await
}

async fn act(work: &mut Work<'_>, proven: &Proven, asked: &ProveTwice) -> Result<(), OperationError> {
    prove_second(work, proven, asked).await?;
    if asked.password.expose().chars().count() < MIN_PASSWORD_CHARS {
        let reason = format!(
            "without a second factor a password needs {MIN_PASSWORD_CHARS} characters or more; change it first"
        );
        return Err(OperationError::invalid("password", reason));
    }
    totp::remove(&mut work.tx, proven.candidate.person_id).await?;
    Ok(())
}
