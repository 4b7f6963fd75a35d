//! Revoking an API key. What must hold: key, account and waiting runs end in one transaction; when it is answered, no node lets the key in any
//! more; running work stops within a second.

use factotum_model::audit::{AuditOutcome, Target};
use factotum_model::{Action, ErrorCode};
use factotum_storage::api_keys::{self, ApiKey};
use factotum_storage::revocations::{self, Revocations};
use factotum_storage::runs::{self, Ended};
use factotum_storage::signals::Signal;

use super::find;
use crate::operations::{Caller, OperationError, Services, Work};

/// Revokes it.
pub async fn revoke(services: &Services, caller: &Caller, id: &str) -> Result<(), OperationError> {
    let work = Work::begin(services, caller, "api_key.revoke", Some(Target::new("api_key", id))).await?;
    let mut work = work.guarded();
    let done = act(&mut work, id).await;
    let (key, ended, count) = work.end(done).await?;
    // First here: what follows takes a moment.
    services.key_cache.moved_on(count);
    stopped(services, &key, &ended);
    services.key_cache.revoked(&services.storage, count).await;
    Ok(())
}

async fn act(work: &mut Work<'_>, id: &str) -> Result<(ApiKey, Vec<Ended>, Revocations), OperationError> {
    work.authorize(Action::API_KEYS_DELETE, None)?;
    let key = find(&mut work.tx, work.caller.org_id, id).await?;
    if key.revoked_at.is_some() {
        return Err(OperationError::NotFound);
    }
    work.target(Target::named("api_key", key.id, &key.nickname));
    let ended = end_key(work, &key).await?;
    let count = revocations::count(&mut work.tx).await?;
    Ok((key, ended, count))
}

/// Ends a key with its account and its runs, in the transaction.
pub(super) async fn end_key(work: &mut Work<'_>, key: &ApiKey) -> Result<Vec<Ended>, OperationError> {
    let (org, now, caller) = (work.caller.org_id, work.now, work.caller);
    if !api_keys::revoke(&mut work.tx, org, key.id, now).await? {
        return Err(OperationError::NotFound);
    }
    let entry = |run| {
        let mut entry = caller.entry(now, "run.cancel", AuditOutcome::Ok);
        entry.run_id = Some(run);
        entry.reason =
            Some(format!("revoked: the key {} (\"{}\") that it ran as was revoked", key.id, key.nickname));
        entry.targets = vec![Target::new("run", run)];
        entry
    };
    Ok(runs::cancel_account(&mut work.tx, org, key.account_id, entry, now).await?)
}

/// After the commit: stops what runs in this process, and tells who waits.
pub(super) fn stopped(services: &Services, key: &ApiKey, ended: &[Ended]) {
    services.dispatcher.act_on(Signal::AccountRevoked(key.account_id));
    services.storage.tell_cancelled(ended, ErrorCode::Revoked);
    services.dispatcher.wake();
}
