//! Sessions, second factors and who is logged in, as the API shows them. What must hold: no token of a session is in a body: it is in the cookie
//! alone.

use factotum_model::{Redacted, SessionId, Timestamp};
use factotum_storage::people::Membership;
use factotum_storage::sessions::Session;
use schemars::JsonSchema;
use serde::Serialize;

use crate::operations::session::LoggedIn;
use crate::operations::totp::SetUp;

/// An organization that a person is a member of.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OwnOrganization")]
pub struct OwnOrganizationView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A member, to themselves.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OwnAccount")]
pub struct OwnAccountView {
    /// Its id.
    pub id: String,
    /// member
    pub kind: &'static str,
    /// Its name.
    pub name: String,
}

/// Who is logged in.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LoggedIn")]
pub struct LoggedInView {
    /// The member's account in the organization of this session.
    pub account: OwnAccountView,
    /// The organization of this session.
    pub org: OwnOrganizationView,
    /// All organizations of the person, in the order of joining.
    pub organizations: Vec<OwnOrganizationView>,
    /// When the session ends whatever happens.
    pub expires_at: String,
}

impl From<&Membership> for OwnOrganizationView {
    fn from(membership: &Membership) -> Self {
        Self { id: membership.org_id.to_string(), name: membership.org_name.clone() }
    }
}

impl LoggedInView {
    fn of(membership: &Membership, all: &[Membership], expires_at: Timestamp) -> Self {
        let who = &membership.principal;
        Self {
            account: OwnAccountView {
                id: who.id.to_string(),
                kind: who.kind.as_str(),
                name: who.name.clone(),
            },
            org: membership.into(),
            organizations: all.iter().map(OwnOrganizationView::from).collect(),
            expires_at: expires_at.to_string(),
        }
    }

    /// A session that goes on; none if its person is not a member there any more.
    pub fn current(session: &Session, memberships: &[Membership]) -> Option<Self> {
        let membership = memberships.iter().find(|m| m.org_id == session.org_id)?;
        Some(Self::of(membership, memberships, session.expires_at))
    }
}

impl From<&LoggedIn> for LoggedInView {
    fn from(done: &LoggedIn) -> Self {
        Self::of(&done.membership, &done.memberships, done.begun.expires_at)
    }
}

/// One of a person's sessions.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Session")]
pub struct SessionView {
    /// Its id.
    pub id: String,
    /// The organization it is in.
    pub org: String,
    /// How it began: password, oidc, invitation or setup.
    pub method: &'static str,
    /// When it began.
    pub created_at: String,
    /// When it ends whatever happens.
    pub expires_at: String,
    /// When it was last used, to the minute.
    pub last_seen_at: String,
    /// From which address.
    pub last_seen_from: Option<String>,
    /// With which program.
    pub user_agent: Option<String>,
    /// Whether it is the one of this request.
    pub current: bool,
}

impl SessionView {
    /// A session in the list that `this` one asks for.
    pub fn of(session: &Session, this: SessionId) -> Self {
        Self {
            id: session.id.to_string(),
            org: session.org_id.to_string(),
            method: session.method.as_str(),
            created_at: session.created_at.to_string(),
            expires_at: session.expires_at.to_string(),
            last_seen_at: session.last_seen_at.to_string(),
            last_seen_from: session.last_seen_from.clone(),
            user_agent: session.user_agent.clone(),
            current: session.id == this,
        }
    }
}

/// What an authenticator needs; shown this once.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TotpSetUp")]
pub struct SetUpView {
    /// The secret in base32.
    pub secret: String,
    /// The same as a URI, for a QR code.
    pub otpauth_uri: String,
}

impl From<&SetUp> for SetUpView {
    fn from(made: &SetUp) -> Self {
        Self { secret: made.secret.expose().clone(), otpauth_uri: made.otpauth_uri.expose().clone() }
    }
}

/// Recovery codes; shown this once.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RecoveryCodes")]
pub struct RecoveryCodesView {
    /// Each gets its person in once, in the place of a code of the authenticator.
    pub recovery_codes: Vec<String>,
}

impl From<Vec<Redacted>> for RecoveryCodesView {
    fn from(codes: Vec<Redacted>) -> Self {
        Self { recovery_codes: codes.iter().map(|code| code.expose().clone()).collect() }
    }
}
