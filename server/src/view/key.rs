//! An API key as the world sees it. What must hold: the secret is shown once, when the key is made.

use factotum_model::AccountKind;
use factotum_model::api_key::KeyText;
use factotum_storage::api_keys::ApiKey;
use schemars::JsonSchema;
use serde::Serialize;

use super::AccountView;

/// An API key.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ApiKey")]
pub struct KeyView {
    /// Its id.
    pub id: String,
    /// The whole key: only in the answer to its creation, and only once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Its first characters.
    pub prefix: String,
    /// Its name, and its account's.
    pub nickname: String,
    /// What it may do.
    pub grants: Vec<String>,
    /// The account that acts when the key is used.
    pub service_account: AccountView,
    /// The account that made it.
    pub created_by: CreatorView,
    /// When.
    pub created_at: String,
    /// When it ends by itself.
    pub expires_at: Option<String>,
    /// The networks it may be used from; empty means any.
    pub allowed_networks: Vec<String>,
    /// When it was last used.
    pub last_used_at: Option<String>,
    /// From which address.
    pub last_used_from: Option<String>,
    /// Since when another key has taken its place.
    pub rotated_at: Option<String>,
    /// When it was revoked.
    pub revoked_at: Option<String>,
}

/// Who made a key.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Creator")]
pub struct CreatorView {
    /// Its id.
    pub id: String,
    /// `member`, `base` or `api_key`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Whether it is gone: a member who was removed, a key that was revoked.
    pub left: bool,
}

impl From<&ApiKey> for KeyView {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            secret: None,
            prefix: key.prefix.clone(),
            nickname: key.nickname.clone(),
            grants: key.grants.iter().map(ToString::to_string).collect(),
            service_account: AccountView {
                id: key.account_id.to_string(),
                kind: AccountKind::ApiKey.as_str(),
                name: key.nickname.clone(),
            },
            created_by: CreatorView {
                id: key.created_by.id.to_string(),
                kind: key.created_by.kind.as_str(),
                name: key.created_by.name.clone(),
                left: key.creator_left,
            },
            created_at: key.created_at.to_string(),
            expires_at: key.expires_at.map(|t| t.to_string()),
            allowed_networks: key.allowed_networks.clone(),
            last_used_at: key.last_used_at.map(|t| t.to_string()),
            last_used_from: key.last_used_from.clone(),
            rotated_at: key.rotated_at.map(|t| t.to_string()),
            revoked_at: key.revoked_at.map(|t| t.to_string()),
        }
    }
}

impl KeyView {
    /// With the secret: for the answer to its creation.
    pub fn with_secret(mut self, text: &KeyText) -> Self {
        self.secret = Some(text.expose().to_owned());
        self
    }
}
