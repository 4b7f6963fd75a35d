//! Handshakes over HTTP: answered for the configured preset, refused and on record otherwise, and they start nothing.

use factotum_tests::{Server, on_both_backends};
use hmac::Mac as _;
use serde_json::{Value, json};

use super::{config, hook, now, post, refusals};

on_both_backends! {
    fn senders_that_ask_first_are_answered_only_by_their_own_preset(backend: Backend) {
        let server = Server::start(backend);
        server.api().deploy("echo", &[]);
        let stranger = server.stranger();
        let ask = |method: &str, path: &str, headers: &[(&str, &str)]| stranger.send(method, path, headers, b"").unwrap();
        let meta = json!({"methods": ["POST"],
            "verify": {"preset": "meta", "secrets": ["an app secret"], "verify_token": "a token of ours"}});
        let (meta_id, meta) = hook(&server, &meta);
        let (_, graph) = hook(&server, &config("graph", &["a client state"]));
        let events = json!({"format": "cloudevents", "methods": ["POST"], "origins": ["events.example"]});
        let (events_id, events) = hook(&server, &events);
        let (_, plain) = hook(&server, &config("github", &["a secret"]));

        let subscribe = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=a%20token%20of%20ours";
        let answer = ask("GET", &format!("{meta}?{subscribe}"), &[]);
        assert_eq!((answer.status, answer.text().as_str()), (200, "1158201444"));
        assert_eq!(answer.header("content-security-policy"), Some("sandbox"));
        ask("GET", &format!("{meta}?{}", subscribe.replace("ours", "theirs")), &[]).expect_problem(403, "handshake_refused");
        assert!(refusals(&server, &meta_id)[0].starts_with("handshake_refused"));
        ask("GET", &format!("{plain}?{subscribe}"), &[]).expect_problem(401, "signature_missing");

        let answer = ask("POST", &format!("{graph}?validationToken=Validation%3A%20%3Cb%3E1"), &[]);
        assert_eq!((answer.status, answer.text().as_str()), (200, "Validation: <b>1"));
        assert!(answer.header("content-type").unwrap().starts_with("text/plain"));
        ask("POST", &format!("{plain}?validationToken=x"), &[]).expect_problem(401, "signature_missing");

        let asks = [("webhook-request-origin", "events.example"), ("webhook-request-rate", "120")];
        let answer = ask("OPTIONS", &events, &asks);
        assert_eq!((answer.status, answer.header("webhook-allowed-origin")), (200, Some("events.example")));
        assert_eq!((answer.header("webhook-allowed-rate"), answer.header("allow")), (Some("120"), Some("POST")));
        ask("OPTIONS", &events, &[("webhook-request-origin", "evil.example")]).expect_problem(403, "handshake_refused");
        assert!(refusals(&server, &events_id)[0].starts_with("handshake_refused"));
        ask("OPTIONS", &plain, &asks).expect_problem(405, "method_not_allowed");

        // Slack's is signed like all that Slack sends.
        let (_, slack) = hook(&server, &config("slack", &["a signing secret"]));
        let body = br#"{"type": "url_verification", "challenge": "3eZbrw1aB", "token": "x"}"#;
        let time = now().to_string();
        let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(b"a signing secret").unwrap();
        mac.update(format!("v0:{time}:").as_bytes());
        mac.update(body);
        let signature = format!("v0={}", hex::encode(mac.finalize().into_bytes()));
        let signed = [("x-slack-request-timestamp".to_owned(), time), ("x-slack-signature".to_owned(), signature)];
        let answer = post(&server, &slack, &signed, body);
        assert_eq!((answer.status, answer.text().as_str()), (200, "3eZbrw1aB"));
        post(&server, &slack, &signed[..1], body).expect_problem(401, "signature_missing");

        assert_eq!(server.api().all("/api/v1/runs"), Vec::<Value>::new(), "nothing was started");

        // Each is on record; what a stranger repeats is counted, not written again.
        for _ in 0..3 {
            assert_eq!(ask("POST", &format!("{graph}?validationToken=again"), &[]).status, 200);
        }
        let mut told: Vec<String> = server.api().audit("action=event.handshake").iter().map(|entry| {
            assert_eq!((&entry["outcome"], &entry["initiator"]["kind"]), (&json!("ok"), &json!("webhook")), "{entry}");
            entry["reason"].as_str().unwrap().split(':').next().unwrap().to_owned()
        }).collect();
        told.sort_unstable();
        assert_eq!(told, ["cloud_events_origin", "graph_validation", "meta_subscription", "slack_url_verification"]);
    }
}
