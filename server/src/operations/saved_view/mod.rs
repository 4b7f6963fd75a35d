//! Views of the audit trail that a person saves: filters under a name, their own and nobody else's. What must hold: a view gives no right: opening it is
//! reading the trail like any other.

mod create;
mod delete;

pub use create::create;
pub use delete::delete;

use factotum_model::Action;
use factotum_storage::saved_views::{self, SavedView};

use crate::operations::{Caller, OperationError, Services};

/// The longest name, in characters.
pub const MAX_NAME_CHARS: usize = 60;
/// The longest query, in bytes.
pub const MAX_QUERY_BYTES: usize = 2_000;

/// The caller's own views, by name.
pub async fn list(services: &Services, caller: &Caller) -> Result<Vec<SavedView>, OperationError> {
    caller.allowed(services, "audit.read", Action::AUDIT_READ, None, None).await?;
    let mut tx = services.storage.read().await?;
    Ok(saved_views::list(&mut tx, caller.org_id, caller.principal.id).await?)
}
