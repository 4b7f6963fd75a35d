//! Erasing a former member. What must hold: a member is removed first, a service account is no person; name, e-mail address and addresses go from all
//! that the organization has of them, the audit trail too, in one transaction with an entry that names nobody; proofs over the trail stay valid.

use factotum_model::audit::Target;
use factotum_model::{AccountId, AccountKind, Action, Timestamp};
use factotum_storage::erasure::{self, Standing};
use serde_json::json;

use super::{BASE_IMMUTABLE, KEY_IMMUTABLE};
use crate::operations::{Caller, Once, OperationError, Services, Work};
use crate::view::member::ErasureView;

/// What was erased.
#[derive(Debug, Clone, Copy)]
pub struct Erasure {
    /// The member's account.
    pub account: AccountId,
    /// When.
    pub at: Timestamp,
    /// How many values of the audit trail; none where it was done before.
    pub audit_values: u64,
}

/// Erases a former member. Done again, it erases what has come since.
pub async fn erase(
    services: &Services,
    caller: &Caller,
    id: &str,
    once: Option<&Once>,
) -> Result<Erasure, OperationError> {
    // What was refused to them a moment ago may still wait to be written, with their name.
    services.denials.flush(&services.storage, services.now(), true).await?;
    let target = Some(Target::new("account", id));
    let begun = Work::begin_in_turn(services, caller, "member.erase", target).await?.guarded();
    let mut work = begun.once(once).await?;
    let done = act(&mut work, id).await;
    work.end(done).await
}

async fn act(work: &mut Work<'_>, id: &str) -> Result<Erasure, OperationError> {
    work.authorize(Action::MEMBERS_DELETE, None)?;
    let account: AccountId = id.parse().map_err(|_| OperationError::NotFound)?;
    let (org, now) = (work.caller.org_id, work.now);
    let standing = erasure::standing(&mut work.tx, org, account, now).await?;
    let person = match standing.ok_or(OperationError::NotFound)? {
        Standing::Service(AccountKind::Base) => return Err(OperationError::Immutable(BASE_IMMUTABLE)),
        Standing::Service(_) => return Err(OperationError::Immutable(KEY_IMMUTABLE)),
        Standing::Member => {
            let reason = "this person is a member; remove them before you erase them";
            return Err(OperationError::Conflict(reason.to_owned()));
        }
        Standing::Invited => {
            let reason = "this person is invited again; withdraw the invitation before you erase them";
            return Err(OperationError::Conflict(reason.to_owned()));
        }
        Standing::Removed(person) => person,
    };
    let audit_values = erasure::erase(&mut work.tx, org, person, now).await?;
    work.change(json!({"erased": {"audit_values": audit_values}}));
    let erasure = Erasure { account, at: now, audit_values };
    work.answered(200, &ErasureView::from(&erasure)).await?;
    Ok(erasure)
}
