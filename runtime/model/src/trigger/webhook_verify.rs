//! How a webhook's deliveries prove where they come from: the presets and what each of them can be given. What must hold: a secret goes in and
//! never comes out again.

use serde::{Deserialize, Serialize};

use crate::redacted::Redacted;

/// How a delivery proves where it comes from.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Verify {
    /// Whose scheme.
    pub preset: VerifyPreset,
    /// The secrets that are valid now; several during a rotation. Stored encrypted, never shown.
    #[serde(skip_serializing)]
    pub secrets: Vec<Redacted>,
    /// `meta`: what the subscription is confirmed with. Stored encrypted, never shown.
    #[serde(skip_serializing)]
    pub verify_token: Option<Redacted>,
    /// `twilio`: the URL that Twilio calls, where it is another than the one that this server shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
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
    /// Where the time of signing is signed too: how far it may be from now, in seconds; 300 unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance_s: Option<u32>,
}

/// Whose verification scheme.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyPreset {
    /// The secret URL is the proof.
    #[default]
    None,
    /// An HMAC over the raw body, as configured.
    Hmac,
    /// Standard Webhooks: `v1` and `v1a`.
    Standard,
    /// GitHub: `X-Hub-Signature-256`.
    Github,
    /// Stripe: `Stripe-Signature`.
    Stripe,
    /// Slack: `X-Slack-Signature`, version 0.
    Slack,
    /// Shopify: `X-Shopify-Hmac-Sha256`.
    Shopify,
    /// Twilio: `X-Twilio-Signature`.
    Twilio,
    /// Meta's platforms: `X-Hub-Signature-256`, and a verify token.
    Meta,
    /// Microsoft Graph: the `clientState` of each notification.
    Graph,
    /// RFC 7617: a user's name and password.
    Basic,
    /// RFC 6750: a token.
    Bearer,
}

impl VerifyPreset {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::None,
        Self::Hmac,
        Self::Standard,
        Self::Github,
        Self::Stripe,
        Self::Slack,
        Self::Shopify,
        Self::Twilio,
        Self::Meta,
        Self::Graph,
        Self::Basic,
        Self::Bearer,
    ];

    /// The word of the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Hmac => "hmac",
            Self::Standard => "standard",
            Self::Github => "github",
            Self::Stripe => "stripe",
            Self::Slack => "slack",
            Self::Shopify => "shopify",
            Self::Twilio => "twilio",
            Self::Meta => "meta",
            Self::Graph => "graph",
            Self::Basic => "basic",
            Self::Bearer => "bearer",
        }
    }

    /// The other way round.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.as_str() == word)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_preset_is_read_as_it_is_written() {
        for preset in VerifyPreset::ALL {
            assert_eq!(serde_json::to_value(preset).unwrap(), preset.as_str());
            assert_eq!(VerifyPreset::from_word(preset.as_str()), Some(preset));
        }
    }
}
