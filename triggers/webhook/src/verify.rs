//! Whether a delivery comes from where it says: an HMAC (RFC 2104) over the raw bytes, as configured. What must hold: the
//! comparison takes the same time whatever was sent and whichever secret fits; every secret that is valid now is tried;
//! what is not exactly the configured form is refused.

use base64::Engine as _;
use factotum_model::Timestamp;
use factotum_model::trigger::{HmacAlgorithm, SignatureEncoding, Verify, VerifyPreset};
use hmac::{Hmac, Mac as _};
use http::HeaderMap;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::{Choice, ConstantTimeEq as _};

/// How far a delivery's time may be from now where the configuration doesn't say, in seconds.
pub const DEFAULT_TOLERANCE_S: u32 = 300;

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
            Self::NoSecret => "no_secret",
        }
    }
}

/// Verifies a delivery.
pub fn verify(config: &Verify, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), VerifyError> {
    match config.preset {
        VerifyPreset::None => Ok(()),
        VerifyPreset::Hmac => verify_hmac(config, headers, body, now),
    }
}

fn verify_hmac(config: &Verify, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), VerifyError> {
    let header = config.header.as_deref().ok_or(VerifyError::NoSecret)?;
    if config.secrets.is_empty() {
        return Err(VerifyError::NoSecret);
    }
    let sent = single(headers, header, VerifyError::SignatureMissing, VerifyError::SignatureMalformed)?;
    let prefix = config.prefix.as_deref().unwrap_or_default();
    let sent = sent.strip_prefix(prefix).ok_or(VerifyError::SignatureMalformed)?;
    let sent = decode(sent, config.encoding.unwrap_or_default())?;
    let time = match &config.timestamp_header {
        Some(name) => Some(fresh_time(config, headers, name, now)?),
        None => None,
    };
    let algorithm = config.algorithm.unwrap_or_default();
    // No early way out: the time taken must not tell which secret fits.
    let mut fits = Choice::from(0);
    for secret in &config.secrets {
        let expected = signature(algorithm, secret.expose().as_bytes(), time, body);
        fits |= expected.as_slice().ct_eq(sent.as_slice());
    }
    if fits.into() { Ok(()) } else { Err(VerifyError::SignatureMismatch) }
}

/// The header's time as sent, if it is near enough.
fn fresh_time<'h>(
    config: &Verify,
    headers: &'h HeaderMap,
    name: &str,
    now: Timestamp,
) -> Result<&'h str, VerifyError> {
    let text = single(headers, name, VerifyError::TimestampMissing, VerifyError::TimestampMalformed)?;
    let plain = !text.is_empty() && text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit());
    let seconds: i64 = text.parse().ok().filter(|_| plain).ok_or(VerifyError::TimestampMalformed)?;
    let apart_s = (now.as_micros().div_euclid(1_000_000) - seconds).unsigned_abs();
    if apart_s > u64::from(config.tolerance_s.unwrap_or(DEFAULT_TOLERANCE_S)) {
        return Err(VerifyError::TimestampStale);
    }
    Ok(text)
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

fn decode(text: &str, encoding: SignatureEncoding) -> Result<Vec<u8>, VerifyError> {
    match encoding {
        SignatureEncoding::Hex => hex::decode(text).map_err(|_| VerifyError::SignatureMalformed),
        SignatureEncoding::Base64 => base64::engine::general_purpose::STANDARD
            .decode(text)
            .map_err(|_| VerifyError::SignatureMalformed),
    }
}

/// The HMAC of `body`, or of `<time>.<body>`.
pub fn signature(algorithm: HmacAlgorithm, secret: &[u8], time: Option<&str>, body: &[u8]) -> Vec<u8> {
    macro_rules! hmac {
        ($hash:ty) => {{
            // An HMAC takes a key of any length (RFC 2104 §3), so this cannot fail.
            let Ok(mut mac) = Hmac::<$hash>::new_from_slice(secret) else { return Vec::new() };
            if let Some(time) = time {
                mac.update(time.as_bytes());
                mac.update(b".");
            }
            mac.update(body);
            mac.finalize().into_bytes().to_vec()
        }};
    }
    match algorithm {
        HmacAlgorithm::Sha1 => hmac!(Sha1),
        HmacAlgorithm::Sha256 => hmac!(Sha256),
        HmacAlgorithm::Sha512 => hmac!(Sha512),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use serde_json::json;

    const NOW: Timestamp = Timestamp::from_micros(1_614_265_330_000_000);

    fn config(value: serde_json::Value) -> Verify {
        serde_json::from_value(value).unwrap()
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        map
    }

    fn github() -> Verify {
        config(
            json!({"preset": "hmac", "secrets": ["It's a Secret to Everybody"], "header": "X-Hub-Signature-256", "prefix": "sha256="}),
        )
    }

    const GITHUB: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn the_example_of_githubs_documentation_verifies() {
        let sent = headers(&[("x-hub-signature-256", GITHUB)]);
        assert_eq!(verify(&github(), &sent, b"Hello, World!", NOW), Ok(()));
        assert_eq!(verify(&github(), &sent, b"Hello, World", NOW), Err(VerifyError::SignatureMismatch));
        let upper = GITHUB.replace("sha256=", "").to_uppercase();
        let sent = headers(&[("x-hub-signature-256", &format!("sha256={upper}"))]);
        assert_eq!(verify(&github(), &sent, b"Hello, World!", NOW), Ok(()));
    }

    #[test]
    fn rfc_test_vectors() {
        // RFC 2202 and RFC 4231, test case 2: key "Jefe".
        let data = b"what do ya want for nothing?";
        for (algorithm, expected) in [
            (HmacAlgorithm::Sha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (HmacAlgorithm::Sha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (
                HmacAlgorithm::Sha512,
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
        ] {
            assert_eq!(hex::encode(signature(algorithm, b"Jefe", None, data)), expected);
        }
    }

    #[test]
    fn each_secret_of_a_rotation_is_valid_and_no_other() {
        let mut rotating = github();
        rotating.secrets.insert(0, factotum_model::Redacted::new("the new one".into()));
        let sent = headers(&[("x-hub-signature-256", GITHUB)]);
        assert_eq!(verify(&rotating, &sent, b"Hello, World!", NOW), Ok(()));
        rotating.secrets.pop();
        assert_eq!(verify(&rotating, &sent, b"Hello, World!", NOW), Err(VerifyError::SignatureMismatch));
        rotating.secrets.clear();
        assert_eq!(verify(&rotating, &sent, b"Hello, World!", NOW), Err(VerifyError::NoSecret));
    }

    #[test]
    fn another_form_is_refused() {
        let body = b"Hello, World!";
        for (sent, error) in [
            (headers(&[]), VerifyError::SignatureMissing),
            (
                headers(&[("x-hub-signature-256", GITHUB), ("x-hub-signature-256", GITHUB)]),
                VerifyError::SignatureMalformed,
            ),
            (headers(&[("x-hub-signature-256", "")]), VerifyError::SignatureMalformed),
            (headers(&[("x-hub-signature-256", "sha256=")]), VerifyError::SignatureMismatch),
            (headers(&[("x-hub-signature-256", &GITHUB[7..])]), VerifyError::SignatureMalformed),
            (
                headers(&[("x-hub-signature-256", &GITHUB[..GITHUB.len() - 2])]),
                VerifyError::SignatureMismatch,
            ),
            (headers(&[("x-hub-signature-256", "sha256=zz")]), VerifyError::SignatureMalformed),
        ] {
            assert_eq!(verify(&github(), &sent, body, NOW), Err(error), "{sent:?}");
        }
    }

    #[test]
    fn a_signed_time_must_be_near() {
        let config =
            config(json!({"preset": "hmac", "secrets": ["k"], "header": "sig", "encoding": "base64",
            "timestamp_header": "sent-at", "tolerance_s": 60}));
        let check = |time: &str, now: i64| {
            let mac = signature(HmacAlgorithm::Sha256, b"k", Some(time), b"{}");
            let sent = headers(&[
                ("sig", &base64::engine::general_purpose::STANDARD.encode(mac)),
                ("sent-at", time),
            ]);
            verify(&config, &sent, b"{}", Timestamp::from_micros(now * 1_000_000))
        };
        assert_eq!(check("1614265330", 1_614_265_330), Ok(()));
        assert_eq!(check("1614265330", 1_614_265_390), Ok(()));
        assert_eq!(check("1614265330", 1_614_265_391), Err(VerifyError::TimestampStale));
        assert_eq!(check("1614265330", 1_614_265_269), Err(VerifyError::TimestampStale));
        for bad in ["soon", "-5", "", "+1614265330", "99999999999999999999"] {
            assert_eq!(check(bad, 1_614_265_330), Err(VerifyError::TimestampMalformed), "{bad}");
        }
        let untimed = signature(HmacAlgorithm::Sha256, b"k", None, b"{}");
        let encoded = base64::engine::general_purpose::STANDARD.encode(untimed);
        let sent = headers(&[("sig", &encoded), ("sent-at", "1614265330")]);
        assert_eq!(
            verify(&config, &sent, b"{}", NOW),
            Err(VerifyError::SignatureMismatch),
            "the time is signed too"
        );
        assert_eq!(
            verify(&config, &headers(&[("sig", &encoded)]), b"{}", NOW),
            Err(VerifyError::TimestampMissing)
        );
    }
}
