//! What is done to the log itself, on the server's own machine: another signing key, and a new epoch after a restore. What must hold: both
//! are on the record, in the same transaction, and signed at once.

use factotum_model::account::BASE_ACCOUNT_NAME;
use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Target};
use factotum_model::audit_log::{PublicKey, origin};
use factotum_model::{AccountKind, Clock, InitiatorKind, Principal};
use factotum_storage::organizations::{self, Organization};
use factotum_storage::{Storage, StorageError, audit_entries, audit_signing_keys, seal};
use serde_json::json;

/// A log that was worked on.
#[derive(Debug)]
pub struct Kept {
    /// Whose.
    pub org: Organization,
    /// The epoch that goes on.
    pub epoch: u64,
    /// The key that signs from now on, for a verifier.
    pub verifier_key: Option<String>,
}

/// Puts a new signing key in the place of the old one, for each organization, or the one that is named.
pub async fn rotate_key(
    storage: &Storage,
    clock: &dyn Clock,
    org: Option<&str>,
) -> Result<Vec<Kept>, StorageError> {
    let mut done = Vec::new();
    for org in chosen(storage, org).await? {
        let mut tx = storage.write().await?;
        seal::wait_turn(&mut tx).await?;
        let Some((old, new)) = audit_signing_keys::rotate(storage, &mut tx, org.id, clock.now()).await?
        else {
            continue;
        };
        let mut entry = entry(&org, clock, "audit.rotate_key");
        let short = |key: PublicKey| json!({"signing_key": key.short()});
        entry.change = Some(json!({"before": short(old), "after": short(new)}));
        audit_entries::append(&mut tx, &[entry]).await?;
        let signed = seal::sign_again(storage, &mut tx, org.id).await?;
        tx.commit().await?;
        if let Some(signed) = signed {
            let epoch = signed.checkpoint.epoch;
            let verifier_key = Some(new.verifier_key(&origin(org.id, epoch)));
            done.push(Kept { org, epoch, verifier_key });
        }
    }
    Ok(done)
}

/// Begins a new epoch, since the database was restored from a backup; for each organization that has a log, or the one that is named.
pub async fn restored(storage: &Storage, org: Option<&str>, reason: &str) -> Result<Vec<Kept>, StorageError> {
    let mut done = Vec::new();
    for org in chosen(storage, org).await? {
        let mut tx = storage.write().await?;
        seal::wait_turn(&mut tx).await?;
        let reason = format!("by `factotum admin restored` on the server's machine: {reason}");
        if let Some(begun) = seal::begin_epoch_of(storage, &mut tx, org.id, &reason).await? {
            tx.commit().await?;
            done.push(Kept { org, epoch: begun.checkpoint.epoch, verifier_key: None });
        }
    }
    Ok(done)
}

async fn chosen(storage: &Storage, name: Option<&str>) -> Result<Vec<Organization>, StorageError> {
    let mut tx = storage.read().await?;
    let mut all = organizations::list(&mut tx).await?;
    if let Some(name) = name {
        all.retain(|org| org.name == name || org.id.to_string() == name);
        if all.is_empty() {
            return Err(StorageError::Setup(format!("--org: there is no organization `{name}`")));
        }
    }
    Ok(all)
}

fn entry(org: &Organization, clock: &dyn Clock, action: &str) -> AuditEntry {
    let actor =
        Principal { id: org.base_account, kind: AccountKind::Base, name: BASE_ACCOUNT_NAME.to_owned() };
    let initiator = AuditInitiator::of(InitiatorKind::System);
    let mut entry = AuditEntry::new(org.id, clock.now(), action, AuditOutcome::Ok, actor, initiator);
    entry.reason = Some("by `factotum admin` on the server's machine".to_owned());
    entry.targets = vec![Target::new("audit_log", org.id)];
    entry
}
