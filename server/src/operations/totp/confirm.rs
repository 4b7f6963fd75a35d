//! The first code of a second factor: from then on it is asked for. What must hold: the recovery codes come with it, once.

use factotum_model::Redacted;
use factotum_model::audit::Target;
use factotum_storage::totp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{digits, matching_step, recovery_codes};
use crate::operations::session::own;
use crate::operations::{Caller, OperationError, Services, Work};

/// What `POST /me/totp/confirm` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// The six digits that the authenticator shows.
    #[schemars(with = "String")]
    pub code: Redacted,
}

/// Turns it on; the recovery codes.
pub async fn confirm(
    services: &Services,
    caller: &Caller,
    asked: &Confirm,
) -> Result<Vec<Redacted>, OperationError> {
    let (person, _) = own(services, caller, "totp.confirm").await?;
    services.attempts.by_person(person)?;
    let target = Target::new("account", caller.principal.id);
    let mut work = Work::begin(services, caller, "totp.confirm", Some(target)).await?.guarded();
    let done = act(&mut work, asked).await;
    work.end(done).await
}

async fn act(work: &mut Work<'_>, asked: &Confirm) -> Result<Vec<Redacted>, OperationError> {
    let (person, _) = work.caller.person().ok_or(OperationError::Unauthenticated)?;
    let factor = totp::get(&work.services.storage, &mut work.tx, person).await?;
    let factor = factor.filter(|f| f.confirmed_at.is_none()).ok_or_else(|| {
        OperationError::Conflict("no second factor is being set up; begin with `POST /me/totp`".to_owned())
    })?;
    let step = digits(&asked.code).and_then(|digits| matching_step(&factor.secret, &digits, work.now));
    let confirmed = match step {
        Some(step) => totp::confirm(&mut work.tx, person, step, work.now).await?,
        None => false,
    };
    if !confirmed {
        let reason = "this is not the code of now; look at the authenticator, and at the clock of its device";
        return Err(OperationError::invalid("code", reason));
    }
    recovery_codes::make(&mut work.tx, person, work.now).await
}
