//! A secret as the world sees it: never its value.

use factotum_storage::secrets::SecretInfo;
use schemars::JsonSchema;
use serde::Serialize;

/// A secret, without its value, which never comes out again.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Secret")]
pub struct SecretView {
    /// Its name.
    pub name: String,
    /// Grows with each change.
    pub version: u64,
    /// When it was made.
    pub created_at: String,
    /// When it was last set.
    pub updated_at: String,
}

impl From<&SecretInfo> for SecretView {
    fn from(secret: &SecretInfo) -> Self {
        Self {
            name: secret.name.clone(),
            version: secret.version,
            created_at: secret.created_at.to_string(),
            updated_at: secret.updated_at.to_string(),
        }
    }
}
