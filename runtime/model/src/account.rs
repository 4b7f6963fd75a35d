//! Accounts: who acts. What must hold: a base or key account is never a member; identity is the id, the name is
//! only shown.

use serde::{Deserialize, Serialize};

use crate::id::AccountId;

/// The name of every base service account, in lists and in the audit trail.
pub const BASE_ACCOUNT_NAME: &str = "Service Account";

/// What kind of account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// A person in an organization.
    Member,
    /// The organization's base service account: what triggers run as.
    Base,
    /// An API key's service account.
    ApiKey,
}

impl AccountKind {
    /// The stored and published word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Base => "base",
            Self::ApiKey => "api_key",
        }
    }

    /// The other way round.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Member, Self::Base, Self::ApiKey].into_iter().find(|k| k.as_str() == word)
    }

    /// The badge in Settings → Members.
    pub const fn badge(self) -> Option<&'static str> {
        match self {
            Self::Member => None,
            Self::Base => Some("Base Service Account"),
            Self::ApiKey => Some("API Key"),
        }
    }
}

/// An account as it stands in a run or an audit entry: a snapshot, with the name as it was then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The account.
    pub id: AccountId,
    /// Its kind.
    pub kind: AccountKind,
    /// Its name at that time.
    pub name: String,
}
