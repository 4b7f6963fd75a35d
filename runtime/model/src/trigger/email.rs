//! An e-mail trigger's configuration.

use serde::{Deserialize, Serialize};

use crate::email::Mechanism;

/// An e-mail trigger's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailConfig {
    /// What the address begins with: `orders` in `orders+<token>@<mail domain>`.
    pub name: String,
    /// Whose mail is taken: domains (`example.com`, with those below it) or whole addresses; anybody's if there is none. Only a sender whose domain is authenticated
    /// (DMARC's alignment, RFC 7489 §3.1) matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_senders: Vec<String>,
    /// What must have passed; mail without it is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<Mechanism>,
    /// What becomes of the sender's proofs.
    #[serde(default)]
    pub authentication: Authentication,
    /// The largest message taken, in bytes.
    #[serde(default = "default_max_message_bytes")]
    pub max_message_bytes: u64,
    /// Whether mail of machines (null sender, `Auto-Submitted`, `Precedence`, more than 50 `Received`) starts the workflow too; it is stored anyway.
    #[serde(default)]
    pub dispatch_automatic: bool,
}

/// The largest message that an e-mail trigger can be set to take, in bytes.
pub const MAX_MESSAGE_BYTES: u64 = 50 << 20;

const fn default_max_message_bytes() -> u64 {
    25 << 20
}

/// What becomes of the verdicts of SPF, DKIM and DMARC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authentication {
    /// Mail whose DMARC does not pass is refused.
    Require,
    /// They stand in the event and the audit trail.
    #[default]
    Record,
    /// Nothing is looked up.
    Ignore,
}
