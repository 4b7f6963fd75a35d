//! What stops when a key is revoked, asked before it is done. What must hold: it costs the same however much that is.

use factotum_model::Action;
use factotum_model::audit::Target;
use factotum_storage::api_keys::ApiKey;
use factotum_storage::runs::{self, Unfinished};

use super::find;
use super::read::last_used;
use crate::operations::{Caller, OperationError, Services};

/// How many runs of a kind are counted at the most.
pub const MAX_COUNTED: u32 = 1_000;

/// What stops with a key.
#[derive(Debug)]
pub struct Stops {
    /// The key.
    pub key: ApiKey,
    /// The runs of its account that have not ended.
    pub runs: Unfinished,
}

/// What would stop if the key were revoked now; a key that is revoked already is not found.
pub async fn stops(services: &Services, caller: &Caller, id: &str) -> Result<Stops, OperationError> {
    let target = Target::new("api_key", id);
    caller.allowed(services, "api_key.revoke", Action::API_KEYS_DELETE, None, Some(target)).await?;
    let mut tx = services.storage.read().await?;
    let mut key = find(&mut tx, caller.org_id, id).await?;
    if key.revoked_at.is_some() {
        return Err(OperationError::NotFound);
    }
    last_used(services, &mut key);
    let runs = runs::unfinished_of_account(&mut tx, caller.org_id, key.account_id, MAX_COUNTED).await?;
    Ok(Stops { key, runs })
}
