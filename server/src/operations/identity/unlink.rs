//! Unlinking an identity. What must hold: not the last way in; what was begun by logging in at the provider ends, but for the session that asks.

use factotum_model::audit::Target;
use factotum_storage::identities;
use factotum_storage::sessions::{self, Method};
use serde_json::json;

use super::no_person;
use crate::operations::{Caller, OperationError, Services, Work};

/// Unlinks it.
pub async fn unlink(services: &Services, caller: &Caller, id: &str) -> Result<(), OperationError> {
    let target = Some(Target::new("identity", id));
    let mut work = Work::begin(services, caller, "identity.unlink", target).await?.guarded();
    let done = act(&mut work, id).await;
    work.end(done).await
}

async fn act(work: &mut Work<'_>, id: &str) -> Result<(), OperationError> {
    let (person, session) = work.caller.person().ok_or_else(no_person)?;
    // Before looking: two at once wait for each other here.
    let ways = identities::ways_in(&mut work.tx, person).await?;
    let all = identities::list(&mut work.tx, person).await?;
    let identity = all.into_iter().find(|i| i.id() == id).ok_or(OperationError::NotFound)?;
    if !ways.password && ways.identities <= 1 {
        let reason = "this identity is your only way in; set a password or link another identity first";
        return Err(OperationError::Conflict(reason.to_owned()));
    }
    identities::unlink(&mut work.tx, person, &identity.issuer, &identity.subject).await?;
    let ended = sessions::end_begun_by(&mut work.tx, person, Method::Oidc, session).await?;
    work.change(json!({"before": {"issuer": identity.issuer}, "sessions_ended": ended}));
    Ok(())
}
