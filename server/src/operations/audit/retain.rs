//! Removing the beginning of the audit trail that is past its time. What must hold: each removal is on the record in its own transaction, by the
//! base account; it stops where the log is not whole.

use std::time::Duration;

use factotum_model::account::BASE_ACCOUNT_NAME;
use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Target};
use factotum_model::{AccountKind, InitiatorKind, Principal, Timestamp};
use factotum_storage::organizations::Organization;
use factotum_storage::retention::{self, Removed};
use factotum_storage::{Storage, StorageError, audit_entries};
use serde_json::json;

/// Removes what is older than `age` from one organization's trail, in short transactions; how many entries.
pub async fn retain(storage: &Storage, org: &Organization, age: Duration) -> Result<u64, StorageError> {
    let now = storage.clock().now();
    let mut removed = 0;
    while let Some(batch) = retain_batch(storage, org, now.minus(age), now).await? {
        removed += batch;
    }
    Ok(removed)
}

async fn retain_batch(
    storage: &Storage,
    org: &Organization,
    before: Timestamp,
    now: Timestamp,
) -> Result<Option<u64>, StorageError> {
    let mut tx = storage.write().await?;
    let Some(removed) = retention::remove(&mut tx, org.id, before, now).await? else { return Ok(None) };
    audit_entries::append(&mut tx, &[entry(org, &removed, now)]).await?;
    tx.commit().await?;
    Ok(Some(removed.size - removed.from))
}

fn entry(org: &Organization, removed: &Removed, now: Timestamp) -> AuditEntry {
    let Removed { from, size, before, checkpoint } = removed;
    let actor =
        Principal { id: org.base_account, kind: AccountKind::Base, name: BASE_ACCOUNT_NAME.to_owned() };
    let initiator = AuditInitiator::of(InitiatorKind::System);
    let root = hex::encode(checkpoint.root.0);
    AuditEntry {
        targets: vec![Target::new("audit_log", checkpoint.epoch)],
        change: Some(json!({
            "removed": {"from": from, "to": size, "entries": size - from, "before": before},
            "checkpoint": {"size": checkpoint.size, "root": root},
        })),
        ..AuditEntry::new(org.id, now, "audit.retain", AuditOutcome::Ok, actor, initiator)
    }
}
