//! Each scheme against what its sender publishes, and against what is nearly right.

use super::*;
use crate::token::Token;
use http::{HeaderValue, Method};
use serde_json::json;

fn check(config: &Verify, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), VerifyError> {
    verify(config, &Delivery { headers: headers.clone(), ..delivery() }, body, now)
}

fn delivery() -> Delivery {
    Delivery {
        method: Method::POST,
        url: Redacted::new("https://hooks.example/hooks/mzxw6ytbmzxw6ytbmzxw6ytbmzxw6ytb".into()),
        path: String::new(),
        query: String::new(),
        headers: HeaderMap::new(),
        certificate: None,
    }
}

const NOW: Timestamp = Timestamp::from_micros(1_614_265_330_000_000);

fn config(value: serde_json::Value) -> Verify {
    serde_json::from_value(value).unwrap()
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(*name, HeaderValue::from_str(value).unwrap());
    }
    map
}

fn github() -> Verify {
    config(
        json!({"preset": "hmac", "secrets": ["It's a Secret to Everybody"], "header": "X-Hub-Signature-256", "prefix": "sha256="}),
    )
}

const GITHUB: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

#[test]
fn the_example_of_githubs_documentation_verifies() {
    let sent = headers(&[("x-hub-signature-256", GITHUB)]);
    assert_eq!(check(&github(), &sent, b"Hello, World!", NOW), Ok(()));
    assert_eq!(check(&github(), &sent, b"Hello, World", NOW), Err(VerifyError::SignatureMismatch));
    let upper = GITHUB.replace("sha256=", "").to_uppercase();
    let sent = headers(&[("x-hub-signature-256", &format!("sha256={upper}"))]);
    assert_eq!(check(&github(), &sent, b"Hello, World!", NOW), Ok(()));
}

#[test]
fn rfc_test_vectors() {
    // RFC 2202 and RFC 4231, test case 2: key "Jefe".
    let data = b"what do ya want for nothing?";
    for (algorithm, expected) in [
        (HmacAlgorithm::Sha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
        (HmacAlgorithm::Sha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (
            HmacAlgorithm::Sha512,
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ),
    ] {
        assert_eq!(hex::encode(signature(algorithm, b"Jefe", None, data)), expected);
    }
}

#[test]
fn each_secret_of_a_rotation_is_valid_and_no_other() {
    let mut rotating = github();
    rotating.secrets.insert(0, Redacted::new("the new one".into()));
    let sent = headers(&[("x-hub-signature-256", GITHUB)]);
    assert_eq!(check(&rotating, &sent, b"Hello, World!", NOW), Ok(()));
    rotating.secrets.pop();
    assert_eq!(check(&rotating, &sent, b"Hello, World!", NOW), Err(VerifyError::SignatureMismatch));
    rotating.secrets.clear();
    assert_eq!(check(&rotating, &sent, b"Hello, World!", NOW), Err(VerifyError::NoSecret));
}

#[test]
fn another_form_is_refused() {
    let body = b"Hello, World!";
    for (sent, error) in [
        (headers(&[]), VerifyError::SignatureMissing),
        (
            headers(&[("x-hub-signature-256", GITHUB), ("x-hub-signature-256", GITHUB)]),
            VerifyError::SignatureMalformed,
        ),
        (headers(&[("x-hub-signature-256", "")]), VerifyError::SignatureMalformed),
        (headers(&[("x-hub-signature-256", "sha256=")]), VerifyError::SignatureMismatch),
        (headers(&[("x-hub-signature-256", &GITHUB[7..])]), VerifyError::SignatureMalformed),
        (headers(&[("x-hub-signature-256", &GITHUB[..GITHUB.len() - 2])]), VerifyError::SignatureMismatch),
        (headers(&[("x-hub-signature-256", "sha256=zz")]), VerifyError::SignatureMalformed),
    ] {
        assert_eq!(check(&github(), &sent, body, NOW), Err(error), "{sent:?}");
    }
}

#[test]
fn a_signed_time_must_be_near() {
    let config = config(json!({"preset": "hmac", "secrets": ["k"], "header": "sig", "encoding": "base64",
        "timestamp_header": "sent-at", "tolerance_s": 60}));
    let timed = |time: &str, now: i64| {
        let mac = signature(HmacAlgorithm::Sha256, b"k", Some(time), b"{}");
        let sent =
            headers(&[("sig", &base64::engine::general_purpose::STANDARD.encode(mac)), ("sent-at", time)]);
        check(&config, &sent, b"{}", Timestamp::from_micros(now * 1_000_000))
    };
    assert_eq!(timed("1614265330", 1_614_265_330), Ok(()));
    assert_eq!(timed("1614265330", 1_614_265_390), Ok(()));
    assert_eq!(timed("1614265330", 1_614_265_391), Err(VerifyError::TimestampStale));
    assert_eq!(timed("1614265330", 1_614_265_269), Err(VerifyError::TimestampStale));
    for bad in ["soon", "-5", "", "+1614265330", "99999999999999999999"] {
        assert_eq!(timed(bad, 1_614_265_330), Err(VerifyError::TimestampMalformed), "{bad}");
    }
    let untimed = signature(HmacAlgorithm::Sha256, b"k", None, b"{}");
    let encoded = base64::engine::general_purpose::STANDARD.encode(untimed);
    let sent = headers(&[("sig", &encoded), ("sent-at", "1614265330")]);
    assert_eq!(
        check(&config, &sent, b"{}", NOW),
        Err(VerifyError::SignatureMismatch),
        "the time is signed too"
    );
    assert_eq!(
        check(&config, &headers(&[("sig", &encoded)]), b"{}", NOW),
        Err(VerifyError::TimestampMissing)
    );
}

/// A row of the corpus of published values.
fn published(preset: &str) -> Option<serde_json::Value> {
    let beside = || concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora").into();
    let corpora: std::path::PathBuf = std::env::var_os("FACTOTUM_CORPORA").map_or_else(beside, Into::into);
    let rows = std::fs::read(corpora.join("webhooks/vectors.json")).ok()?;
    let rows: serde_json::Value = serde_json::from_slice(&rows).unwrap();
    rows.as_array().unwrap().iter().find(|row| row["preset"] == preset).cloned()
}

/// The published delivery of a preset: its configuration, itself, its body, and the time at which it is fresh.
fn example(row: &serde_json::Value) -> (Verify, Delivery, Vec<u8>, Timestamp) {
    let mut verify = json!({"preset": row["preset"], "secrets": [row["secret"]]});
    let mut sent = delivery();
    if let Some(url) = row["public_url"].as_str() {
        verify["public_url"] = url.into();
    }
    for (name, value) in row["headers"].as_object().unwrap() {
        let name: http::HeaderName = name.parse().unwrap();
        sent.headers.insert(name, value.as_str().unwrap().parse().unwrap());
    }
    let body = match row["form"].as_object() {
        None => row["body"].as_str().unwrap().to_owned(),
        Some(form) => {
            let kind = "application/x-www-form-urlencoded; charset=UTF-8";
            sent.headers.insert("content-type", HeaderValue::from_static(kind));
            let pairs = form.iter().map(|(name, value)| (name, value.as_str().unwrap()));
            form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
        }
    };
    let now = row["now"].as_i64().unwrap_or(1_614_265_330);
    (config(verify), sent, body.into_bytes(), Timestamp::from_micros(now * 1_000_000))
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped corpus must be seen")]
fn what_the_senders_publish_verifies_and_nothing_near_it() {
    for preset in ["github", "standard", "slack", "twilio"] {
        let Some(row) = published(preset) else {
            eprintln!("skipped: there is no corpus of webhooks beside the project");
            return;
        };
        let (config, sent, body, now) = example(&row);
        assert_eq!(verify(&config, &sent, &body, now), Ok(()), "{preset}");
        for at in 0..body.len() * 8 {
            let mut other = body.clone();
            other[at / 8] ^= 1 << (at % 8);
            // Another case of a percent-escape's digit says the same.
            let same = config.preset == VerifyPreset::Twilio
                && form_urlencoded::parse(&other).eq(form_urlencoded::parse(&body));
            assert_eq!(verify(&config, &sent, &other, now).is_ok(), same, "{preset}: bit {at}");
        }
        let mut other = config.clone();
        other.secrets = vec![Redacted::new("bm90IHRoZSBzZWNyZXQ=".into())];
        assert_eq!(verify(&other, &sent, &body, now), Err(VerifyError::SignatureMismatch), "{preset}");
        other.secrets.push(config.secrets[0].clone());
        assert_eq!(verify(&other, &sent, &body, now), Ok(()), "{preset}: a rotation");
        if row["now"].is_i64() {
            for off in [301, -301] {
                let then = Timestamp::from_micros(now.as_micros() + off * 1_000_000);
                assert_eq!(verify(&config, &sent, &body, then), Err(VerifyError::TimestampStale), "{preset}");
            }
        }
        let header = sent.headers.iter().find(|(name, _)| name.as_str().contains("signature")).unwrap();
        let (name, value) = (header.0.clone(), header.1.clone());
        for cut in 0..value.len() {
            let mut shorter = sent.clone();
            let text = HeaderValue::from_bytes(&value.as_bytes()[..cut]).unwrap();
            shorter.headers.insert(&name, text);
            assert!(verify(&config, &shorter, &body, now).is_err(), "{preset}: {cut} bytes of the signature");
        }
        let mut twice = sent.clone();
        twice.headers.append(&name, value);
        assert_eq!(verify(&config, &twice, &body, now), Err(VerifyError::SignatureMalformed), "{preset}");
        twice.headers.remove(&name);
        assert_eq!(verify(&config, &twice, &body, now), Err(VerifyError::SignatureMissing), "{preset}");
    }
}

#[test]
fn stripe_signs_time_and_body_and_lists_what_it_signs_with() {
    let config = config(json!({"preset": "stripe", "secrets": ["whsec_old", "whsec_new"]}));
    let time = (NOW.as_micros() / 1_000_000).to_string();
    let mac = |secret: &[u8]| hex::encode(signature(HmacAlgorithm::Sha256, secret, Some(&time), b"{}"));
    let (old, other) = (mac(b"whsec_old"), mac(b"whsec_other"));
    for (header, outcome) in [
        (format!("t={time},v1={old}"), Ok(())),
        (format!("t={time},v1={other},v1={old},v0=00"), Ok(())),
        (format!("t={time},v1={other}"), Err(VerifyError::SignatureMismatch)),
        (format!("t={time},v0={old}"), Err(VerifyError::SignatureMissing)),
        (format!("v1={old}"), Err(VerifyError::TimestampMissing)),
        (format!("t={time},t=1,v1={old}"), Err(VerifyError::TimestampMalformed)),
        (format!("t=1{time},v1={old}"), Err(VerifyError::TimestampStale)),
        (format!("t={time},v1={old},,"), Err(VerifyError::SignatureMalformed)),
        (format!("t={time},v1=xyz"), Err(VerifyError::SignatureMalformed)),
        (format!("t={time}{}", format!(",v1={other}").repeat(40)), Err(VerifyError::SignatureMalformed)),
    ] {
        let sent = headers(&[("stripe-signature", &header)]);
        assert_eq!(check(&config, &sent, b"{}", NOW), outcome, "{header}");
    }
}

#[test]
fn a_standard_webhook_is_signed_by_either_kind_of_key() {
    use ed25519_dalek::Signer as _;
    let base64 = base64::engine::general_purpose::STANDARD;
    let pair = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let public = format!("whpk_{}", base64.encode(pair.verifying_key().as_bytes()));
    let secret = format!("whsec_{}", base64.encode([9; 24]));
    let time = (NOW.as_micros() / 1_000_000).to_string();
    let message = format!("msg_1.{time}.{{}}");
    let mac = hmac_of(HmacAlgorithm::Sha256, &[9; 24], &[message.as_bytes()]);
    let v1 = format!("v1,{}", base64.encode(mac));
    let v1a = format!("v1a,{}", base64.encode(pair.sign(message.as_bytes()).to_bytes()));
    let both = config(json!({"preset": "standard", "secrets": [secret, public]}));
    let asymmetric = config(json!({"preset": "standard", "secrets": [public]}));
    let symmetric = config(json!({"preset": "standard", "secrets": [secret]}));
    let check = |config: &Verify, id: &str, list: &str, body: &[u8]| {
        let sent = [("webhook-id", id), ("webhook-timestamp", time.as_str()), ("webhook-signature", list)];
        check(config, &headers(&sent), body, NOW)
    };
    for config in [&both, &symmetric] {
        assert_eq!(check(config, "msg_1", &v1, b"{}"), Ok(()));
        assert_eq!(check(config, "msg_1", &format!("v1,AAAA v9,what {v1a} {v1}"), b"{}"), Ok(()));
    }
    for config in [&both, &asymmetric] {
        assert_eq!(check(config, "msg_1", &v1a, b"{}"), Ok(()));
        assert_eq!(check(config, "msg_1", &v1a, b"{} "), Err(VerifyError::SignatureMismatch));
        assert_eq!(check(config, "msg_2", &v1a, b"{}"), Err(VerifyError::SignatureMismatch));
    }
    assert_eq!(check(&asymmetric, "msg_1", &v1, b"{}"), Err(VerifyError::SignatureMismatch));
    assert_eq!(check(&symmetric, "msg_1", &v1a, b"{}"), Err(VerifyError::SignatureMismatch));
    // One kind's signature under the other kind's name.
    assert!(check(&both, "msg_1", &v1.replace("v1,", "v1a,"), b"{}").is_err());
    assert!(check(&both, "msg_1", &v1a.replace("v1a,", "v1,"), b"{}").is_err());
    assert_eq!(check(&both, "msg.1", &v1, b"{}"), Err(VerifyError::IdInvalid), "ambiguous");
    assert_eq!(check(&both, "msg_1", "v2,AAAA", b"{}"), Err(VerifyError::SignatureMissing));
    assert_eq!(check(&both, "msg_1", &"v1,AAAA ".repeat(40), b"{}"), Err(VerifyError::SignatureMalformed));
}

#[test]
fn twilio_signs_what_it_called_and_a_body_that_is_no_form_by_its_digest() {
    let base64 = base64::engine::general_purpose::STANDARD;
    let at = |public_url: Option<&str>| {
        config(json!({"preset": "twilio", "secrets": ["auth token"], "public_url": public_url}))
    };
    let send = |config: &Verify, signed: &str, kind: &'static str, query: &str, body: &[u8]| {
        let mac = twilio_signature(b"auth token", signed, b"");
        let mut sent = Delivery { path: "/sms".into(), query: query.into(), ..delivery() };
        sent.headers.insert("x-twilio-signature", base64.encode(mac).parse().unwrap());
        sent.headers.insert("content-type", HeaderValue::from_static(kind));
        verify(config, &sent, body, NOW)
    };
    let json = "application/json";
    let own = delivery().url.expose().clone();
    let digest = format!("bodySHA256={}", factotum_model::Digest::of(b"{}").hex());
    for called in
        [format!("{own}/sms?{digest}"), format!("{own}/sms?{digest}").replace(".example/", ".example:443/")]
    {
        assert_eq!(send(&at(None), &called, json, &digest, b"{}"), Ok(()), "{called}");
        assert_eq!(send(&at(None), &called, json, &digest, b"{ }"), Err(VerifyError::SignatureMismatch));
    }
    let bare = format!("{own}/sms");
    assert_eq!(send(&at(None), &bare, json, "", b"{}"), Err(VerifyError::SignatureMismatch), "not covered");
    assert_eq!(send(&at(None), &bare, json, "", b""), Ok(()), "there is nothing to cover");
    assert_eq!(
        send(&at(None), &bare, json, "a=1", b""),
        Err(VerifyError::SignatureMismatch),
        "the query is signed"
    );
    let token = Token::parse(own.rsplit('/').next().unwrap()).unwrap();
    let proxied = at(Some("http://proxy.example:8080/in/{token}"));
    let called = format!("http://proxy.example:8080/in/{}", token.expose());
    assert_eq!(send(&proxied, &format!("{called}/sms?x=1"), json, "x=1", b""), Ok(()));
    assert_eq!(send(&proxied, &called, json, "", b""), Ok(()), "as it is configured at Twilio");
    assert_eq!(send(&proxied, &bare, json, "", b""), Err(VerifyError::SignatureMismatch));
}

#[test]
fn credentials_are_compared_whole() {
    let basic = config(json!({"preset": "basic", "secrets": ["ann:pass:word", "bob:other-password"]}));
    let bearer = config(json!({"preset": "bearer", "secrets": ["a-long-token"]}));
    let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let (missing, malformed, mismatch) = (
        VerifyError::CredentialsMissing,
        VerifyError::CredentialsMalformed,
        VerifyError::CredentialsMismatch,
    );
    for (config, value, outcome) in [
        (&basic, format!("Basic {}", base64("ann:pass:word")), Ok(())),
        (&basic, format!("bAsIc  {}", base64("bob:other-password")), Ok(())),
        (&basic, format!("Basic {}", base64("ann:other-password")), Err(mismatch)),
        (&basic, "Basic !!!".into(), Err(malformed)),
        (&basic, "Basic".into(), Err(malformed)),
        (&basic, format!("Bearer {}", base64("ann:pass:word")), Err(malformed)),
        (&bearer, "Bearer a-long-token".into(), Ok(())),
        (&bearer, "Bearer a-long-toke".into(), Err(mismatch)),
        (&bearer, "Bearer a-long-token2".into(), Err(mismatch)),
    ] {
        let sent = headers(&[("authorization", &value)]);
        assert_eq!(check(config, &sent, b"{}", NOW), outcome, "{value}");
        assert_eq!(verify_head(config, &sent), outcome, "{value}");
    }
    assert_eq!(verify_head(&basic, &headers(&[])), Err(missing));
    let twice = headers(&[("authorization", "Bearer a-long-token"), ("authorization", "Bearer x")]);
    assert_eq!(verify_head(&bearer, &twice), Err(malformed));
}

#[test]
fn each_notification_of_graph_has_the_client_state_which_is_not_kept() {
    let graph = config(json!({"preset": "graph", "secrets": ["the-client-state", "a \"new\" state"]}));
    let check = |body: &str| check(&graph, &headers(&[]), body.as_bytes(), NOW);
    let two = r#"{"value":[{"clientState": "the-client-state","id":"1"},{"id":"2","clientState":"a \"n\u0065w\" state"}]}"#;
    assert_eq!(check(two), Ok(()));
    for (body, error) in [
        (r#"{"value":[]}"#, VerifyError::CredentialsMissing),
        (r#"{"value":[{"id":"1"}]}"#, VerifyError::CredentialsMissing),
        (r#"{"value":[{"clientState":null}]}"#, VerifyError::CredentialsMissing),
        (r#"{"value":[{"clientState":7}]}"#, VerifyError::CredentialsMalformed),
        (r#"{"value":[{"clientState":"another"}]}"#, VerifyError::CredentialsMismatch),
        (
            r#"{"value":[{"clientState":"the-client-state"},{"clientState":"another"}]}"#,
            VerifyError::CredentialsMismatch,
        ),
        (r#"{"value":7}"#, VerifyError::CredentialsMalformed),
        ("not JSON", VerifyError::CredentialsMalformed),
    ] {
        assert_eq!(check(body), Err(error), "{body}");
    }
    let masked = String::from_utf8(mask(two.as_bytes().to_vec())).unwrap();
    assert_eq!(masked.len(), two.len());
    let read: serde_json::Value = serde_json::from_str(&masked).unwrap();
    assert!(!masked.contains("client-state") && !masked.contains("state\\"), "{masked}");
    assert_eq!((&read["value"][0]["id"], &read["value"][1]["id"]), (&json!("1"), &json!("2")));
}
