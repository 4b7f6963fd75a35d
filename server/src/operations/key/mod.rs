//! API keys: create, rotate, revoke, show, report, what stops with one.

mod create;
mod read;
mod report;
mod revoke;
mod rotate;
mod stops;

pub use create::{NewKey, create};
pub use read::{get, list};
pub use report::{KeyReport, report};
pub use revoke::revoke;
pub use rotate::{MAX_OVERLAP_S, Rotation, rotate};
pub use stops::{MAX_COUNTED, Stops, stops};

use factotum_model::KeyId;
use factotum_model::api_key::{ENTROPY_BYTES, KeyText};
use factotum_storage::Tx;
use factotum_storage::api_keys::{self, ApiKey};

use crate::operations::OperationError;

/// A key that was made, with its text, which is shown once.
#[derive(Debug)]
pub struct Made {
    /// The key.
    pub key: ApiKey,
    /// Its text.
    pub text: KeyText,
}

/// The text of a fresh key.
pub(super) fn fresh_text() -> Result<KeyText, OperationError> {
    let mut entropy = [0; ENTROPY_BYTES];
    getrandom::fill(&mut entropy)
        .map_err(|_| OperationError::Unavailable("the operating system gives no random bytes".to_owned()))?;
    Ok(KeyText::from_entropy(&entropy))
}

async fn find(tx: &mut Tx, org: factotum_model::OrgId, id: &str) -> Result<ApiKey, OperationError> {
    let id: KeyId = id.parse().map_err(|_| OperationError::NotFound)?;
    api_keys::get(tx, org, id).await?.ok_or(OperationError::NotFound)
}

/// The key, kept as it is until the transaction ends.
async fn held(tx: &mut Tx, org: factotum_model::OrgId, id: &str) -> Result<ApiKey, OperationError> {
    let id: KeyId = id.parse().map_err(|_| OperationError::NotFound)?;
    api_keys::hold(tx, org, id).await?;
    api_keys::get(tx, org, id).await?.ok_or(OperationError::NotFound)
}
