//! A webhook trigger's configuration. What must hold: a secret in it never comes out again; what an older version stored is read.

use serde::{Deserialize, Serialize};

use super::webhook_verify::Verify;

/// What the sender of a webhook is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// 202 with the run's id, after the commit.
    #[default]
    Accepted,
    /// The workflow's answer, when it is there.
    Outcome,
    /// Always the same, after the commit: what [`WebhookConfig::fixed`] says.
    Fixed,
}

/// What a body is, beside bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Whatever it is: one delivery is one event.
    #[default]
    Plain,
    /// CloudEvents 1.0 over HTTP, structured, binary or in batches: each becomes an event of its own.
    #[serde(rename = "cloudevents")]
    CloudEvents,
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
    /// What `fixed` answers; 200 without a body unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed: Option<FixedReply>,
    /// What a body is.
    #[serde(skip_serializing_if = "is_plain")]
    pub format: Format,
    /// CloudEvents: who may ask whether deliveries are welcome (`OPTIONS` with `WebHook-Request-Origin`), by DNS name; none: anybody.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
    /// How a delivery proves where it comes from.
    pub verify: Verify,
    /// From which networks deliveries are taken; none: from anywhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_networks: Vec<String>,
    /// SHA-256 of the client certificates of which a sender shows one, 64 hexadecimal digits each; none: it need not show any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub client_certificates: Vec<String>,
    /// How a repeated delivery is recognised; `None` leaves it to the preset of `verify`, or to the format.
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
            fixed: None,
            format: Format::Plain,
            origins: Vec::new(),
            verify: Verify::default(),
            allowed_networks: Vec::new(),
            client_certificates: Vec::new(),
            dedup: None,
            rate: None,
            methods: vec!["POST".into(), "PUT".into(), "PATCH".into(), "GET".into(), "DELETE".into()],
            max_body_bytes: 1 << 20,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_plain(format: &Format) -> bool {
    *format == Format::Plain
}

/// An answer that is always the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FixedReply {
    /// The status, 200 to 299.
    pub status: u16,
    /// The `Content-Type` of the body.
    pub content_type: String,
    /// More headers.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub headers: std::collections::BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

impl Default for FixedReply {
    fn default() -> Self {
        let content_type = "text/plain; charset=utf-8".to_owned();
        Self { status: 200, content_type, headers: std::collections::BTreeMap::new(), body: String::new() }
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

/// By what a repeated delivery is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DedupBy {
    /// By what the preset of `verify`, or the format, names deliveries with.
    Preset,
    /// By a header.
    Header,
    /// By a value in the body, which is JSON.
    Pointer,
    /// By the body's bytes.
    Body,
    /// By nothing: each delivery is new.
    None,
}

/// How a repeated delivery is recognised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dedup {
    /// By what; unless given, by what else is given, or as the preset has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<DedupBy>,
    /// The header whose value names the delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// Where in the body the delivery's name stands (RFC 6901).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// How long a name is remembered, in days; 7 unless given, at most 90.
    #[serde(default = "seven")]
    pub window_days: u32,
}

impl Dedup {
    /// By what.
    pub fn by(&self) -> DedupBy {
        match (self.by, &self.header, &self.pointer) {
            (Some(by), _, _) => by,
            (None, Some(_), _) => DedupBy::Header,
            (None, None, Some(_)) => DedupBy::Pointer,
            (None, None, None) => DedupBy::Preset,
        }
    }
}

/// How long a delivery's name is remembered unless something else is set, in days.
pub const DEFAULT_WINDOW_DAYS: u32 = 7;

const fn seven() -> u32 {
    DEFAULT_WINDOW_DAYS
}
