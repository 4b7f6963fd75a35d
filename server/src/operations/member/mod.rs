//! Settings → Members: who is in the organization.

mod change;
mod erase;
mod me;
mod read;
mod remove;

pub use change::{MemberChange, change};
pub use erase::{Erasure, erase};
pub use me::me;
pub use read::{get, list};
pub use remove::remove;

use factotum_model::audit::Target;
use factotum_model::{AccountId, AccountKind, Grants};
use factotum_storage::accounts::{self, Account};
use factotum_storage::members;
use factotum_storage::roles::{self, Role};

use crate::operations::{OperationError, Work};

const BASE_IMMUTABLE: &str = "this is the organization's base service account: it always exists, with full access, and cannot be changed or removed";
const KEY_IMMUTABLE: &str = "this is the service account of an API key: revoke the key to remove it, or rotate the key to change what it may do";

/// The person's account that a change is about, with the roles that it has; a service account is refused.
async fn person(work: &mut Work<'_>, id: &str) -> Result<(Account, Vec<Role>), OperationError> {
    let id: AccountId = id.parse().map_err(|_| OperationError::NotFound)?;
    let org = work.caller.org_id;
    let account = accounts::get(&mut work.tx, org, id).await?.ok_or(OperationError::NotFound)?;
    work.target(Target::named("account", id, &account.principal.name));
    match account.principal.kind {
        AccountKind::Base => Err(OperationError::Immutable(BASE_IMMUTABLE)),
        AccountKind::ApiKey => Err(OperationError::Immutable(KEY_IMMUTABLE)),
        AccountKind::Member => {
            let has = roles::of_account(&mut work.tx, org, id).await?;
            Ok((account, has))
        }
    }
}

/// What roles add up to.
pub(super) fn together(roles: &[Role]) -> Grants {
    roles.iter().fold(Grants::none(), |sum, role| sum.union(&role.grants))
}

/// That the organization still has somebody who may do everything, as it is after the change. Asked in the change's turn.
pub(super) async fn keeps_an_admin(work: &mut Work<'_>) -> Result<(), OperationError> {
    if members::admins(&mut work.tx, work.caller.org_id).await?.is_empty() {
        return Err(OperationError::Conflict(
            "this would leave the organization without an Admin, a member whose roles add up to `*:*`; make somebody else one first"
                .to_owned(),
        ));
    }
    Ok(())
}
