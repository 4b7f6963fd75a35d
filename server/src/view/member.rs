//! An account as Settings → Members shows it, and as `/me` does; its roles, and invitations.

use factotum_storage::accounts::Account;
use factotum_storage::organizations::Organization;
use factotum_storage::roles::Role;
use schemars::JsonSchema;
use serde::Serialize;

use crate::operations::invitation::Invited;
use crate::operations::member::Erasure;

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
    /// The e-mail address of a person; a service account has none.
    pub email: Option<String>,
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
            email: account.email.clone(),
            badge: account.principal.kind.badge(),
            roles: account.roles.clone(),
            created_at: account.created_at.to_string(),
            suspended_at: account.suspended_at.map(|t| t.to_string()),
        }
    }
}

/// A former member of whom nothing is known any more.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Erasure")]
pub struct ErasureView {
    /// The account's id, which stays.
    pub id: String,
    /// When.
    pub erased_at: String,
    /// How many values of the audit trail were erased; none where it was done before.
    pub audit_values: u64,
}

impl From<&Erasure> for ErasureView {
    fn from(erasure: &Erasure) -> Self {
        Self {
            id: erasure.account.to_string(),
            erased_at: erasure.at.to_string(),
            audit_values: erasure.audit_values,
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

/// A role.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Role")]
pub struct RoleView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it allows.
    pub grants: Vec<String>,
    /// Whether it came with the organization; then it cannot be changed.
    pub built_in: bool,
    /// How many members have it.
    pub members: u64,
    /// Since when it is there.
    pub created_at: String,
}

impl From<&Role> for RoleView {
    fn from(role: &Role) -> Self {
        Self {
            id: role.id.to_string(),
            name: role.name.clone(),
            grants: role.grants.iter().map(ToString::to_string).collect(),
            built_in: role.built_in,
            members: role.members,
            created_at: role.created_at.to_string(),
        }
    }
}

/// An invitation.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Invitation")]
pub struct InvitationView {
    /// Its id.
    pub id: String,
    /// Whom it is for.
    pub email: String,
    /// The names of the roles that it gives.
    pub roles: Vec<String>,
    /// The account that invites.
    pub invited_by: String,
    /// Since when.
    pub created_at: String,
    /// When it ends by itself.
    pub expires_at: String,
    /// The link to take it up by: only in the answer to its creation, and only once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Whether the link was sent by mail: only in the answer to its creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail_sent: Option<bool>,
}

impl From<&Invited> for InvitationView {
    fn from(invited: &Invited) -> Self {
        let Invited { invitation, roles } = invited;
        Self {
            id: invitation.id.to_string(),
            email: invitation.email.clone(),
            roles: roles.clone(),
            invited_by: invitation.invited_by.to_string(),
            created_at: invitation.created_at.to_string(),
            expires_at: invitation.expires_at.to_string(),
            url: None,
            mail_sent: None,
        }
    }
}
