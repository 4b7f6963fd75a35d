//! How a repeated delivery is recognised: by what its sender names it with, by a value in it, by its bytes. What must hold: where the configuration says what
//! names a delivery, one without that name is refused, for a sender who forgets it once would be run twice; a preset's own way
//! falls back on what is signed.

use factotum_model::Digest;
use factotum_model::trigger::{DEFAULT_WINDOW_DAYS, Dedup, DedupBy, MAX_DEDUP_KEY_BYTES, VerifyPreset};
use http::HeaderMap;
use serde_json::Value;

use crate::preset::{self, Name};

/// Why a delivery has no usable name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DedupError {
    /// It has none.
    #[error("the header `{0}`, which names the delivery, is missing or empty")]
    Missing(String),
    /// It has several.
    #[error("the header `{0}`, which names the delivery, comes more than once")]
    Several(String),
    /// It is too long, or no plain text.
    #[error(
        "the header `{0}`, which names the delivery, must be visible ASCII of at most {MAX_DEDUP_KEY_BYTES} bytes"
    )]
    Malformed(String),
    /// The body has none.
    #[error(
        "the body has no text or number of at most {MAX_DEDUP_KEY_BYTES} bytes at `{0}`, which names the delivery"
    )]
    NotInBody(String),
}

/// For how long names are remembered, in days.
pub fn window_days(config: Option<&Dedup>) -> u32 {
    config.map_or(DEFAULT_WINDOW_DAYS, |dedup| dedup.window_days)
}

/// The delivery's name; none where each is new.
pub fn key(
    config: Option<&Dedup>,
    preset: VerifyPreset,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Option<String>, DedupError> {
    match (config.map_or(DedupBy::Preset, Dedup::by), config) {
        (DedupBy::Header, Some(Dedup { header: Some(header), .. })) => by_header(header, headers).map(Some),
        (DedupBy::Pointer, Some(Dedup { pointer: Some(pointer), .. })) => match in_body(pointer, body) {
            Some(name) => Ok(Some(name)),
            None => Err(DedupError::NotInBody(pointer.clone())),
        },
        (DedupBy::Body, _) => Ok(Some(format!("sha256:{}", Digest::of(body).hex()))),
        (DedupBy::Preset, _) => by_preset(preset, headers, body),
        _ => Ok(None),
    }
}

fn by_preset(preset: VerifyPreset, headers: &HeaderMap, body: &[u8]) -> Result<Option<String>, DedupError> {
    Ok(match preset::name(preset) {
        Name::Header(header) => Some(by_header(header, headers)?),
        Name::Maybe(header) if headers.contains_key(header) => Some(by_header(header, headers)?),
        Name::None | Name::Maybe(_) => None,
        Name::HeadersOr(names, signature) => {
            let all: Result<Vec<_>, _> = names.iter().map(|name| by_header(name, headers)).collect();
            match all {
                Ok(all) if !all.is_empty() => Some(bounded(all.join(" "))),
                Ok(_) | Err(DedupError::Missing(_)) => signed(headers, signature),
                Err(error) => return Err(error),
            }
        }
        Name::PointerOr(pointer, signature) => in_body(pointer, body).or_else(|| signed(headers, signature)),
    })
}

/// Deliveries with the same signature are signed over the same bytes.
fn signed(headers: &HeaderMap, header: &str) -> Option<String> {
    let value = headers.get(header)?;
    Some(format!("signature:{}", Digest::of(value.as_bytes()).hex()))
}

fn by_header(name: &str, headers: &HeaderMap) -> Result<String, DedupError> {
    let own = || name.to_ascii_lowercase();
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or_else(|| DedupError::Missing(own()))?;
    if values.next().is_some() {
        return Err(DedupError::Several(own()));
    }
    let key = value.to_str().map(str::trim).map_err(|_| DedupError::Malformed(own()))?;
    match key.len() {
        0 => Err(DedupError::Missing(own())),
        1..=MAX_DEDUP_KEY_BYTES => Ok(key.to_owned()),
        _ => Err(DedupError::Malformed(own())),
    }
}

/// A text or a number (RFC 6901).
fn in_body(pointer: &str, body: &[u8]) -> Option<String> {
    let read: Value = serde_json::from_slice(body).ok()?;
    let name = match read.pointer(pointer)? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (1..=MAX_DEDUP_KEY_BYTES).contains(&name.len()).then_some(name)
}

/// A name of several parts as it is stored: by its digest where it is too long.
pub(crate) fn bounded(name: String) -> String {
    if name.len() <= MAX_DEDUP_KEY_BYTES {
        name
    } else {
        format!("sha256:{}", Digest::of(name.as_bytes()).hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};
    use serde_json::json;

    fn config(value: Value) -> Dedup {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn one_plain_value_names_a_delivery() {
        let config = config(json!({"header": "X-Id"}));
        let with = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("x-id", HeaderValue::from_bytes(value).unwrap());
            }
            key(Some(&config), VerifyPreset::Github, &headers, b"").map(Option::unwrap)
        };
        let name = || "x-id".to_owned();
        assert_eq!(with(&[b" 42 "]), Ok("42".into()));
        assert_eq!(with(&[]), Err(DedupError::Missing(name())));
        assert_eq!(with(&[b"  "]), Err(DedupError::Missing(name())));
        assert_eq!(with(&[b"1", b"2"]), Err(DedupError::Several(name())));
        assert_eq!(with(&[b"\xff"]), Err(DedupError::Malformed(name())));
        assert_eq!(with(&["x".repeat(MAX_DEDUP_KEY_BYTES).as_bytes()]), Ok("x".repeat(MAX_DEDUP_KEY_BYTES)));
        assert_eq!(
            with(&["x".repeat(MAX_DEDUP_KEY_BYTES + 1).as_bytes()]),
            Err(DedupError::Malformed(name()))
        );
    }

    #[test]
    fn a_value_in_the_body_names_a_delivery() {
        let config = config(json!({"pointer": "/order/0/id"}));
        let with = |body: &[u8]| key(Some(&config), VerifyPreset::None, &HeaderMap::new(), body);
        assert_eq!(with(br#"{"order":[{"id":"a"}]}"#), Ok(Some("a".into())));
        assert_eq!(with(br#"{"order":[{"id":7.50}]}"#), Ok(Some("7.5".into())));
        let long = format!(r#"{{"order":[{{"id":"{}"}}]}}"#, "x".repeat(MAX_DEDUP_KEY_BYTES + 1));
        for bad in [
            &b"{}"[..],
            b"not JSON",
            br#"{"order":[{"id":""}]}"#,
            br#"{"order":[{"id":{}}]}"#,
            long.as_bytes(),
        ] {
            assert_eq!(with(bad), Err(DedupError::NotInBody("/order/0/id".into())));
        }
    }

    #[test]
    fn the_bytes_name_a_delivery_or_nothing_does() {
        let with = |by: &str, body: &[u8]| {
            key(Some(&config(json!({"by": by}))), VerifyPreset::Github, &HeaderMap::new(), body).unwrap()
        };
        assert_eq!(with("body", b"a"), with("body", b"a"));
        assert_ne!(with("body", b"a"), with("body", b"b"));
        assert_eq!(with("none", b"a"), None);
    }

    #[test]
    fn each_preset_has_its_own_way() {
        let with = |preset, pairs: &[(&'static str, &'static str)], body: &str| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            key(None, preset, &headers, body.as_bytes())
        };
        let some = |name: &str| Ok(Some(name.to_owned()));
        let is_signed =
            |found: Result<Option<String>, DedupError>| found.unwrap().unwrap().starts_with("signature:");
        assert_eq!(with(VerifyPreset::Standard, &[("webhook-id", "msg_1")], ""), some("msg_1"));
        assert!(with(VerifyPreset::Standard, &[], "").is_err());
        assert_eq!(with(VerifyPreset::Github, &[("x-github-delivery", "g")], ""), some("g"));
        assert!(is_signed(with(VerifyPreset::Github, &[("x-hub-signature-256", "s")], "")));
        assert_eq!(
            with(VerifyPreset::Stripe, &[("stripe-signature", "s")], r#"{"id":"evt_1"}"#),
            some("evt_1")
        );
        assert!(is_signed(with(VerifyPreset::Stripe, &[("stripe-signature", "s")], "{}")));
        assert_eq!(with(VerifyPreset::Slack, &[], r#"{"event_id":"Ev1"}"#), some("Ev1"));
        assert!(is_signed(with(VerifyPreset::Slack, &[("x-slack-signature", "s")], "command=%2Fx")));
        let shopify = [("x-shopify-topic", "orders/paid"), ("x-shopify-event-id", "e")];
        assert_eq!(with(VerifyPreset::Shopify, &shopify, ""), some("orders/paid e"));
        assert!(is_signed(with(VerifyPreset::Shopify, &[("x-shopify-hmac-sha256", "s")], "")));
        assert_eq!(with(VerifyPreset::Twilio, &[("i-twilio-idempotency-token", "t")], ""), some("t"));
        assert_eq!(with(VerifyPreset::Twilio, &[("x-twilio-signature", "s")], ""), Ok(None));
        assert!(is_signed(with(VerifyPreset::Meta, &[("x-hub-signature-256", "s")], "")));
        for preset in [VerifyPreset::None, VerifyPreset::Hmac, VerifyPreset::Graph, VerifyPreset::Bearer] {
            assert_eq!(with(preset, &[], "{}"), Ok(None));
        }
    }
}
