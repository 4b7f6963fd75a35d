//! Reading the audit trail. What must hold: who reads it is on the record too, one entry per query, before the answer.

mod entry;
mod keeping;
mod log;
mod retain;
pub mod tail;

pub use entry::{Placed, entry};
pub use keeping::{Kept, restored, rotate_key};
pub use log::{VerifierKey, checkpoint, inclusion, keys};
pub use retain::retain;

use factotum_model::audit::{AuditEntry, AuditOutcome};
use factotum_model::{Action, AuditId, Authority, authorize};
use factotum_storage::audit_entries::{self, AuditFilter};
use factotum_storage::{StorageError, Tx, accounts, audit_intents, sessions};
use serde_json::Value;

use crate::operations::{Caller, Listed, OperationError, Page, Services};

/// How many entries an export reads at a time.
pub const EXPORT_CHUNK: u32 = 500;

/// The entries that match, newest first. `asked` is the query as it came, for the record.
pub async fn list(
    services: &Services,
    caller: &Caller,
    filter: &AuditFilter,
    asked: Value,
    page: Page<AuditId>,
) -> Result<Listed<AuditEntry>, OperationError> {
    caller.allowed(services, "audit.read", Action::AUDIT_READ, None, None).await?;
    let mut tx = services.storage.read().await?;
    let mut found = audit_entries::list(&mut tx, caller.org_id, filter, page.cursor, page.fetch()).await?;
    audit_intents::show_unknown(&mut tx, caller.org_id, &mut found).await?;
    drop(tx);
    record(services, caller, "audit.read", asked).await?;
    Ok(page.cut(found, |e| e.id.to_string()))
}

/// Begins an export: the caller may, and it is on the record.
pub async fn begin_export(services: &Services, caller: &Caller, asked: Value) -> Result<(), OperationError> {
    caller.allowed(services, "audit.export", Action::AUDIT_EXPORT, None, None).await?;
    record(services, caller, "audit.export", asked).await
}

/// The next entries of an export, older than `before`; none if the caller may no longer export.
pub async fn export_chunk(
    services: &Services,
    caller: &Caller,
    filter: &AuditFilter,
    before: Option<AuditId>,
) -> Result<Option<Vec<AuditEntry>>, OperationError> {
    let mut tx = services.storage.read().await?;
    let mut found = audit_entries::list(&mut tx, caller.org_id, filter, before, EXPORT_CHUNK).await?;
    audit_intents::show_unknown(&mut tx, caller.org_id, &mut found).await?;
    Ok(still_may(&mut tx, services, caller, Action::AUDIT_EXPORT).await?.then_some(found))
}

/// Whether the caller's key or session is still there and may do this: for what goes on for long. Asked after the reading, so that nothing is handed
/// out that was read after the end.
async fn still_may(
    tx: &mut Tx,
    services: &Services,
    caller: &Caller,
    action: Action,
) -> Result<bool, StorageError> {
    let now = services.now();
    if let Some((person, session)) = caller.person()
        && sessions::get(tx, person, session, now).await?.is_none()
    {
        return Ok(false);
    }
    let grants = accounts::grants_now(tx, caller.org_id, caller.principal.id, now).await?;
    Ok(grants.is_some_and(|grants| authorize(&Authority::of(grants), action, None).is_ok()))
}

async fn record(
    services: &Services,
    caller: &Caller,
    doing: &'static str,
    asked: Value,
) -> Result<(), OperationError> {
    let mut entry = caller.entry(services.now(), doing, AuditOutcome::Ok);
    entry.change = Some(serde_json::json!({"query": asked}));
    Ok(services.storage.journal().record(entry).await?)
}
