//! A webhook trigger's configuration. What must hold: a secret in it never comes out again.

use serde::{Deserialize, Serialize};

use crate::redacted::Redacted;

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
