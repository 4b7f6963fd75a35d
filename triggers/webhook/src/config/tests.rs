//! What is taken as a configuration and what is refused, with the field that is at fault.

use super::*;
use serde_json::json;

#[test]
fn what_the_contract_shows_is_taken() {
    let standard = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    for config in [
        json!({}),
        json!({"verify": {"preset": "standard", "secrets": [standard, &standard[6..]], "tolerance_s": 60}}),
        json!({"verify": {"preset": "github", "secrets": ["a secret"]}, "dedup": {"window_days": 90}}),
        json!({"verify": {"preset": "stripe", "secrets": ["whsec_x"]}, "dedup": {"by": "none"}}),
        json!({"verify": {"preset": "slack", "secrets": ["s"], "tolerance_s": 60}, "dedup": {"by": "preset"}}),
        json!({"verify": {"preset": "shopify", "secrets": ["s"]}, "dedup": {"by": "body"}}),
        json!({"verify": {"preset": "twilio", "secrets": ["12345"], "public_url": "https://a.example/{token}?b=c"}}),
        json!({"verify": {"preset": "meta", "secrets": ["s"], "verify_token": "a token of ours"}}),
        json!({"verify": {"preset": "graph", "secrets": ["client-state"]}, "dedup": {"pointer": "/value/0/id"}}),
        json!({"verify": {"preset": "basic", "secrets": ["ann:a password"]}}),
        json!({"verify": {"preset": "bearer", "secrets": ["a-long-token"]}}),
        json!({"format": "cloudevents", "origins": ["a.example"], "dedup": {"window_days": 1}}),
        json!({"allowed_networks": ["192.0.2.0/24", "::1"], "client_certificates": ["ab".repeat(32)]}),
        json!({"reply": "fixed"}),
        json!({"reply": "fixed", "fixed": {"status": 204}}),
        json!({"reply": "fixed", "fixed": {"content_type": "text/xml", "body": "<Response/>", "headers": {"X-A": "b"}}}),
        json!({"reply": "outcome", "reply_timeout_ms": 5000, "dedup": {"header": "X-Id"}}),
        json!({"verify": {"preset": "hmac", "secrets": ["a secret"], "header": "X-Sig", "algorithm": "sha512",
            "encoding": "base64", "prefix": "v0=", "timestamp_header": "X-Time", "tolerance_s": 60}}),
        json!({"rate": {"per_minute": 1, "burst": MAX_RATE}}),
        json!({"verify": {"preset": "none"}, "methods": ["POST"], "max_body_bytes": MAX_BODY_BYTES}),
    ] {
        assert!(check_config(&config).is_ok(), "{config}");
    }
}

#[test]
fn each_refusal_names_its_field() {
    let hmac = |more: Value| {
        let mut verify = json!({"preset": "hmac", "secrets": ["a secret"], "header": "X-Sig"});
        for (key, value) in more.as_object().unwrap() {
            verify[key] = value.clone();
        }
        json!({"verify": verify})
    };
    for (config, field) in [
        (json!([]), ""),
        (json!("outcome"), ""),
        (json!({"verify": []}), "verify"),
        (json!({"dedup": ["x"]}), "dedup"),
        (json!({"replay": "outcome"}), "replay"),
        (json!({"reply": "later"}), "reply"),
        (json!({"reply_timeout_ms": 0}), "reply_timeout_ms"),
        (json!({"reply_timeout_ms": MAX_REPLY_MS + 1}), "reply_timeout_ms"),
        (json!({"max_body_bytes": MAX_BODY_BYTES + 1}), "max_body_bytes"),
        (json!({"methods": []}), "methods"),
        (json!({"methods": ["post"]}), "methods"),
        (json!({"methods": ["CONNECT"]}), "methods"),
        (json!({"dedup": {}}), "dedup"),
        (json!({"dedup": {"by": "header"}}), "dedup.header"),
        (json!({"dedup": {"by": "pointer"}}), "dedup.pointer"),
        (json!({"dedup": {"by": "body", "header": "x"}}), "dedup.header"),
        (json!({"dedup": {"header": "x", "pointer": "/x"}}), "dedup.pointer"),
        (json!({"dedup": {"pointer": "id"}}), "dedup.pointer"),
        (json!({"dedup": {"by": "luck"}}), "dedup.by"),
        (json!({"format": "cloudevents", "dedup": {"header": "x"}}), "dedup"),
        (json!({"format": "xml"}), "format"),
        (json!({"origins": ["a.example"]}), "origins"),
        (json!({"format": "cloudevents", "origins": ["a.example", "https://b.example"]}), "origins[1]"),
        (json!({"allowed_networks": ["192.0.2.0/24", "all"]}), "allowed_networks[1]"),
        (json!({"allowed_networks": vec!["192.0.2.1"; 51]}), "allowed_networks"),
        (json!({"client_certificates": ["ab"]}), "client_certificates[0]"),
        (json!({"fixed": {"body": "x"}}), "fixed"),
        (json!({"fixed": []}), "fixed"),
        (json!({"reply": "fixed", "fixed": {"status": 302}}), "fixed.status"),
        (json!({"reply": "fixed", "fixed": {"status": 204, "body": "x"}}), "fixed.body"),
        (json!({"reply": "fixed", "fixed": {"content_type": "x\n"}}), "fixed.content_type"),
        (json!({"reply": "fixed", "fixed": {"headers": {"Set-Cookie": "a=b"}}}), "fixed.headers.Set-Cookie"),
        (json!({"reply": "fixed", "fixed": {"headers": {"X-A": "\r\n"}}}), "fixed.headers.X-A"),
        (
            json!({"reply": "fixed", "fixed": {"headers": {"not a header": "x"}}}),
            "fixed.headers.not a header",
        ),
        (json!({"reply": "fixed", "fixed": {"body": "x".repeat(70_000)}}), "fixed.body"),
        (json!({"dedup": {"header": "not a header"}}), "dedup.header"),
        (json!({"dedup": {"header": "x", "window_days": 91}}), "dedup.window_days"),
        (json!({"rate": 5}), "rate"),
        (json!({"rate": [60, 10]}), "rate"),
        (json!({"rate": {"per_minute": 5}}), "rate.burst"),
        (json!({"rate": {"per_minute": 0, "burst": 1}}), "rate.per_minute"),
        (json!({"rate": {"per_minute": 1, "burst": 0}}), "rate.burst"),
        (json!({"rate": {"per_minute": -1, "burst": 1}}), "rate.per_minute"),
        (json!({"rate": {"per_minute": MAX_RATE + 1, "burst": 1}}), "rate.per_minute"),
        (json!({"rate": {"per_minute": 1, "burst": 1, "per_hour": 1}}), "rate.per_hour"),
        (json!({"verify": {"preset": "github2"}}), "verify.preset"),
        (json!({"verify": {"preset": "github"}}), "verify.secrets"),
        (json!({"verify": {"preset": "github", "secrets": ["short"]}}), "verify.secrets"),
        (json!({"verify": {"preset": "github", "secrets": ["a secret"], "header": "x"}}), "verify.header"),
        (
            json!({"verify": {"preset": "github", "secrets": ["a secret"], "tolerance_s": 5}}),
            "verify.tolerance_s",
        ),
        (json!({"verify": {"preset": "stripe", "secrets": ["s"], "tolerance_s": 0}}), "verify.tolerance_s"),
        (json!({"verify": {"preset": "standard", "secrets": ["no base64!"]}}), "verify.secrets"),
        (json!({"verify": {"preset": "standard", "secrets": ["whpk_AAAA"]}}), "verify.secrets"),
        (json!({"verify": {"preset": "basic", "secrets": ["no colon here"]}}), "verify.secrets"),
        (json!({"verify": {"preset": "bearer", "secrets": ["with a \n"]}}), "verify.secrets"),
        (json!({"verify": {"preset": "meta", "secrets": ["s"]}}), "verify.verify_token"),
        (json!({"verify": {"preset": "meta", "secrets": ["s"], "verify_token": 7}}), "verify.verify_token"),
        (
            json!({"verify": {"preset": "slack", "secrets": ["s"], "verify_token": "abcdefgh"}}),
            "verify.verify_token",
        ),
        (
            json!({"verify": {"preset": "twilio", "secrets": ["s"], "public_url": "a.example"}}),
            "verify.public_url",
        ),
        (
            json!({"verify": {"preset": "twilio", "secrets": ["s"], "public_url": format!("https://a.example/hooks/{}", "a".repeat(32))}}),
            "verify.public_url",
        ),
        (json!({"verify": {"secret": "x"}}), "verify.secret"),
        (json!({"verify": {"secrets": ["a secret"]}}), "verify.secrets"),
        (json!({"verify": {"preset": "hmac", "header": "x"}}), "verify.secrets"),
        (json!({"verify": {"preset": "hmac", "secrets": ["a secret"]}}), "verify.header"),
        (hmac(json!({"secrets": ["short"]})), "verify.secrets"),
        (hmac(json!({"header": "é"})), "verify.header"),
        (hmac(json!({"prefix": "\n"})), "verify.prefix"),
        (hmac(json!({"algorithm": "md5"})), "verify.algorithm"),
        (hmac(json!({"timestamp_header": "x-sig"})), "verify.timestamp_header"),
        (hmac(json!({"tolerance_s": 5})), "verify.tolerance_s"),
        (hmac(json!({"timestamp_header": "t", "tolerance_s": 0})), "verify.tolerance_s"),
    ] {
        let error = check_config(&config).unwrap_err();
        assert_eq!(error.field, field, "{config}: {error}");
    }
}

#[test]
fn no_error_repeats_a_secret() {
    for config in [
        json!({"verify": {"preset": "hmac", "secrets": "hunter2hunter2"}}),
        json!({"verify": {"preset": "hmac", "secrets": [["hunter2hunter2"]]}}),
        json!({"verify": {"preset": "hmac", "secrets": {"hunter2hunter2": 1}}}),
        json!({"verify": {"preset": "hmac", "secrets": ["hunter2hunter2"]}}),
    ] {
        let error = check_config(&config).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(error.field.starts_with("verify"), "{error}");
    }
}
