//! What each preset of `verify` is made of: which fields it takes, in which headers its senders prove themselves, how they name their deliveries. What
//! must hold: a field that a preset does not use is refused, and what proves a sender never reaches the event.

use factotum_model::trigger::{Verify, VerifyPreset};

/// A field of `verify` beside `preset` and `secrets`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `secrets`
    Secrets,
    /// `verify_token`
    VerifyToken,
    /// `public_url`
    PublicUrl,
    /// `header`
    Header,
    /// `algorithm`
    Algorithm,
    /// `encoding`
    Encoding,
    /// `prefix`
    Prefix,
    /// `timestamp_header`
    TimestampHeader,
    /// `tolerance_s`
    ToleranceS,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Secrets,
        Self::VerifyToken,
        Self::PublicUrl,
        Self::Header,
        Self::Algorithm,
        Self::Encoding,
        Self::Prefix,
        Self::TimestampHeader,
        Self::ToleranceS,
    ];

    /// Its name in `config`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Secrets => "verify.secrets",
            Self::VerifyToken => "verify.verify_token",
            Self::PublicUrl => "verify.public_url",
            Self::Header => "verify.header",
            Self::Algorithm => "verify.algorithm",
            Self::Encoding => "verify.encoding",
            Self::Prefix => "verify.prefix",
            Self::TimestampHeader => "verify.timestamp_header",
            Self::ToleranceS => "verify.tolerance_s",
        }
    }

    /// Whether it is given.
    pub fn is_in(self, verify: &Verify) -> bool {
        match self {
            Self::Secrets => !verify.secrets.is_empty(),
            Self::VerifyToken => verify.verify_token.is_some(),
            Self::PublicUrl => verify.public_url.is_some(),
            Self::Header => verify.header.is_some(),
            Self::Algorithm => verify.algorithm.is_some(),
            Self::Encoding => verify.encoding.is_some(),
            Self::Prefix => verify.prefix.is_some(),
            Self::TimestampHeader => verify.timestamp_header.is_some(),
            Self::ToleranceS => verify.tolerance_s.is_some(),
        }
    }
}

/// The fields that a preset takes.
pub const fn fields(preset: VerifyPreset) -> &'static [Field] {
    match preset {
        VerifyPreset::None => &[],
        VerifyPreset::Hmac => &[
            Field::Secrets,
            Field::Header,
            Field::Algorithm,
            Field::Encoding,
            Field::Prefix,
            Field::TimestampHeader,
            Field::ToleranceS,
        ],
        VerifyPreset::Standard | VerifyPreset::Stripe | VerifyPreset::Slack => {
            &[Field::Secrets, Field::ToleranceS]
        }
        VerifyPreset::Twilio => &[Field::Secrets, Field::PublicUrl],
        VerifyPreset::Meta => &[Field::Secrets, Field::VerifyToken],
        VerifyPreset::Github
        | VerifyPreset::Shopify
        | VerifyPreset::Graph
        | VerifyPreset::Basic
        | VerifyPreset::Bearer => &[Field::Secrets],
    }
}

/// Whether the sender makes up the secret, so that its length is not ours to judge.
pub const fn secret_is_the_senders(preset: VerifyPreset) -> bool {
    matches!(
        preset,
        VerifyPreset::Standard
            | VerifyPreset::Stripe
            | VerifyPreset::Slack
            | VerifyPreset::Shopify
            | VerifyPreset::Twilio
            | VerifyPreset::Meta
    )
}

/// The headers with which a sender proves itself, in lower case: they are no part of the event. `Authorization` never is, whatever the preset.
pub fn proofs(verify: &Verify) -> Vec<String> {
    let names: &[&str] = match verify.preset {
        VerifyPreset::Hmac => {
            return verify.header.iter().map(|name| name.to_ascii_lowercase()).collect();
        }
        VerifyPreset::Standard => &["webhook-signature"],
        VerifyPreset::Github | VerifyPreset::Meta => &["x-hub-signature-256", "x-hub-signature"],
        VerifyPreset::Stripe => &["stripe-signature"],
        VerifyPreset::Slack => &["x-slack-signature"],
        VerifyPreset::Shopify => &["x-shopify-hmac-sha256"],
        VerifyPreset::Twilio => &["x-twilio-signature"],
        VerifyPreset::None | VerifyPreset::Graph | VerifyPreset::Basic | VerifyPreset::Bearer => &[],
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// How a preset's senders name their deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// By nothing that two deliveries could not share.
    None,
    /// By this header, which the scheme asks for.
    Header(&'static str),
    /// By these headers together; without one of them by the signature, which stands in this header.
    HeadersOr(&'static [&'static str], &'static str),
    /// By a value in the JSON of the body; without it by the signature, which stands in this header.
    PointerOr(&'static str, &'static str),
    /// By this header, where it comes.
    Maybe(&'static str),
}

/// How this preset's senders name them.
pub const fn name(preset: VerifyPreset) -> Name {
    match preset {
        VerifyPreset::Standard => Name::Header("webhook-id"),
        VerifyPreset::Github => Name::HeadersOr(&["x-github-delivery"], "x-hub-signature-256"),
        VerifyPreset::Stripe => Name::PointerOr("/id", "stripe-signature"),
        VerifyPreset::Slack => Name::PointerOr("/event_id", "x-slack-signature"),
        // Of one event there is a delivery for each topic that is subscribed to.
        VerifyPreset::Shopify => {
            Name::HeadersOr(&["x-shopify-topic", "x-shopify-event-id"], "x-shopify-hmac-sha256")
        }
        // Twilio asks the same again, signed the same, where a call comes back to a URL.
        VerifyPreset::Twilio => Name::Maybe("i-twilio-idempotency-token"),
        VerifyPreset::Meta => Name::HeadersOr(&[], "x-hub-signature-256"),
        VerifyPreset::None
        | VerifyPreset::Hmac
        | VerifyPreset::Graph
        | VerifyPreset::Basic
        | VerifyPreset::Bearer => Name::None,
    }
}

/// What names a preset's deliveries, in words; nothing where nothing does.
pub const fn name_words(preset: VerifyPreset) -> Option<&'static str> {
    match preset {
        VerifyPreset::Standard => Some("webhook-id"),
        VerifyPreset::Github => Some("X-GitHub-Delivery"),
        VerifyPreset::Stripe => Some("the event's id"),
        VerifyPreset::Slack => Some("the event's id, or else the signature"),
        VerifyPreset::Shopify => Some("X-Shopify-Topic and X-Shopify-Event-Id"),
        VerifyPreset::Twilio => Some("I-Twilio-Idempotency-Token, where it comes"),
        VerifyPreset::Meta => Some("the signature"),
        _ => None,
    }
}
