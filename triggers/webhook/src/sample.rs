//! A sample delivery, signed and named as a trigger wants it: what a sender that was set up right would send. What must hold: it passes the very
//! checks that a sender passes, and no other way is opened for it.

use base64::Engine as _;
use bytes::Bytes;
use factotum_model::trigger::{
    Dedup, DedupBy, Format, HmacAlgorithm, SignatureEncoding, Verify, VerifyPreset, WebhookConfig,
};
use factotum_model::{Digest, Redacted, Timestamp};
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

use crate::preset::{self, Name};
use crate::request::Delivery;
use crate::verify::{BODY_DIGEST, CLIENT_STATE, Key, Scheme, hmac_of, scheme, signature, twilio_signature};

/// What a sample says of its sender.
const SENDER: &str = "Factotum test delivery";

/// A delivery of this body to `url`, as the configuration wants it, and the body as it is then. `name` names it, where deliveries are named.
pub fn delivery(
    config: &WebhookConfig,
    url: &Redacted,
    (content_type, body): (&HeaderValue, &Bytes),
    name: &str,
    now: Timestamp,
) -> (Delivery, Bytes) {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, content_type.clone());
    headers.insert(USER_AGENT, HeaderValue::from_static(SENDER));
    let body = shaped(config, &mut headers, body, name);
    let mut sent = Delivery {
        method: method(config),
        url: url.clone(),
        path: String::new(),
        query: String::new(),
        headers,
        certificate: None,
    };
    if config.verify.preset == VerifyPreset::Twilio {
        sent.query = format!("{BODY_DIGEST}={}", Digest::of(&body).hex());
    }
    let named = names(config).into_iter().map(|header| (header, name.to_owned()));
    for (name, value) in named.chain(signed(&config.verify, &sent, &body, name, now)) {
        // A configuration was checked when it was stored: both can be headers.
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value))
        {
            sent.headers.insert(name, value);
        }
    }
    (sent, body)
}

/// The body in the form that the configuration asks for.
fn shaped(config: &WebhookConfig, headers: &mut HeaderMap, body: &Bytes, name: &str) -> Bytes {
    let data: Value =
        serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into_owned().into());
    if config.format == Format::CloudEvents {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/cloudevents+json"));
        let event = json!({"specversion": "1.0", "id": name, "source": "/factotum/test", "type": "test", "data": data});
        return event.to_string().into();
    }
    if let (VerifyPreset::Graph, Some(secret)) = (config.verify.preset, config.verify.secrets.first()) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let notification =
            json!({CLIENT_STATE: secret.expose(), "changeType": "updated", "resourceData": data});
        return json!({"value": [notification]}).to_string().into();
    }
    body.clone()
}

/// `POST` where it is taken, else the first that is.
fn method(config: &WebhookConfig) -> Method {
    let taken = config.methods.iter().find(|m| *m == "POST").or_else(|| config.methods.first());
    taken.and_then(|name| name.parse().ok()).unwrap_or(Method::POST)
}

/// The headers that name a delivery.
fn names(config: &WebhookConfig) -> Vec<String> {
    match config.dedup.as_ref().map_or(DedupBy::Preset, Dedup::by) {
        DedupBy::Header => config.dedup.iter().filter_map(|dedup| dedup.header.clone()).collect(),
        DedupBy::Preset => match preset::name(config.verify.preset) {
            Name::Header(header) | Name::Maybe(header) => vec![header.to_owned()],
            Name::HeadersOr(all, _) => all.iter().map(|name| (*name).to_owned()).collect(),
            Name::PointerOr(..) | Name::None => Vec::new(),
        },
        DedupBy::Pointer | DedupBy::Body | DedupBy::None => Vec::new(),
    }
}

/// The headers that a sender proves itself with.
fn signed(
    verify: &Verify,
    sent: &Delivery,
    body: &Bytes,
    name: &str,
    now: Timestamp,
) -> Vec<(String, String)> {
    let Some(secret) = verify.secrets.first() else { return Vec::new() };
    let key = secret.expose().as_bytes();
    let seconds = now.as_micros().div_euclid(1_000_000).to_string();
    let base64 = &base64::engine::general_purpose::STANDARD;
    let sha256 = |key: &[u8], parts: &[&[u8]]| hmac_of(HmacAlgorithm::Sha256, key, parts);
    let own = |name: &str, value: String| (name.to_owned(), value);
    if let Some(Scheme { header, prefix, algorithm, encoding, time }) = scheme(verify) {
        let bytes = signature(algorithm, key, time.map(|_| seconds.as_str()), body);
        let text = match encoding {
            SignatureEncoding::Hex => hex::encode(bytes),
            SignatureEncoding::Base64 => base64.encode(bytes),
        };
        let time = time.map(|name| (name.to_owned(), seconds.clone()));
        return time.into_iter().chain([own(header, format!("{prefix}{text}"))]).collect();
    }
    match verify.preset {
        VerifyPreset::Standard => {
            let mut all = vec![own("webhook-id", name.to_owned()), own("webhook-timestamp", seconds.clone())];
            let keys = verify.secrets.iter().filter_map(|secret| Key::parse(secret.expose()));
            // Of a key pair only the public half is here: nothing can be signed with it.
            let secrets = keys.filter_map(|key| if let Key::Secret(key) = key { Some(key) } else { None });
            for key in secrets.take(1) {
                let mac = sha256(&key, &[name.as_bytes(), b".", seconds.as_bytes(), b".", body]);
                all.push(own("webhook-signature", format!("v1,{}", base64.encode(mac))));
            }
            all
        }
        VerifyPreset::Stripe => {
            let mac = hex::encode(sha256(key, &[seconds.as_bytes(), b".", body]));
            vec![own("stripe-signature", format!("t={seconds},v1={mac}"))]
        }
        VerifyPreset::Slack => {
            let mac = hex::encode(sha256(key, &[b"v0:", seconds.as_bytes(), b":", body]));
            vec![own("x-slack-request-timestamp", seconds), own("x-slack-signature", format!("v0={mac}"))]
        }
        VerifyPreset::Twilio => {
            let base = verify.public_url.as_ref().map_or_else(
                || sent.url.expose().clone(),
                |url| url.replace("{token}", sent.url.expose().rsplit('/').next().unwrap_or_default()),
            );
            let joint = if base.contains('?') { '&' } else { '?' };
            let called = zeroize::Zeroizing::new(format!("{base}{joint}{}", sent.query));
            vec![own("x-twilio-signature", base64.encode(twilio_signature(key, &called, b"")))]
        }
        VerifyPreset::Basic => vec![own("authorization", format!("Basic {}", base64.encode(key)))],
        VerifyPreset::Bearer => vec![own("authorization", format!("Bearer {}", secret.expose()))],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::check_config;
    use crate::{cloud_events, dedup, verify};

    #[test]
    fn a_sample_passes_the_checks_that_a_sender_passes() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let with = |verify: Value| json!({"verify": verify, "methods": ["PUT"]});
        let hmac = |more: Value| {
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
            with(
                json!({"preset": "standard", "secrets": ["whpk_iz+GIBwd68CPfCQmSCYMBg2ZE2AFxnnsnAHUg5Agoy8=", "whsec_c2VjcmV0"]}),
            ),
            with(json!({"preset": "github", "secrets": ["correct-horse"]})),
            with(json!({"preset": "stripe", "secrets": ["whsec_x"]})),
            with(json!({"preset": "slack", "secrets": ["s"]})),
            with(json!({"preset": "shopify", "secrets": ["s"]})),
            with(json!({"preset": "twilio", "secrets": ["s"]})),
            with(
                json!({"preset": "twilio", "secrets": ["s"], "public_url": "https://a.example/{token}?b=c"}),
            ),
            with(json!({"preset": "meta", "secrets": ["s"], "verify_token": "a-token-of-ours"})),
            with(json!({"preset": "graph", "secrets": ["client \" state"]})),
            with(json!({"preset": "basic", "secrets": ["ann:password"]})),
            with(json!({"preset": "bearer", "secrets": ["a-long-token"]})),
            json!({}),
            json!({"format": "cloudevents"}),
        ] {
            let config = check_config(&config).unwrap();
            let url =
                Redacted::new("https://hooks.example/hooks/mzxw6ytbmzxw6ytbmzxw6ytbmzxw6ytb".to_owned());
            let body = Bytes::from_static(b"{\"n\": 1}");
            let kind = HeaderValue::from_static("application/json");
            let (sent, body) = delivery(&config, &url, (&kind, &body), "test-1", now);
            let preset = config.verify.preset;
            assert_eq!(verify::verify(&config.verify, &sent, &body, now), Ok(()), "{config:?}");
            assert!(config.methods.iter().any(|m| m == sent.method.as_str()));
            let name = dedup::key(config.dedup.as_ref(), preset, &sent.headers, &body).unwrap();
            assert_eq!(
                name.is_some(),
                config.dedup.is_some() || preset::name(preset) != Name::None,
                "{config:?}"
            );
            if config.format == Format::CloudEvents {
                assert!(matches!(
                    cloud_events::read(&sent.headers, body.to_vec()),
                    Ok(cloud_events::CloudEvents::One(_))
                ));
            }
            let other = verify::verify(&config.verify, &sent, b"{}", now);
            let by_body = !matches!(preset, VerifyPreset::None | VerifyPreset::Basic | VerifyPreset::Bearer);
            assert_eq!(other.is_err(), by_body, "{preset:?}: it is these bytes' signature");
        }
    }
}
