//! The session that a browser had when another begins in it. What must hold: a browser has one session, however its person came in; one that is
//! somebody else's, planted perhaps, is left alone.

use factotum_model::audit::{AuditEntry, AuditOutcome, Target};
use factotum_model::{InitiatorKind, PersonId};
use factotum_storage::{Tx, audit_entries, sessions};

use crate::operations::{OperationError, Origin, Services, Token};

/// Ends the session that the browser brought, if it is this person's, with its audit entry.
pub async fn replace(
    tx: &mut Tx,
    services: &Services,
    person: PersonId,
    origin: &Origin,
    brought: Option<&Token>,
) -> Result<(), OperationError> {
    let (Some(token), now) = (brought, services.now()) else { return Ok(()) };
    let Some(old) = sessions::holder(tx, token.hash(), now, services.limits.session_idle).await? else {
        return Ok(());
    };
    if old.person_id != person || !sessions::end(tx, person, old.session_id).await? {
        return Ok(());
    }
    let entry = AuditEntry {
        targets: vec![Target::new("session", old.session_id)],
        reason: Some("replaced: the same browser logged in again".to_owned()),
        ..origin.entry(
            old.org_id,
            now,
            "session.end",
            AuditOutcome::Ok,
            (old.principal, InitiatorKind::Member),
        )
    };
    Ok(audit_entries::append(tx, &[entry]).await?)
}
