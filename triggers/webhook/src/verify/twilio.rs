//! Twilio's signatures: HMAC-SHA1 in base64 of the URL that Twilio called, followed by the fields of the form, sorted, name and value one after the
//! other. A body that is no form is covered by `bodySHA256` in the query of that URL. What must hold: a body that no
//! signature covers is refused.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use factotum_model::Digest;
use factotum_model::trigger::{HmacAlgorithm, Verify};
use http::header::CONTENT_TYPE;
use subtle::{Choice, ConstantTimeEq as _};
use zeroize::Zeroizing;

use super::{VerifyError, hmac_of, signature_header};
use crate::request::Delivery;

/// The field of the query that holds the digest of a body that is no form.
pub(crate) const BODY_DIGEST: &str = "bodySHA256";
/// What stands for the trigger's token in a configured URL.
const TOKEN: &str = "{token}";

pub(super) fn verify(config: &Verify, delivery: &Delivery, body: &[u8]) -> Result<(), VerifyError> {
    let sent = signature_header(&delivery.headers, "x-twilio-signature")?;
    let sent = STANDARD.decode(sent).map_err(|_| VerifyError::SignatureMalformed)?;
    let fields = is_form(delivery).then(|| fields(body));
    let mut fits = Choice::from(0);
    for url in called(config, delivery) {
        // What is no form must be named by its digest in the URL, which is signed.
        let covered = fields.is_some() || body.is_empty() || digest_fits(&url, body);
        let text = fields.as_deref().unwrap_or_default().as_bytes();
        for secret in &config.secrets {
            let expected = signed(secret.expose().as_bytes(), &url, text);
            fits |= Choice::from(u8::from(covered)) & expected.as_slice().ct_eq(&sent);
        }
    }
    if fits.into() { Ok(()) } else { Err(VerifyError::SignatureMismatch) }
}

/// The signature of a URL with the text of a form's fields.
pub(crate) fn signed(secret: &[u8], url: &str, fields: &[u8]) -> Vec<u8> {
    hmac_of(HmacAlgorithm::Sha1, secret, &[url.as_bytes(), fields])
}

fn is_form(delivery: &Delivery) -> bool {
    let kind = delivery.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Names and values, sorted, each pair once: what Twilio's own libraries sign.
fn fields(body: &[u8]) -> String {
    let pairs: BTreeSet<_> = form_urlencoded::parse(body).into_owned().collect();
    pairs.into_iter().flat_map(|(name, value)| [name, value]).collect()
}

/// The URLs that Twilio may have called: with and without the standard port, as its libraries take it; the configured one as it is and with what
/// the request has below it.
fn called(config: &Verify, delivery: &Delivery) -> Vec<Zeroizing<String>> {
    let own = delivery.url.expose();
    let token = own.rsplit('/').next().unwrap_or_default();
    let base = config.public_url.as_deref().map(|url| Zeroizing::new(url.replace(TOKEN, token)));
    let base: &str = base.as_ref().map_or(own.as_str(), |url| url.as_str());
    let mut whole = Zeroizing::new(format!("{base}{}", delivery.path));
    if !delivery.query.is_empty() {
        whole.push(if base.contains('?') { '&' } else { '?' });
        whole.push_str(&delivery.query);
    }
    let mut all = vec![with_port(&whole), without_port(&whole), whole];
    if config.public_url.is_some() {
        let base = Zeroizing::new(base.to_owned());
        all.extend([with_port(&base), without_port(&base), base]);
    }
    all
}

/// Scheme, host with port, and the rest; the standard port.
fn split(url: &str) -> Option<(&str, &str, &str, &'static str)> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let port = if scheme == "https" { ":443" } else { ":80" };
    Some((scheme, &rest[..end], &rest[end..], port))
}

fn has_port(host: &str) -> bool {
    host.rsplit(']').next().unwrap_or_default().contains(':')
}

fn with_port(url: &str) -> Zeroizing<String> {
    Zeroizing::new(match split(url) {
        Some((scheme, host, rest, port)) if !has_port(host) => format!("{scheme}://{host}{port}{rest}"),
        _ => url.to_owned(),
    })
}

fn without_port(url: &str) -> Zeroizing<String> {
    Zeroizing::new(match split(url) {
        Some((scheme, host, rest, _)) if has_port(host) => {
            let bare = host.rsplit_once(':').map_or(host, |(bare, _)| bare);
            format!("{scheme}://{bare}{rest}")
        }
        _ => url.to_owned(),
    })
}

/// Whether the URL names the digest of these bytes.
fn digest_fits(url: &str, body: &[u8]) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let named = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == BODY_DIGEST);
    let own = Digest::of(body).hex();
    named.is_some_and(|(_, value)| value.to_ascii_lowercase().as_bytes().ct_eq(own.as_bytes()).into())
}
