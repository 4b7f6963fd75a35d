//! Whether a delivery comes from where it says, by the scheme of its trigger's preset, over the raw bytes. What must hold: a comparison with a secret
//! takes the same time whatever was sent and whichever secret fits; every secret that is valid now is tried; what is not exactly the
//! form of the scheme is refused.

mod credentials;
mod generic;
mod graph;
mod slack;
mod standard;
mod stripe;
mod twilio;

use base64::Engine as _;
use factotum_model::trigger::{HmacAlgorithm, SignatureEncoding, Verify, VerifyPreset};
use factotum_model::{Redacted, Timestamp};
use hmac::{Hmac, Mac as _};
use http::HeaderMap;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::{Choice, ConstantTimeEq as _};

pub(crate) use generic::{Scheme, scheme};
pub(crate) use graph::{CLIENT_STATE, mask};
pub(crate) use standard::Key;
pub(crate) use twilio::{BODY_DIGEST, signed as twilio_signature};

use crate::request::Delivery;

/// How far a delivery's time may be from now where the configuration doesn't say, in seconds.
pub const DEFAULT_TOLERANCE_S: u32 = 300;
/// The most signatures that a header may list: a sender lists one for each of its keys.
pub const MAX_SIGNATURES: usize = 32;

/// Why a delivery is not believed. What is said to the sender gives away nothing that the sender did not send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// There is no signature.
    #[error("the signature header is missing")]
    SignatureMissing,
    /// The header comes twice, has another prefix, or is not encoded as configured.
    #[error("the signature header has not the configured form")]
    SignatureMalformed,
    /// It is not the signature of these bytes with any of the secrets.
    #[error("the signature does not fit the body")]
    SignatureMismatch,
    /// There is no time.
    #[error("the timestamp header is missing")]
    TimestampMissing,
    /// It isn't Unix seconds.
    #[error("the timestamp header is not a time in Unix seconds")]
    TimestampMalformed,
    /// It is further from now than is tolerated.
    #[error("the timestamp is too far from the present")]
    TimestampStale,
    /// There is no name where the signature covers one.
    #[error("the header `webhook-id` is missing, comes twice or cannot be read")]
    IdInvalid,
    /// No name and password, no token, no client state.
    #[error("the credentials are missing")]
    CredentialsMissing,
    /// They are not of the configured form.
    #[error("the credentials have not the configured form")]
    CredentialsMalformed,
    /// They are not the right ones.
    #[error("the credentials are not right")]
    CredentialsMismatch,
    /// The trigger's own settings can't be used: no secret, or no header.
    #[error("the trigger has no secret to verify with")]
    NoSecret,
}

impl VerifyError {
    /// The reason as the audit trail and the problem's `code` have it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::SignatureMissing => "signature_missing",
            Self::SignatureMalformed => "signature_malformed",
            Self::SignatureMismatch => "signature_mismatch",
            Self::TimestampMissing => "timestamp_missing",
            Self::TimestampMalformed => "timestamp_malformed",
            Self::TimestampStale => "timestamp_stale",
            Self::IdInvalid => "webhook_id_invalid",
            Self::CredentialsMissing => "credentials_missing",
            Self::CredentialsMalformed => "credentials_malformed",
            Self::CredentialsMismatch => "credentials_mismatch",
            Self::NoSecret => "no_secret",
        }
    }
}

/// Verifies what can be before the body is read: name and password, a token.
pub fn verify_head(config: &Verify, headers: &HeaderMap) -> Result<(), VerifyError> {
    match config.preset {
        VerifyPreset::Basic => credentials::basic(config, headers),
        VerifyPreset::Bearer => credentials::bearer(config, headers),
        _ => Ok(()),
    }
}

/// Verifies a delivery whose body is there.
pub fn verify(config: &Verify, delivery: &Delivery, body: &[u8], now: Timestamp) -> Result<(), VerifyError> {
    let headers = &delivery.headers;
    if config.preset != VerifyPreset::None && config.secrets.is_empty() {
        return Err(VerifyError::NoSecret);
    }
    match config.preset {
        VerifyPreset::None => Ok(()),
        VerifyPreset::Hmac | VerifyPreset::Github | VerifyPreset::Meta | VerifyPreset::Shopify => {
            generic::verify(config, headers, body, now)
        }
        VerifyPreset::Standard => standard::verify(config, headers, body, now),
        VerifyPreset::Stripe => stripe::verify(config, headers, body, now),
        VerifyPreset::Slack => slack::verify(config, headers, body, now),
        VerifyPreset::Twilio => twilio::verify(config, delivery, body),
        VerifyPreset::Graph => graph::verify(config, body),
        VerifyPreset::Basic | VerifyPreset::Bearer => verify_head(config, headers),
    }
}

/// Whether any of the secrets gives what was sent. No early way out: the time taken must not tell which secret fits.
fn any_fits(secrets: &[Redacted], mut expected: impl FnMut(&[u8]) -> Vec<u8>, sent: &[&[u8]]) -> bool {
    let mut fits = Choice::from(0);
    for secret in secrets {
        let expected = expected(secret.expose().as_bytes());
        for sent in sent {
            fits |= expected.as_slice().ct_eq(sent);
        }
    }
    fits.into()
}

/// The time in seconds, if it is near enough.
fn fresh(config: &Verify, text: &str, now: Timestamp) -> Result<(), VerifyError> {
    let plain = !text.is_empty() && text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit());
    let seconds: i64 = text.parse().ok().filter(|_| plain).ok_or(VerifyError::TimestampMalformed)?;
    let apart_s = (now.as_micros().div_euclid(1_000_000) - seconds).unsigned_abs();
    if apart_s > u64::from(config.tolerance_s.unwrap_or(DEFAULT_TOLERANCE_S)) {
        return Err(VerifyError::TimestampStale);
    }
    Ok(())
}

/// The one value of a header: a second one could be what somebody in between has added.
fn single<'h>(
    headers: &'h HeaderMap,
    name: &str,
    missing: VerifyError,
    malformed: VerifyError,
) -> Result<&'h str, VerifyError> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(missing)?;
    if values.next().is_some() {
        return Err(malformed);
    }
    value.to_str().map(str::trim).map_err(|_| malformed)
}

/// The one value of a header that holds a signature.
fn signature_header<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h str, VerifyError> {
    single(headers, name, VerifyError::SignatureMissing, VerifyError::SignatureMalformed)
}

fn decode(text: &str, encoding: SignatureEncoding) -> Result<Vec<u8>, VerifyError> {
    match encoding {
        SignatureEncoding::Hex => hex::decode(text).map_err(|_| VerifyError::SignatureMalformed),
        SignatureEncoding::Base64 => base64::engine::general_purpose::STANDARD
            .decode(text)
            .map_err(|_| VerifyError::SignatureMalformed),
    }
}

/// The HMAC of the parts, one after the other.
pub fn hmac_of(algorithm: HmacAlgorithm, secret: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    macro_rules! hmac {
        ($hash:ty) => {{
            // An HMAC takes a key of any length (RFC 2104 §3), so this cannot fail.
            let Ok(mut mac) = Hmac::<$hash>::new_from_slice(secret) else { return Vec::new() };
            for part in parts {
                mac.update(part);
            }
            mac.finalize().into_bytes().to_vec()
        }};
    }
    match algorithm {
        HmacAlgorithm::Sha1 => hmac!(Sha1),
        HmacAlgorithm::Sha256 => hmac!(Sha256),
        HmacAlgorithm::Sha512 => hmac!(Sha512),
    }
}

/// The HMAC of `body`, or of `<time>.<body>`.
pub fn signature(algorithm: HmacAlgorithm, secret: &[u8], time: Option<&str>, body: &[u8]) -> Vec<u8> {
    match time {
        Some(time) => hmac_of(algorithm, secret, &[time.as_bytes(), b".", body]),
        None => hmac_of(algorithm, secret, &[body]),
    }
}

#[cfg(test)]
mod tests;
