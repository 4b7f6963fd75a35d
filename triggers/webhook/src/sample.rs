//! A sample delivery, signed and named as a trigger wants it: what a sender that was set up right would send. What must hold: it passes the very
//! checks that a sender passes, and no other way is opened for it.

use base64::Engine as _;
use bytes::Bytes;
use factotum_model::Timestamp;
use factotum_model::trigger::{SignatureEncoding, Verify, VerifyPreset, WebhookConfig};
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::request::Delivery;
use crate::verify::signature;

/// What a sample says of its sender.
const SENDER: &str = "Factotum test delivery";

/// A delivery of this body, as the configuration wants it. `name` names it, where deliveries are named.
pub fn delivery(
    config: &WebhookConfig,
    content_type: &HeaderValue,
    body: &Bytes,
    name: &str,
    now: Timestamp,
) -> Delivery {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, content_type.clone());
    headers.insert(USER_AGENT, HeaderValue::from_static(SENDER));
    let named = config.dedup.as_ref().map(|dedup| (dedup.header.clone(), name.to_owned()));
    for (name, value) in named.into_iter().chain(signed(&config.verify, body, now)) {
        // A configuration was checked when it was stored: both can be headers.
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value))
        {
            headers.insert(name, value);
        }
    }
    Delivery { method: method(config), path: String::new(), query: String::new(), headers }
}

/// `POST` where it is taken, else the first that is.
fn method(config: &WebhookConfig) -> Method {
    let taken = config.methods.iter().find(|m| *m == "POST").or_else(|| config.methods.first());
    taken.and_then(|name| name.parse().ok()).unwrap_or(Method::POST)
}

/// The headers that a sender proves itself with.
fn signed(verify: &Verify, body: &[u8], now: Timestamp) -> Vec<(String, String)> {
    let (VerifyPreset::Hmac, Some(header), Some(secret)) =
        (verify.preset, &verify.header, verify.secrets.first())
    else {
        return Vec::new();
    };
    let time = verify.timestamp_header.as_ref().map(|name| {
        let seconds = now.as_micros().div_euclid(1_000_000);
        (name.clone(), seconds.to_string())
    });
    let algorithm = verify.algorithm.unwrap_or_default();
    let stated = time.as_ref().map(|(_, seconds)| seconds.as_str());
    let bytes = signature(algorithm, secret.expose().as_bytes(), stated, body);
    let text = match verify.encoding.unwrap_or_default() {
        SignatureEncoding::Hex => hex::encode(bytes),
        SignatureEncoding::Base64 => base64::engine::general_purpose::STANDARD.encode(bytes),
    };
    let prefix = verify.prefix.as_deref().unwrap_or_default();
    time.into_iter().chain([(header.clone(), format!("{prefix}{text}"))]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::check_config;
    use crate::{dedup, verify};
    use serde_json::json;

    #[test]
    fn a_sample_passes_the_checks_that_a_sender_passes() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let hmac = |more: serde_json::Value| {
            let mut verify =
                json!({"preset": "hmac", "secrets": ["correct-horse", "an-older-one"], "header": "X-Sig"});
            verify.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({"verify": verify, "dedup": {"header": "X-Id"}, "methods": ["PUT"]})
        };
        for config in [
            hmac(json!({})),
            hmac(json!({"prefix": "sha256=", "timestamp_header": "X-Time", "tolerance_s": 1})),
            hmac(json!({"algorithm": "sha1", "encoding": "base64"})),
            hmac(json!({"algorithm": "sha512", "prefix": "v1, "})),
            json!({}),
        ] {
            let config = check_config(&config).unwrap();
            let body = Bytes::from_static(b"{\"n\": 1}");
            let sent = delivery(&config, &HeaderValue::from_static("application/json"), &body, "test-1", now);
            assert_eq!(verify::verify(&config.verify, &sent.headers, &body, now), Ok(()), "{config:?}");
            assert!(config.methods.iter().any(|m| m == sent.method.as_str()));
            if let Some(named) = &config.dedup {
                assert_eq!(dedup::key(named, &sent.headers), Ok("test-1"));
            }
            let other = verify::verify(&config.verify, &sent.headers, b"{}", now);
            assert_eq!(
                other.is_err(),
                config.verify.preset == VerifyPreset::Hmac,
                "it is these bytes' signature"
            );
        }
    }
}
