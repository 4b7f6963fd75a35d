//! Slack's signed requests: `v0=` and the HMAC-SHA256 of `v0:<time>:<body>`, in hexadecimal.

use factotum_model::Timestamp;
use factotum_model::trigger::{HmacAlgorithm, SignatureEncoding, Verify};
use http::HeaderMap;

use super::{VerifyError, any_fits, decode, fresh, hmac_of, signature_header, single};

pub(super) fn verify(
    config: &Verify,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<(), VerifyError> {
    let sent = signature_header(headers, "x-slack-signature")?;
    let sent = sent.strip_prefix("v0=").ok_or(VerifyError::SignatureMalformed)?;
    let sent = decode(sent, SignatureEncoding::Hex)?;
    let (missing, malformed) = (VerifyError::TimestampMissing, VerifyError::TimestampMalformed);
    let time = single(headers, "x-slack-request-timestamp", missing, malformed)?;
    fresh(config, time, now)?;
    let parts: [&[u8]; 4] = [b"v0:", time.as_bytes(), b":", body];
    let expected = |secret: &[u8]| hmac_of(HmacAlgorithm::Sha256, secret, &parts);
    if any_fits(&config.secrets, expected, &[&sent]) { Ok(()) } else { Err(VerifyError::SignatureMismatch) }
}
