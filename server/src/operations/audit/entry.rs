//! One entry of the audit trail, with its place in the signed log; and its verification, now. What must hold: both are reading, and on the record before the
//! answer, one entry each.

use factotum_model::audit::{AuditEntry, AuditOutcome, Target};
use factotum_model::audit_log::Checkpoint;
use factotum_model::{Action, AuditId};
use factotum_storage::verify::entry::{self as check, EntryCheck};
use factotum_storage::{audit_checkpoints, audit_entries, audit_intents, audit_sealed};
use serde_json::json;

use crate::operations::{Caller, OperationError, Services};

/// An entry, and where it stands.
#[derive(Debug)]
pub struct Placed {
    /// The entry.
    pub entry: AuditEntry,
    /// Its leaf index, if it is sealed.
    pub index: Option<u64>,
    /// The newest checkpoint.
    pub checkpoint: Option<Checkpoint>,
    /// What came of its verification, if it was asked for.
    pub check: Option<EntryCheck>,
}

/// The entry; `verify`: verified as well.
pub async fn entry(
    services: &Services,
    caller: &Caller,
    id: &str,
    verify: bool,
) -> Result<Placed, OperationError> {
    let target = Target::new("audit_entry", id);
    caller.allowed(services, "audit.read", Action::AUDIT_READ, None, Some(target.clone())).await?;
    let id: AuditId = id.parse().map_err(|_| OperationError::NotFound)?;
    let mut tx = services.storage.read().await?;
    let found = audit_entries::get(&mut tx, caller.org_id, id).await?;
    let mut entry = found.ok_or(OperationError::NotFound)?;
    audit_intents::show_unknown(&mut tx, caller.org_id, std::slice::from_mut(&mut entry)).await?;
    let index = audit_sealed::index_of(&mut tx, caller.org_id, id).await?;
    let checkpoint = audit_checkpoints::newest(&mut tx, caller.org_id).await?.map(|stored| stored.checkpoint);
    let check = if verify { check::check(&mut tx, caller.org_id, id).await? } else { None };
    drop(tx);
    let mut read = caller.entry(services.now(), "audit.read", AuditOutcome::Ok);
    read.targets = vec![target];
    read.change = check.as_ref().map(|check| json!({"verified": check.holds()}));
    services.storage.journal().record(read).await?;
    Ok(Placed { entry, index, checkpoint, check })
}
