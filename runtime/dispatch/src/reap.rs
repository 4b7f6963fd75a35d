//! Reaping keys whose time is up: their accounts go, their work stops, and the trail says so, with the base account as actor and
//! `system` as initiator (identity.md, I9 and I20). What must hold: a key is reaped once.

use factotum_host::StopReason;
use factotum_model::account::BASE_ACCOUNT_NAME;
use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Target};
use factotum_model::{AccountKind, ErrorCode, InitiatorKind, KeyId, OrgId, Principal};
use factotum_storage::{StorageError, api_keys, audit_entries, organizations, runs};

use crate::dispatcher::Inner;

/// How many keys one round reaps.
const PER_ROUND: u32 = 100;

/// Reaps the keys that have expired; how many.
pub(crate) async fn expired_keys(inner: &Inner) -> Result<usize, StorageError> {
    let now = inner.storage.clock().now();
    let mut tx = inner.storage.read().await?;
    let expired = api_keys::expired(&mut tx, now, PER_ROUND).await?;
    drop(tx);
    for (org, key) in &expired {
        reap(inner, *org, *key).await?;
    }
    Ok(expired.len())
}

async fn reap(inner: &Inner, org: OrgId, id: KeyId) -> Result<(), StorageError> {
    let now = inner.storage.clock().now();
    let mut tx = inner.storage.write().await?;
    let Some(key) = api_keys::get(&mut tx, org, id).await? else { return Ok(()) };
    if !api_keys::revoke(&mut tx, org, id, now).await? {
        return Ok(());
    }
    let base = organizations::base_account(&mut tx, org).await?;
    let actor = Principal { id: base, kind: AccountKind::Base, name: BASE_ACCOUNT_NAME.to_owned() };
    let entry = |action: &str| {
        let initiator = AuditInitiator::of(InitiatorKind::System);
        AuditEntry::new(org, now, action, AuditOutcome::Ok, actor.clone(), initiator)
    };
    let ended = runs::cancel_account(
        &mut tx,
        org,
        key.account_id,
        |run| {
            let mut entry = entry("run.cancel");
            entry.run_id = Some(run);
            entry.reason = Some("revoked: the API key that it ran as has expired".to_owned());
            entry.targets = vec![Target::new("run", run)];
            entry
        },
        now,
    )
    .await?;
    let mut expiry = entry("api_key.expire");
    expiry.targets = vec![Target::named("api_key", id, key.nickname)];
    audit_entries::append(&mut tx, &[expiry]).await?;
    tx.commit().await?;
    inner.running.stop_account(key.account_id, StopReason::Revoked);
    inner.storage.tell_cancelled(&ended, ErrorCode::Revoked);
    Ok(())
}
