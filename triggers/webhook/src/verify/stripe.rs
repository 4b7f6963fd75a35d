//! Stripe's signatures: `t=<time>,v1=<HMAC-SHA256 of "<time>.<body>" in hexadecimal>`, with a `v1` for each secret during a rotation. Elements
//! of other schemes (`v0`) are passed over, as Stripe asks.

use factotum_model::Timestamp;
use factotum_model::trigger::{HmacAlgorithm, SignatureEncoding, Verify};
use http::HeaderMap;

use super::{MAX_SIGNATURES, VerifyError, any_fits, decode, fresh, signature, signature_header};

pub(super) fn verify(
    config: &Verify,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<(), VerifyError> {
    let (mut time, mut sent) = (None, Vec::new());
    let elements = signature_header(headers, "stripe-signature")?.split(',');
    for (at, element) in elements.enumerate() {
        let (name, value) = element.split_once('=').ok_or(VerifyError::SignatureMalformed)?;
        match name.trim() {
            _ if at >= MAX_SIGNATURES => return Err(VerifyError::SignatureMalformed),
            // Two times would leave open which one is signed.
            "t" if time.is_some() => return Err(VerifyError::TimestampMalformed),
            "t" => time = Some(value.trim()),
            "v1" => sent.push(decode(value.trim(), SignatureEncoding::Hex)?),
            _ => {}
        }
    }
    let time = time.ok_or(VerifyError::TimestampMissing)?;
    if sent.is_empty() {
        return Err(VerifyError::SignatureMissing);
    }
    fresh(config, time, now)?;
    let sent: Vec<&[u8]> = sent.iter().map(Vec::as_slice).collect();
    let expected = |secret: &[u8]| signature(HmacAlgorithm::Sha256, secret, Some(time), body);
    if any_fits(&config.secrets, expected, &sent) { Ok(()) } else { Err(VerifyError::SignatureMismatch) }
}
