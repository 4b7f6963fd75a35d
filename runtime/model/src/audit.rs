//! Audit entries: who, by whose authority, started by what, did or tried what, to what, with what result, from where.
//! What must hold: an entry is complete in itself (names are snapshots, there is no foreign key to an account) and holds no
//! secret and no payload.

mod personal;

pub use personal::{ALTERED, ERASED, PersonalValue, SALT_BYTES, commitment};

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::account::Principal;
use crate::digest::Digest;
use crate::id::{AuditId, KeyId, OrgId, RequestId, RunId, SessionId, TriggerId};
use crate::run::InitiatorKind;
use crate::time::Timestamp;

/// How an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    /// Done.
    Ok,
    /// Refused: somebody tried what they may not.
    Denied,
    /// Tried, and failed.
    Error,
    /// Begun, and nobody knows how it ended: what an intent without its outcome is shown as. Never stored.
    Unknown,
}

impl AuditOutcome {
    /// The stored and published word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Denied => "denied",
            Self::Error => "error",
            Self::Unknown => "unknown",
        }
    }

    /// The other way round, for the words that are stored.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Ok, Self::Denied, Self::Error].into_iter().find(|o| o.as_str() == word)
    }
}

/// The API key that a request came with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// The key's id.
    pub key_id: KeyId,
    /// Its first characters.
    pub prefix: String,
}

/// What started an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditInitiator {
    /// Its kind.
    pub kind: InitiatorKind,
    /// The trigger, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger_id: Option<TriggerId>,
    /// The sender's name for it: a delivery id, a message id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_ref: Option<String>,
}

/// What an action was done to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// `workflow`, `run`, `api_key`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id, or its name where it has none.
    pub id: String,
    /// Its name then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Target {
    /// A target with an id alone.
    pub fn new(kind: &str, id: impl ToString) -> Self {
        Self { kind: kind.to_owned(), id: id.to_string(), name: None }
    }

    /// A target with id and name.
    pub fn named(kind: &str, id: impl ToString, name: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), id: id.to_string(), name: Some(name.into()) }
    }
}

/// One audit entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its id.
    pub id: AuditId,
    /// The organization whose trail it stands in.
    pub org_id: OrgId,
    /// When.
    pub at: Timestamp,
    /// `noun.verb`: `api_key.create`, `event.accept`, `run.succeed`.
    pub action: String,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// Why, where it was not `ok`; a code first, then words for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who, as they were called then.
    pub actor: Principal,
    /// With which key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<Credential>,
    /// In which session, if a member did it in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// What started it.
    pub initiator: AuditInitiator,
    /// The runs above this one, the outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<RunId>,
    /// The run that it is about or that did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// Which attempt of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The workflow's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// The component that ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin_digest: Option<Digest>,
    /// The permission that was used, or missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission: Option<String>,
    /// To what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    /// Before and after, without secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Value>,
    /// From which address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// With which client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// In which request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// Which of its values were erased, as JSON pointers: `/actor/name`, `/ip`. What reading an entry tells; none is written so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub erased: Vec<String>,
    /// Which of its values were changed or taken away behind the program's back. As with `erased`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub altered: Vec<String>,
}

impl AuditEntry {
    /// An entry with what every entry has; the rest is set field by field.
    pub fn new(
        org_id: OrgId,
        at: Timestamp,
        action: &str,
        outcome: AuditOutcome,
        actor: Principal,
        initiator: AuditInitiator,
    ) -> Self {
        Self {
            id: AuditId::random(),
            org_id,
            at,
            action: action.to_owned(),
            outcome,
            reason: None,
            actor,
            credential: None,
            session_id: None,
            initiator,
            chain: Vec::new(),
            run_id: None,
            attempt: None,
            workflow: None,
            plugin_digest: None,
            permission: None,
            targets: Vec::new(),
            change: None,
            ip: None,
            user_agent: None,
            request_id: None,
            erased: Vec::new(),
            altered: Vec::new(),
        }
    }
}

impl AuditInitiator {
    /// An initiator with its kind alone.
    pub const fn of(kind: InitiatorKind) -> Self {
        Self { kind, trigger_id: None, external_ref: None }
    }
}
