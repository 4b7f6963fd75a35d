//! Triggers: what starts a workflow, and the configuration of each kind as the API takes it, a file for each. What must hold: an unknown field is
//! refused, and a secret in a configuration never comes out again.

mod edi;
mod email;
mod schedule;
pub mod token;
mod webhook;
mod webhook_verify;

pub use edi::{Direction, EdiConfig, MAX_DELIVERY_BYTES, Per};
pub use email::{Authentication, EmailConfig, MAX_MESSAGE_BYTES};
pub use schedule::{
    Dialect, Dst, Fold, Gap, MAX_BACKFILL, MAX_JITTER_S, MAX_MISSED_FIRINGS, MAX_QUEUED_FIRINGS, Missed,
    MissedPolicy, Overlap, ScheduleConfig,
};
pub use token::Token;
pub use webhook::{
    DEFAULT_WINDOW_DAYS, Dedup, DedupBy, FixedReply, Format, MAX_BODY_BYTES, MAX_DEDUP_KEY_BYTES, MAX_RATE,
    MAX_REPLY_MS, Rate, Reply, WebhookConfig,
};
pub use webhook_verify::{HmacAlgorithm, SignatureEncoding, Verify, VerifyPreset};

use serde::{Deserialize, Serialize};

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
