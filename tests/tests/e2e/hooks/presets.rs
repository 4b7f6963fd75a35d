//! Deliveries signed by the senders' own packages, and what is nearly one: taken once, refused and on record otherwise.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use factotum_tests::{Server, on_both_backends};
use hmac::Mac as _;
use serde_json::{Value, json};

use super::{config, hook, now, post, refusals};
use crate::ledger;

/// Headers by name.
type Headers = Vec<(String, String)>;

/// The senders' packages sign: `cargo xtask signers` installs them.
fn sign(asked: &[Value]) -> Vec<Headers> {
    let own = std::env::current_exe().unwrap();
    let found: Option<PathBuf> =
        own.ancestors().map(|folder| folder.join("signers/venv/bin/python")).find(|path| path.is_file());
    let python =
        found.expect("the packages that senders sign with are not installed: run `cargo xtask signers`");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/signers/sign.py");
    let mut child =
        Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(json!(asked).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    let signed: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let pairs = |headers: &Value| {
        let all = headers.as_object().unwrap().iter();
        all.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
    };
    signed.iter().map(pairs).collect()
}

fn take(headers: &mut Headers, name: &str) -> Option<String> {
    let at = headers.iter().position(|(own, _)| own == name)?;
    Some(headers.remove(at).1)
}

/// What a preset's delivery is tried with.
struct Case {
    scheme: &'static str,
    preset: &'static str,
    /// Whether the time of signing is signed.
    timed: bool,
    /// Whether a repetition is known as one.
    named: bool,
}

const CASES: [Case; 4] = [
    Case { scheme: "standard", preset: "standard", timed: true, named: true },
    Case { scheme: "standard_v1a", preset: "standard", timed: true, named: true },
    Case { scheme: "stripe", preset: "stripe", timed: true, named: true },
    Case { scheme: "slack", preset: "slack", timed: true, named: true },
];

fn flipped(body: &[u8]) -> Vec<u8> {
    let mut other = body.to_vec();
    other[body.len() / 2] ^= 1;
    other
}

on_both_backends! {
    fn what_the_senders_own_packages_sign_is_taken_once_and_nothing_near_it(backend: Backend) {
        let server = Server::start(backend);
        server.api().deploy("echo", &[]);
        let body = r#"{"id": "evt_1", "event_id": "Ev1", "n": "Grüße"}"#;
        let secret = |scheme: &str| match scheme {
            "standard" => "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
            "standard_v1a" => "07".repeat(32),
            _ => "whsec_a secret of the sender".to_owned(),
        };
        let asked: Vec<Value> = CASES
            .iter()
            .flat_map(|case| {
                let ask = |at: i64| json!({"scheme": case.scheme, "secret": secret(case.scheme), "id": "msg_1", "now": at, "body": body});
                [ask(now()), ask(now() - 3_600)]
            })
            .collect();
        let signed = sign(&asked);
        let mut runs = 0;
        for (case, both) in CASES.iter().zip(signed.chunks(2)) {
            let (mut fresh, mut old) = (both[0].clone(), both[1].clone());
            let public = take(&mut fresh, "x-public-key");
            take(&mut old, "x-public-key");
            let secret = public.unwrap_or_else(|| secret(case.scheme));
            let (id, path) = hook(&server, &config(case.preset, &["whsec_c29tZXRoaW5nIGVsc2U=", &secret]));
            let first = post(&server, &path, &fresh, body.as_bytes()).expect(202);
            runs += 1;
            let again = post(&server, &path, &fresh, body.as_bytes()).expect(202);
            assert_eq!(again["run"], first["run"], "{}: a repetition starts nothing", case.scheme);
            assert!(case.named);
            let repeated = server.api().audit(&format!("trigger={id}&action=event.duplicate"));
            assert_eq!(repeated.len(), 1, "{}: and is on record", case.scheme);
            post(&server, &path, &fresh, &flipped(body.as_bytes())).expect_problem(401, "signature_mismatch");
            if case.timed {
                post(&server, &path, &old, body.as_bytes()).expect_problem(401, "timestamp_stale");
            }
            post(&server, &path, &[], body.as_bytes()).expect_problem(401, if case.preset == "standard" { "webhook_id_invalid" } else { "signature_missing" });
            let told = refusals(&server, &id);
            assert_eq!(told.len(), 3, "{}: {told:?}", case.scheme);
            assert!(told.iter().any(|reason| reason.starts_with("signature_mismatch")), "{told:?}");
            let run = server.api().wait_end(first["run"].as_str().unwrap());
            let event = server.api().get(&format!("/api/v1/events/{}", run["event"].as_str().unwrap())).text();
            assert!(!event.contains("v1,") && !event.contains("v0="), "the proof is not kept: {event}");
        }
        assert_eq!(ledger::drained(server.api(), "echo").len(), runs);
    }

    fn what_twilio_signs_is_taken_as_form_and_as_json(backend: Backend) {
        let server = Server::start(backend);
        server.api().deploy("echo", &[]);
        let (id, path) = hook(&server, &config("twilio", &["12345"]));
        let url = format!("{}{path}", server.base());
        let form = json!({"From": "+14158675309", "Body": "a b&c=ü", "To": "+18005551212", "Empty": ""});
        let signed = sign(&[
            json!({"scheme": "twilio", "secret": "12345", "url": url, "form": form}),
            json!({"scheme": "twilio", "secret": "12345", "url": url, "body": "{\"a\": 1}"}),
        ]);
        let pairs = form.as_object().unwrap().iter().map(|(name, value)| (name, value.as_str().unwrap()));
        let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let typed = |headers: &Headers, kind: &str| {
            let mut headers = headers.clone();
            headers.push(("content-type".into(), kind.into()));
            headers
        };
        let headers = typed(&signed[0], "application/x-www-form-urlencoded");
        post(&server, &path, &headers, text.as_bytes()).expect(202);
        let other = text.replace("To=", "Too=");
        post(&server, &path, &headers, other.as_bytes()).expect_problem(401, "signature_mismatch");
        let mut json = signed[1].clone();
        let query = take(&mut json, "x-query").unwrap();
        let json = typed(&json, "application/json");
        let below = format!("{path}?{query}");
        post(&server, &below, &json, b"{\"a\": 1}").expect(202);
        post(&server, &below, &json, b"{\"a\": 2}").expect_problem(401, "signature_mismatch");
        post(&server, &path, &json, b"{\"a\": 1}").expect_problem(401, "signature_mismatch");
        assert!(refusals(&server, &id)[0].starts_with("signature_mismatch"));
        assert_eq!(ledger::drained(server.api(), "echo").len(), 2);
    }

    fn github_shopify_and_meta_sign_the_body_and_others_show_what_they_know(backend: Backend) {
        let server = Server::start(backend);
        server.api().deploy("echo", &[]);
        let body = br#"{"value": [{"clientState": "a client state", "n": 1}]}"#;
        let mac = |secret: &str| {
            let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
            mac.update(body);
            mac.finalize().into_bytes()
        };
        let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
        let meta = json!({"verify": {"preset": "meta", "secrets": ["an app secret"], "verify_token": "a token of ours"}});
        let hub = |secret: &str| ("x-hub-signature-256".to_owned(), format!("sha256={}", hex::encode(mac(secret))));
        let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let shopify = own("x-shopify-hmac-sha256", &base64(&mac("a shop's secret")));
        for (config, proof, wrong, code) in [
            (config("github", &["a secret"]), hub("a secret"), hub("another"), "signature_mismatch"),
            (meta, hub("an app secret"), hub("another"), "signature_mismatch"),
            (
                config("shopify", &["a shop's secret"]),
                shopify,
                own("x-shopify-hmac-sha256", &base64(&mac("another"))),
                "signature_mismatch",
            ),
            (
                config("basic", &["ann:a password"]),
                own("authorization", &format!("Basic {}", base64(b"ann:a password"))),
                own("authorization", &format!("Basic {}", base64(b"ann:another"))),
                "credentials_mismatch",
            ),
            (
                config("bearer", &["a-long-token"]),
                own("authorization", "Bearer a-long-token"),
                own("authorization", "Bearer another"),
                "credentials_mismatch",
            ),
        ] {
            let (id, path) = hook(&server, &config);
            let run = post(&server, &path, std::slice::from_ref(&proof), body).expect(202);
            let refused = post(&server, &path, &[wrong], body);
            refused.expect_problem(401, code);
            assert_eq!(refused.header("www-authenticate").is_some(), code == "credentials_mismatch");
            assert!(refusals(&server, &id)[0].starts_with(code), "{config}");
            let run = server.api().wait_end(run["run"].as_str().unwrap());
            let event = server.api().get(&format!("/api/v1/events/{}", run["event"].as_str().unwrap())).text();
            let secret = proof.1.split(' ').next_back().unwrap();
            assert!(!event.contains(secret), "{config}: {event}");
        }
        let (id, path) = hook(&server, &config("graph", &["a client state"]));
        let run = post(&server, &path, &[], body).expect(202);
        let other = String::from_utf8_lossy(body).replace("client state", "client");
        post(&server, &path, &[], other.as_bytes()).expect_problem(401, "credentials_mismatch");
        assert!(refusals(&server, &id)[0].starts_with("credentials_mismatch"));
        let run = server.api().wait_end(run["run"].as_str().unwrap());
        let raw = server.api().get(&format!("/api/v1/events/{}/raw", run["event"].as_str().unwrap())).text();
        assert!(!raw.contains("a client state") && raw.contains("\"n\": 1") && raw.len() == body.len(), "{raw}");
    }

    fn a_preset_keeps_its_secrets_and_takes_no_fields_of_others(backend: Backend) {
        let server = Server::start(backend);
        server.api().deploy("echo", &[]);
        let (id, path) = hook(&server, &config("github", &["a secret"]));
        let api = server.api();
        let at = format!("/api/v1/triggers/{id}");
        api.patch(&at, &json!({"config": {"verify": {"preset": "github"}, "methods": ["POST"]}})).expect(200);
        post(&server, &path, &[], b"{}").expect_problem(401, "signature_missing");
        for verify in [
            json!({"preset": "stripe"}),
            json!({"preset": "github", "header": "X-Sig"}),
            json!({"preset": "github", "secrets": []}),
            json!({"preset": "none", "secrets": ["a secret"]}),
        ] {
            let problem = api.patch(&at, &json!({"config": {"verify": verify}})).expect_problem(422, "invalid_field");
            assert!(problem["field"].as_str().unwrap().starts_with("config.verify."), "{problem}");
        }
        // A test delivery is signed with the secret that is kept.
        let tested = api.post(&format!("{at}/test"), &json!({"body": {"n": 1}})).expect(200);
        assert_eq!((&tested["status"], tested["run"].is_string()), (&json!(202), true), "{tested}");
        assert_eq!(api.audit("action=trigger.test").len(), 1);
    }
}
