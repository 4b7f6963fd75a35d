//! Showing sessions: where a person is logged in, and as what.

use factotum_model::SessionId;
use factotum_storage::people::{self, Membership};
use factotum_storage::sessions::{self, Session};

use super::own;
use crate::operations::{Caller, OperationError, Services};

/// The caller's own sessions, newest first, and which of them is this one.
pub async fn list(services: &Services, caller: &Caller) -> Result<(Vec<Session>, SessionId), OperationError> {
    let (person, this) = own(services, caller, "session.list").await?;
    let now = services.now();
    let mut tx = services.storage.read().await?;
    let mut found = sessions::list(&mut tx, person, now).await?;
    found.retain(|session| now.since(session.last_seen_at) < services.limits.session_idle);
    Ok((found, this))
}

/// The caller's session, and the organizations that they could be in.
pub async fn current(
    services: &Services,
    caller: &Caller,
) -> Result<(Session, Vec<Membership>), OperationError> {
    let (person, this) = own(services, caller, "session.read").await?;
    let mut tx = services.storage.read().await?;
    let session = sessions::get(&mut tx, person, this, services.now()).await?;
    let session = session.ok_or(OperationError::Unauthenticated)?;
    Ok((session, people::memberships(&mut tx, Some(person)).await?))
}
