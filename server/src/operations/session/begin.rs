//! Beginning a session. What must hold: whoever has shown who they are gets a fresh token, never one that the browser brought (session
//! fixation); it commits with its audit entry.

use factotum_model::audit::{AuditEntry, AuditOutcome, Target};
use factotum_model::{InitiatorKind, OrgId, PersonId, Principal, SessionId, Timestamp};
use factotum_storage::sessions::{self, Method, NewSession};
use factotum_storage::{Tx, audit_entries};

use crate::operations::{OperationError, Origin, Services, Token};

/// A session that has begun.
#[derive(Debug)]
pub struct Begun {
    /// Its id.
    pub id: SessionId,
    /// What the browser gets.
    pub token: Token,
    /// When it began.
    pub now: Timestamp,
    /// When it ends whatever happens.
    pub expires_at: Timestamp,
}

/// Begins a session of a member, with its audit entry, in the transaction of what proved who they are.
pub async fn begin(
    tx: &mut Tx,
    services: &Services,
    member: (OrgId, &Principal, PersonId),
    method: Method,
    origin: &Origin,
) -> Result<Begun, OperationError> {
    let expires_at = services.now().plus(services.limits.session);
    begin_until(tx, services, member, method, origin, expires_at).await
}

/// As [`begin`], for a session that takes the place of another: it ends when that one would have.
pub async fn begin_until(
    tx: &mut Tx,
    services: &Services,
    member: (OrgId, &Principal, PersonId),
    method: Method,
    origin: &Origin,
    expires_at: Timestamp,
) -> Result<Begun, OperationError> {
    let (org_id, principal, person_id) = member;
    let (token, now) = (Token::fresh()?, services.now());
    let session = NewSession {
        token_hash: token.hash(),
        org_id,
        account_id: principal.id,
        person_id,
        method,
        expires_at,
        from: origin.address,
        user_agent: origin.user_agent.clone(),
    };
    let id = sessions::begin(tx, &session, now).await?;
    let by = (principal.clone(), InitiatorKind::Member);
    let entry = AuditEntry {
        session_id: Some(id),
        targets: vec![Target::new("session", id)],
        reason: Some(method.as_str().to_owned()),
        ..origin.entry(org_id, now, "session.begin", AuditOutcome::Ok, by)
    };
    audit_entries::append(tx, &[entry]).await?;
    Ok(Begun { id, token, now, expires_at })
}
