//! Credentials in `Authorization`: name and password (RFC 7617), or a token (RFC 6750). What must hold: digests are compared, so that
//! neither content nor length of a secret shows in the time it takes.

use base64::Engine as _;
use factotum_model::Digest;
use factotum_model::trigger::Verify;
use http::HeaderMap;
use subtle::{Choice, ConstantTimeEq as _};
use zeroize::Zeroizing;

use super::{VerifyError, single};

/// The secrets are `name:password`.
pub(super) fn basic(config: &Verify, headers: &HeaderMap) -> Result<(), VerifyError> {
    let text = sent(headers, "basic")?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text);
    fits(config, &Zeroizing::new(bytes.map_err(|_| VerifyError::CredentialsMalformed)?))
}

pub(super) fn bearer(config: &Verify, headers: &HeaderMap) -> Result<(), VerifyError> {
    fits(config, sent(headers, "bearer")?.as_bytes())
}

/// What follows the scheme, whose case does not matter (RFC 9110 §11.1).
fn sent<'h>(headers: &'h HeaderMap, scheme: &str) -> Result<&'h str, VerifyError> {
    let (missing, malformed) = (VerifyError::CredentialsMissing, VerifyError::CredentialsMalformed);
    let value = single(headers, "authorization", missing, malformed)?;
    let (own, rest) = value.split_once(' ').ok_or(malformed)?;
    let rest = rest.trim_start();
    if own.eq_ignore_ascii_case(scheme) && !rest.is_empty() { Ok(rest) } else { Err(malformed) }
}

pub(super) fn fits(config: &Verify, sent: &[u8]) -> Result<(), VerifyError> {
    if config.secrets.is_empty() {
        return Err(VerifyError::NoSecret);
    }
    let sent = Digest::of(sent);
    let mut fits = Choice::from(0);
    for secret in &config.secrets {
        fits |= Digest::of(secret.expose().as_bytes()).0.ct_eq(&sent.0);
    }
    if fits.into() { Ok(()) } else { Err(VerifyError::CredentialsMismatch) }
}
