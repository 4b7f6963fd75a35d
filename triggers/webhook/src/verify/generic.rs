//! An HMAC (RFC 2104) over the raw body in a header of its own: as configured, and as GitHub, Meta and Shopify have it.

use factotum_model::Timestamp;
use factotum_model::trigger::{HmacAlgorithm, SignatureEncoding, Verify, VerifyPreset};
use http::HeaderMap;

use super::{VerifyError, any_fits, decode, fresh, signature, signature_header, single};

/// How such a signature is made and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scheme<'c> {
    pub(crate) header: &'c str,
    pub(crate) prefix: &'c str,
    pub(crate) algorithm: HmacAlgorithm,
    pub(crate) encoding: SignatureEncoding,
    /// The header with the time, which is then signed before the body.
    pub(crate) time: Option<&'c str>,
}

/// That of the preset; none for one that is signed in another way.
pub(crate) fn scheme(config: &Verify) -> Option<Scheme<'_>> {
    let plain = |header, prefix, encoding| Scheme {
        header,
        prefix,
        algorithm: HmacAlgorithm::Sha256,
        encoding,
        time: None,
    };
    match config.preset {
        VerifyPreset::Hmac => Some(Scheme {
            header: config.header.as_deref()?,
            prefix: config.prefix.as_deref().unwrap_or_default(),
            algorithm: config.algorithm.unwrap_or_default(),
            encoding: config.encoding.unwrap_or_default(),
            time: config.timestamp_header.as_deref(),
        }),
        VerifyPreset::Github | VerifyPreset::Meta => {
            Some(plain("x-hub-signature-256", "sha256=", SignatureEncoding::Hex))
        }
        VerifyPreset::Shopify => Some(plain("x-shopify-hmac-sha256", "", SignatureEncoding::Base64)),
        _ => None,
    }
}

pub(super) fn verify(
    config: &Verify,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<(), VerifyError> {
    let scheme = scheme(config).ok_or(VerifyError::NoSecret)?;
    let sent = signature_header(headers, scheme.header)?;
    let sent = sent.strip_prefix(scheme.prefix).ok_or(VerifyError::SignatureMalformed)?;
    let sent = decode(sent, scheme.encoding)?;
    let time = match scheme.time {
        Some(name) => {
            let time = single(headers, name, VerifyError::TimestampMissing, VerifyError::TimestampMalformed)?;
            fresh(config, time, now)?;
            Some(time)
        }
        None => None,
    };
    let expected = |secret: &[u8]| signature(scheme.algorithm, secret, time, body);
    if any_fits(&config.secrets, expected, &[&sent]) { Ok(()) } else { Err(VerifyError::SignatureMismatch) }
}
