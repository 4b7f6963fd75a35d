//! Standard Webhooks 1.0: `webhook-signature` lists signatures of `<id>.<time>.<body>`, one for each key of the sender: `v1,` HMAC-SHA256 with a
//! `whsec_` secret, `v1a,` ed25519 with the key pair whose public half is `whpk_`; all in base64. What must hold: a signature of one kind
//! is only tried with keys of its kind; a kind that is not known is passed over.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use ed25519_dalek::{Signature, VerifyingKey};
use factotum_model::Timestamp;
use factotum_model::trigger::{HmacAlgorithm, Verify};
use http::HeaderMap;
use subtle::{Choice, ConstantTimeEq as _};
use zeroize::Zeroizing;

use super::{MAX_SIGNATURES, VerifyError, fresh, hmac_of, signature_header, single};

const SECRET_PREFIX: &str = "whsec_";
const PUBLIC_PREFIX: &str = "whpk_";

/// As the specification's own libraries read a secret: with or without padding.
const SECRET: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A key as the specification writes it.
pub(crate) enum Key {
    /// `whsec_…`, or the same base64 without its prefix.
    Secret(Zeroizing<Vec<u8>>),
    /// `whpk_…`
    Public(Box<VerifyingKey>),
}

impl Key {
    /// Reads a key; `None` if it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(public) = text.strip_prefix(PUBLIC_PREFIX) {
            let bytes: [u8; 32] = STANDARD.decode(public).ok()?.try_into().ok()?;
            return VerifyingKey::from_bytes(&bytes).ok().map(|key| Self::Public(Box::new(key)));
        }
        let secret = SECRET.decode(text.strip_prefix(SECRET_PREFIX).unwrap_or(text)).ok()?;
        (!secret.is_empty()).then(|| Self::Secret(Zeroizing::new(secret)))
    }
}

pub(super) fn verify(
    config: &Verify,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<(), VerifyError> {
    let id = single(headers, "webhook-id", VerifyError::IdInvalid, VerifyError::IdInvalid)?;
    // With a dot in it, one signature would fit several splittings of the signed text.
    if id.is_empty() || id.contains('.') {
        return Err(VerifyError::IdInvalid);
    }
    let (missing, malformed) = (VerifyError::TimestampMissing, VerifyError::TimestampMalformed);
    let time = single(headers, "webhook-timestamp", missing, malformed)?;
    let list = signature_header(headers, "webhook-signature")?;
    fresh(config, time, now)?;
    let (mut macs, mut signatures) = (Vec::new(), Vec::new());
    for (at, one) in list.split(' ').filter(|one| !one.is_empty()).enumerate() {
        let (version, text) = one.split_once(',').ok_or(VerifyError::SignatureMalformed)?;
        if at >= MAX_SIGNATURES {
            return Err(VerifyError::SignatureMalformed);
        }
        match version {
            "v1" => macs.push(STANDARD.decode(text).map_err(|_| VerifyError::SignatureMalformed)?),
            "v1a" => {
                let bytes = STANDARD.decode(text).map_err(|_| VerifyError::SignatureMalformed)?;
                signatures.push(Signature::from_slice(&bytes).map_err(|_| VerifyError::SignatureMalformed)?);
            }
            _ => {}
        }
    }
    if macs.is_empty() && signatures.is_empty() {
        return Err(VerifyError::SignatureMissing);
    }
    let parts: [&[u8]; 5] = [id.as_bytes(), b".", time.as_bytes(), b".", body];
    let mut fits = Choice::from(0);
    for key in config.secrets.iter().filter_map(|secret| Key::parse(secret.expose())) {
        match key {
            Key::Secret(secret) => {
                let expected = hmac_of(HmacAlgorithm::Sha256, &secret, &parts);
                for mac in &macs {
                    fits |= expected.as_slice().ct_eq(mac);
                }
            }
            // A public key is no secret: nothing is given away by the time that this takes.
            Key::Public(key) if !signatures.is_empty() => {
                let message = parts.concat();
                let valid = signatures.iter().any(|own| key.verify_strict(&message, own).is_ok());
                fits |= Choice::from(u8::from(valid));
            }
            Key::Public(_) => {}
        }
    }
    if fits.into() { Ok(()) } else { Err(VerifyError::SignatureMismatch) }
}
