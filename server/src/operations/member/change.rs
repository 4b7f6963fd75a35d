//! Changing and removing members. What must hold: a service account is changed only through its source, and every attempt to do otherwise
//! is on the record.

use factotum_model::audit::Target;
use factotum_model::{AccountId, AccountKind, Action};
use factotum_storage::accounts;

use crate::operations::{Caller, OperationError, Services, Work};

/// Changes a member's roles.
pub async fn change(services: &Services, caller: &Caller, id: &str) -> Result<(), OperationError> {
    attempt(services, caller, id, "member.update", Action::MEMBERS_UPDATE).await
}

/// Removes a member.
pub async fn remove(services: &Services, caller: &Caller, id: &str) -> Result<(), OperationError> {
    attempt(services, caller, id, "member.delete", Action::MEMBERS_DELETE).await
}

async fn attempt(
    services: &Services,
    caller: &Caller,
    id: &str,
    doing: &'static str,
    action: Action,
) -> Result<(), OperationError> {
    let mut work = Work::begin(services, caller, doing, Some(Target::new("account", id))).await?.guarded();
    let done = refuse(&mut work, id, action).await;
    work.end(done).await
}

async fn refuse(work: &mut Work<'_>, id: &str, action: Action) -> Result<(), OperationError> {
    work.authorize(action, None)?;
    let id: AccountId = id.parse().map_err(|_| OperationError::NotFound)?;
    let account =
        accounts::get(&mut work.tx, work.caller.org_id, id).await?.ok_or(OperationError::NotFound)?;
    work.target(Target::named("account", id, &account.principal.name));
    Err(match account.principal.kind {
        AccountKind::Base => OperationError::Immutable(
            "this is the organization's base service account: it always exists, with full access, and cannot be changed or removed",
        ),
        AccountKind::ApiKey => OperationError::Immutable(
            "this is the service account of an API key: revoke the key to remove it, or rotate the key to change what it may do",
        ),
        AccountKind::Member => OperationError::Conflict(
            "this version of the server does not change or remove people yet".to_owned(),
        ),
    })
}
