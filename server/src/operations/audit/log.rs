//! The log of the audit trail, as it is published: the newest checkpoint, the keys that sign, and the proof of an entry. What must hold: a
//! proof shows an entry, so it is on the record as reading is; checkpoint and keys show none.

use factotum_model::audit::{AuditOutcome, Target};
use factotum_model::audit_log::origin;
use factotum_model::{Action, AuditId};
use factotum_storage::audit_checkpoints::{self, Stored};
use factotum_storage::audit_signing_keys::{self, StoredKey};
use factotum_storage::proof::{self, Found, Inclusion};

use crate::operations::{Caller, OperationError, Services};

const NOT_SEALED_YET: &str = "this is not sealed yet; try again in a second";

/// A key, with the text by which it is given to a verifier.
#[derive(Debug)]
pub struct VerifierKey {
    /// The key.
    pub key: StoredKey,
    /// Name, hash and key.
    pub text: String,
}

/// The newest checkpoint, and the key that signed it.
pub async fn checkpoint(
    services: &Services,
    caller: &Caller,
) -> Result<(Stored, VerifierKey), OperationError> {
    caller.allowed(services, "audit.read", Action::AUDIT_READ, None, None).await?;
    let mut tx = services.storage.read().await?;
    let stored = audit_checkpoints::newest(&mut tx, caller.org_id).await?;
    let stored = stored.ok_or_else(|| OperationError::Conflict(NOT_SEALED_YET.to_owned()))?;
    let keys = audit_signing_keys::list(&mut tx, caller.org_id).await?;
    let key = keys.into_iter().last().ok_or(OperationError::NotFound)?;
    let text = key.public.verifier_key(&stored.checkpoint.origin());
    Ok((stored, VerifierKey { key, text }))
}

/// The keys that sign and have signed, the newest first, under the name of the epoch that goes on.
pub async fn keys(services: &Services, caller: &Caller) -> Result<Vec<VerifierKey>, OperationError> {
    caller.allowed(services, "audit.read", Action::AUDIT_READ, None, None).await?;
    let mut tx = services.storage.read().await?;
    let epochs = audit_checkpoints::epochs(&mut tx, caller.org_id).await?;
    let Some(epoch) = epochs.last() else { return Ok(Vec::new()) };
    let name = origin(caller.org_id, epoch.epoch);
    let keys = audit_signing_keys::list(&mut tx, caller.org_id).await?.into_iter().rev();
    Ok(keys.map(|key| VerifierKey { text: key.public.verifier_key(&name), key }).collect())
}

/// The proof that an entry is in the log.
pub async fn inclusion(
    services: &Services,
    caller: &Caller,
    id: &str,
) -> Result<(Inclusion, VerifierKey), OperationError> {
    let target = Some(Target::new("audit_entry", id));
    caller.allowed(services, "audit.read", Action::AUDIT_READ, None, target.clone()).await?;
    let id: AuditId = id.parse().map_err(|_| OperationError::NotFound)?;
    let mut tx = services.storage.read().await?;
    let found = proof::inclusion(&mut tx, caller.org_id, id).await?.ok_or(OperationError::NotFound)?;
    let keys = audit_signing_keys::list(&mut tx, caller.org_id).await?;
    drop(tx);
    let Found::Sealed(inclusion) = found else {
        return Err(OperationError::Conflict(NOT_SEALED_YET.to_owned()));
    };
    let key = keys.into_iter().last().ok_or(OperationError::NotFound)?;
    let text = key.public.verifier_key(&inclusion.checkpoint.checkpoint.origin());
    let mut entry = caller.entry(services.now(), "audit.read", AuditOutcome::Ok);
    entry.targets = target.into_iter().collect();
    services.storage.journal().record(entry).await?;
    Ok((*inclusion, VerifierKey { key, text }))
}
