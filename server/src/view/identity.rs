//! An identity at a provider, as its person sees it; and log-in by OpenID Connect as the log-in page needs it.

use factotum_storage::identities::Identity;
use schemars::JsonSchema;
use serde::Serialize;

/// An identity of whoever is logged in.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Identity")]
pub struct IdentityView {
    /// Its id.
    pub id: String,
    /// The provider.
    pub issuer: String,
    /// The provider's name for the person.
    pub subject: String,
    /// Since when it is linked.
    pub created_at: String,
}

impl From<&Identity> for IdentityView {
    fn from(identity: &Identity) -> Self {
        Self {
            id: identity.id(),
            issuer: identity.issuer.clone(),
            subject: identity.subject.clone(),
            created_at: identity.created_at.to_string(),
        }
    }
}

/// Where to go on.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "GoTo")]
pub struct GoToView {
    /// The page of the identity provider.
    pub url: String,
}

/// Whether one can log in by OpenID Connect.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SingleSignOn")]
pub struct SingleSignOnView {
    /// Whether one can.
    pub enabled: bool,
    /// What the button says.
    pub label: Option<String>,
}
