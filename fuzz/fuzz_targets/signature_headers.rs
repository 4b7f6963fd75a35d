//! The headers with which a webhook's sender proves itself, for each preset. What must hold: nothing panics, and nobody without the secret is believed,
//! however the headers are made up: a guess would have to hit a key of 128 bits or more.
#![no_main]

use factotum_model::trigger::{Verify, VerifyPreset};
use factotum_model::{Redacted, Timestamp};
use factotum_webhook::{Delivery, dedup, handshake, verify};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;

/// The headers that any preset reads.
const NAMES: [&str; 16] = [
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "x-hub-signature-256",
    "stripe-signature",
    "x-slack-signature",
    "x-slack-request-timestamp",
    "x-shopify-hmac-sha256",
    "x-twilio-signature",
    "authorization",
    "content-type",
    "x-own-signature",
    "x-own-time",
    "x-github-delivery",
    "x-shopify-event-id",
    "webhook-request-origin",
];
const NOW_S: i64 = 1_614_265_330;

fn secret(preset: VerifyPreset) -> Vec<Redacted> {
    let texts: &[&str] = match preset {
        VerifyPreset::None => &[],
        VerifyPreset::Standard => &[
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whpk_iz+GIBwd68CPfCQmSCYMBg2ZE2AFxnnsnAHUg5Agoy8=",
        ],
        VerifyPreset::Basic => &["ann:4f1c9be0a7d2435f9e8b6c0d1a2f3e4b"],
        _ => &["4f1c9be0a7d2435f9e8b6c0d1a2f3e4b", "0c6e5a7f1b2d4938a7b6c5d4e3f20116"],
    };
    texts.iter().map(|text| Redacted::new((*text).to_owned())).collect()
}

// The preset, a line for each header (`<number><value>`), and after an empty line path, query and body.
fuzz_target!(|data: &[u8]| {
    let Some((which, rest)) = data.split_first() else { return };
    let preset = VerifyPreset::ALL[usize::from(*which) % VerifyPreset::ALL.len()];
    let mut lines = rest.split(|byte| *byte == b'\n');
    let mut headers = HeaderMap::new();
    for line in lines.by_ref().take_while(|line| !line.is_empty()).take(100) {
        let name = HeaderName::from_static(NAMES[usize::from(line[0]) % NAMES.len()]);
        if let Ok(value) = HeaderValue::from_bytes(&line[1..]) {
            headers.append(name, value);
        }
    }
    let mut text = || String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let (path, query) = (text(), text());
    let body = lines.collect::<Vec<_>>().join(&b'\n');
    let config = Verify {
        preset,
        secrets: secret(preset),
        verify_token: (preset == VerifyPreset::Meta).then(|| Redacted::new("9d8c7b6a5f4e3d2c1b0a".to_owned())),
        header: (preset == VerifyPreset::Hmac).then(|| "x-own-signature".to_owned()),
        timestamp_header: (preset == VerifyPreset::Hmac && which & 64 != 0).then(|| "x-own-time".to_owned()),
        public_url: (preset == VerifyPreset::Twilio && which & 64 != 0).then(|| "https://a.example/{token}?b=c".to_owned()),
        ..Verify::default()
    };
    let delivery = Delivery {
        method: if which & 128 == 0 { Method::POST } else { Method::GET },
        url: Redacted::new("https://hooks.example/hooks/mzxw6ytbmzxw6ytbmzxw6ytbmzxw6ytb".to_owned()),
        path,
        query,
        headers,
        certificate: None,
    };
    let now = Timestamp::from_micros(NOW_S * 1_000_000);
    let believed = verify::verify(&config, &delivery, &body, now).is_ok();
    assert!(!believed || preset == VerifyPreset::None, "{preset:?} was believed: {delivery:?}");
    let _ = dedup::key(None, preset, &delivery.headers, &body);
    let whole = factotum_model::trigger::WebhookConfig { verify: config, ..Default::default() };
    let _ = handshake::after_verification(&whole, &body);
    if let Ok(Some(answer)) = handshake::before_the_body(&whole, &delivery) {
        // Only Graph's is unproved, and it says no more than was sent.
        assert!(preset == VerifyPreset::Graph, "{preset:?}: {answer:?}");
    }
    let _ = delivery.into_input(&whole.verify);
});
