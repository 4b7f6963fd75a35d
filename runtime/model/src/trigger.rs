//! Triggers: what starts a workflow, and the configuration of each kind as the API takes it. What must hold: an unknown field is
//! refused, and a secret in a configuration never comes out again.

use serde::{Deserialize, Serialize};

use crate::redacted::Redacted;
use crate::run::InitiatorKind;

/// What kind of trigger it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerKind {
    /// An HTTP request to a secret URL.
    Webhook,
    /// A mail to an address.
    Email,
    /// A calendar.
    Schedule,
    /// An EDI interchange.
    Edi,
}

impl TriggerKind {
    /// The stored and published word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Email => "email",
            Self::Schedule => "schedule",
            Self::Edi => "edi",
        }
    }

    /// The other way round.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Webhook, Self::Email, Self::Schedule, Self::Edi].into_iter().find(|k| k.as_str() == word)
    }

    /// What a run that it starts names as initiator.
    pub const fn initiator(self) -> InitiatorKind {
        match self {
            Self::Webhook => InitiatorKind::Webhook,
            Self::Email => InitiatorKind::Email,
            Self::Schedule => InitiatorKind::Schedule,
            Self::Edi => InitiatorKind::Edi,
        }
    }
}

/// What the sender of a webhook is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// 202 with the run's id, after the commit.
    #[default]
    Accepted,
    /// The workflow's answer, when it is there.
    Outcome,
}

/// The longest time a webhook with `reply: outcome` may be kept waiting, in milliseconds.
pub const MAX_REPLY_MS: u64 = 120_000;
/// The largest webhook body that can be set, in bytes.
pub const MAX_BODY_BYTES: u64 = 16 << 20;
/// The most deliveries per minute, and at once, that a webhook's rate can say.
pub const MAX_RATE: u32 = 1_000_000;
/// The longest dedup key, in bytes.
pub const MAX_DEDUP_KEY_BYTES: usize = 512;

/// A webhook trigger's configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookConfig {
    /// What the sender is answered.
    pub reply: Reply,
    /// How long `outcome` waits before it answers 202 with the run's `Location`, in milliseconds.
    pub reply_timeout_ms: u64,
    /// How a delivery proves where it comes from.
    pub verify: Verify,
    /// How a repeated delivery is recognised; `None` takes each as new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dedup: Option<Dedup>,
    /// How many deliveries are taken; `None` takes as many as come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// The methods taken; others get 405.
    pub methods: Vec<String>,
    /// The largest body taken, in bytes; more gets 413.
    pub max_body_bytes: u64,
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self {
            reply: Reply::Accepted,
            reply_timeout_ms: 30_000,
            verify: Verify::default(),
            dedup: None,
            rate: None,
            methods: vec!["POST".into(), "PUT".into(), "PATCH".into(), "GET".into(), "DELETE".into()],
            max_body_bytes: 1 << 20,
        }
    }
}

/// How many deliveries a webhook takes. Each node counts its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// How many in a minute, over time.
    pub per_minute: u32,
    /// How many at once, after a pause.
    pub burst: u32,
}

/// How a delivery proves where it comes from.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Verify {
    /// Whose scheme.
    pub preset: VerifyPreset,
    /// The secrets that are valid now; several during a rotation. Stored encrypted, never shown.
    #[serde(skip_serializing)]
    pub secrets: Vec<Redacted>,
    /// `hmac`: the header that carries the signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// `hmac`: the hash; `sha256` unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<HmacAlgorithm>,
    /// `hmac`: how the signature is written; `hex` unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<SignatureEncoding>,
    /// `hmac`: what stands before the signature in the header, such as `sha256=`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// `hmac`: the header with the time of signing in Unix seconds; the signature is then over `<time>.<body>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp_header: Option<String>,
    /// `hmac`: how far that time may be from now, in seconds; 300 unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance_s: Option<u32>,
}

/// Whose verification scheme.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyPreset {
    /// The secret URL is the proof.
    #[default]
    None,
    /// An HMAC over the raw body, as configured.
    Hmac,
}

/// RFC 2104 with which hash.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HmacAlgorithm {
    /// SHA-1: only where a sender has nothing better.
    Sha1,
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureEncoding {
    /// Hexadecimal, either case.
    #[default]
    Hex,
    /// RFC 4648 base64, standard alphabet.
    Base64,
}

/// How a repeated delivery is recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dedup {
    /// The header whose value names the delivery.
    pub header: String,
    /// How long a value is remembered, in days; 7 unless given, at most 90.
    #[serde(default = "seven")]
    pub window_days: u32,
}

const fn seven() -> u32 {
    7
}

/// A schedule trigger's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Five, six or seven fields, or `@daily` and its like.
    pub cron: String,
    /// An IANA time zone; `UTC` unless given.
    #[serde(default = "utc")]
    pub timezone: String,
    /// What becomes of firings that were missed.
    #[serde(default)]
    pub missed: Missed,
    /// What happens when the firing before is still running.
    #[serde(default)]
    pub overlap: Overlap,
}

fn utc() -> String {
    "UTC".into()
}

/// What becomes of firings that were missed while the program was down or the schedule paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Missed {
    /// Which of them are made up for.
    pub policy: MissedPolicy,
    /// How far back they are made up for, in seconds.
    pub window_s: u64,
}

impl Default for Missed {
    fn default() -> Self {
        Self { policy: MissedPolicy::Last, window_s: 3_600 }
    }
}

/// The most missed firings that one catch-up makes up for; the newest are kept.
pub const MAX_MISSED_FIRINGS: usize = 1_000;

/// Which missed firings are made up for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissedPolicy {
    /// None.
    None,
    /// The newest.
    #[default]
    Last,
    /// Every one, at most [`MAX_MISSED_FIRINGS`].
    All,
}

/// What happens when the firing before is still going on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Both run.
    #[default]
    Allow,
    /// The new firing is left out, with an audit entry.
    Skip,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_a_configuration_never_comes_out_again() {
        let config: WebhookConfig = serde_json::from_str(
            r#"{"reply":"outcome","verify":{"preset":"hmac","secrets":["s3cret"],"header":"X-Sig"},"dedup":{"header":"X-Id"}}"#,
        )
        .unwrap();
        let shown = format!("{config:?} {}", serde_json::to_string(&config).unwrap());
        assert!(!shown.contains("s3cret"), "{shown}");
        assert_eq!(config.verify.secrets[0].expose(), "s3cret");
        assert_eq!(config.dedup.unwrap().window_days, 7);
    }

    #[test]
    fn unknown_fields_are_refused() {
        assert!(serde_json::from_str::<WebhookConfig>(r#"{"replay":"outcome"}"#).is_err());
        assert!(serde_json::from_str::<ScheduleConfig>(r#"{"cron":"* * * * *","tz":"UTC"}"#).is_err());
    }
}
