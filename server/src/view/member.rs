//! An account as Settings → Members shows it, and as `/me` does.

use factotum_storage::accounts::Account;
use factotum_storage::organizations::Organization;
use schemars::JsonSchema;
use serde::Serialize;

/// An account of the organization.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Member")]
pub struct MemberView {
    /// Its id.
    pub id: String,
    /// member, base or api_key.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// What marks a service account.
    pub badge: Option<&'static str>,
    /// The names of its roles; a service account has none.
    pub roles: Vec<String>,
    /// Since when it is there.
    pub created_at: String,
    /// Since when nothing of it is dispatched.
    pub suspended_at: Option<String>,
}

impl From<&Account> for MemberView {
    fn from(account: &Account) -> Self {
        Self {
            id: account.principal.id.to_string(),
            kind: account.principal.kind.as_str(),
            name: account.principal.name.clone(),
            badge: account.principal.kind.badge(),
            roles: account.roles.clone(),
            created_at: account.created_at.to_string(),
            suspended_at: account.suspended_at.map(|t| t.to_string()),
        }
    }
}

/// The account behind a request.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Me")]
pub struct MeView {
    /// Its id.
    pub id: String,
    /// member, base or api_key.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Its organization's id.
    pub org: String,
    /// Its organization's name.
    pub org_name: String,
    /// What it may do.
    pub grants: Vec<String>,
}

/// An organization.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Organization")]
pub struct OrganizationView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Since when nothing of it is dispatched.
    pub suspended_at: Option<String>,
}

impl From<&Organization> for OrganizationView {
    fn from(organization: &Organization) -> Self {
        Self {
            id: organization.id.to_string(),
            name: organization.name.clone(),
            suspended_at: organization.suspended_at.map(|t| t.to_string()),
        }
    }
}
