//! Webhooks: many at once, duplicates, replies, verification, limits.

use factotum_tests::backend::soak;
use factotum_tests::load::Load;
use factotum_tests::{Server, on_both_backends};
use hmac::Mac as _;
use serde_json::{Value, json};

use crate::ledger;

/// Sends `count` deliveries with a dedup key each over 64 connections.
fn message(number: usize) -> (String, String) {
    (format!("x-id: delivery-{number}\r\n"), format!("{{\"number\":{number}}}"))
}

on_both_backends! {
    fn each_acknowledged_delivery_has_one_succeeded_run_and_its_entries(backend: Backend) {
        let server = Server::start(backend);
        server.api().deploy("echo", &[]);
        let config = json!({"reply": "accepted", "dedup": {"header": "X-Id"}});
        let trigger = server.api().trigger("echo", "webhook", &config);
        let url = trigger["url"].as_str().unwrap();
        let path = &url[url.find("/hooks/").unwrap()..];

        let count = if soak() { 10_000 } else { 2_000 };
        let load = Load { port: server.port(), path, count, connections: 64, message: &message };
        let deliveries = load.send();
        let acknowledged = ledger::acknowledged(&deliveries);
        assert_eq!(acknowledged.len(), count, "{:?}", deliveries.iter().find(|d| !d.acknowledged()));

        let runs = ledger::drained(server.api(), "echo");
        assert_eq!(runs.len(), count);
        ledger::check_runs(&acknowledged, &runs);
        ledger::check_audit(server.api(), trigger["id"].as_str().unwrap(), &runs);
    }

    fn a_duplicate_is_answered_with_its_first_run(backend: Backend) {
        let server = Server::start(backend);
        server.api().deploy("echo", &[]);
        let hook = server.api().webhook("echo", &json!({"dedup": {"header": "X-Id"}}));
        let send = |key: &str| server.stranger().send("POST", &hook, &[("x-id", key)], b"{}").unwrap().expect(202);
        let first = send("a");
        assert_eq!(send("a")["run"], first["run"]);
        assert_ne!(send("b")["run"], first["run"]);
        assert_eq!(ledger::drained(server.api(), "echo").len(), 2);
        let without = server.stranger().send("POST", &hook, &[], b"{}").unwrap();
        assert!((400..500).contains(&without.status), "a delivery without its key: {}", without.text());
    }

    fn more_deliveries_than_the_rate_are_sent_away_and_stored_nowhere(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        admin.deploy("echo", &[]);
        for wrong in [json!({"per_minute": 0, "burst": 1}), json!({"per_minute": 1}), json!([1, 1])] {
            let body = json!({"workflow": "echo", "kind": "webhook", "config": {"rate": wrong}});
            let problem = admin.post("/api/v1/triggers", &body).expect_problem(422, "invalid_field");
            assert!(problem["field"].as_str().unwrap().starts_with("config.rate"), "{problem}");
        }
        let verify = json!({"preset": "hmac", "secrets": ["correct horse"], "header": "X-Signature"});
        let config = json!({"rate": {"per_minute": 30, "burst": 5}, "verify": verify});
        let trigger = admin.trigger("echo", "webhook", &config);
        assert_eq!(trigger["config"]["rate"], config["rate"]);
        let unlimited = admin.webhook("echo", &json!({}));
        let url = trigger["url"].as_str().unwrap();
        let hook = &url[url.find("/hooks/").unwrap()..];
        let signature = sign("correct horse", b"{}");
        let send = |signature: &str| {
            server.stranger().send("POST", hook, &[("x-signature", signature)], b"{}").unwrap()
        };
        // Who cannot sign uses up nothing of those who can.
        for _ in 0..10 {
            assert_eq!(send("00").status, 401);
        }
        let (mut taken, mut away) = (0, 0);
        for _ in 0..30 {
            let answer = send(&signature);
            if answer.status == 429 {
                away += 1;
                answer.expect_problem(429, "rate_limited");
                let after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
                assert!((1..=3).contains(&after), "one every two seconds: {after}");
            } else {
                answer.expect(202);
                taken += 1;
            }
            server.stranger().post(&unlimited, &json!({})).expect(202);
        }
        assert!(taken >= 5 && away >= 10, "{taken} taken, {away} sent away");
        let id = trigger["id"].as_str().unwrap();
        let runs = ledger::drained(admin, "echo");
        assert_eq!(runs.values().filter(|run| run["initiator"]["id"] == id).count(), taken);
        factotum_tests::wait_until("the counts", || {
            let counts = &admin.get(&format!("/api/v1/triggers/{id}")).expect(200)["counts"];
            (counts["rejected"] == away + 10 && counts["accepted"] == taken).then_some(())
        });
        let told = admin.audit(&format!("trigger={id}&action=event.reject"));
        let limited: Vec<_> =
            told.iter().filter(|e| e["reason"].as_str().is_some_and(|r| r.starts_with("rate_limited"))).collect();
        assert!(matches!(limited.len(), 1 | 2), "the first, and the number of the others: {told:?}");
        // As it said, there is room again; and without a rate there always is.
        factotum_tests::wait_until("room", || (send(&signature).status == 202).then_some(()));
        let path = format!("/api/v1/triggers/{id}");
        admin.patch(&path, &json!({"config": {"verify": {"preset": "hmac", "header": "X-Signature"}}})).expect(200);
        for _ in 0..20 {
            send(&signature).expect(202);
        }
    }

    fn the_workflow_sees_the_request_and_its_own_run(backend: Backend) {
        let server = Server::start(backend);
        server.api().deploy("echo", &[]);
        let hook = server.api().webhook("echo", &json!({"reply": "outcome"}));
        let headers = [("x-shop", "7"), ("authorization", "Bearer secret"), ("cookie", "a=b")];
        let answer =
            server.stranger().send("POST", &format!("{hook}/orders/1?x=1&y=2"), &headers, b"{\"a\":1}").unwrap();
        assert_eq!(answer.header("content-security-policy"), Some("sandbox"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let output = answer.expect(200);
        assert_eq!(output["payload"], json!({"a": 1}));
        assert_eq!(output["event"]["method"], "POST");
        assert_eq!(output["event"]["path"], "/orders/1");
        assert_eq!(output["event"]["query"], "x=1&y=2");
        assert_eq!(output["event"]["headers"]["x-shop"], json!(["7"]));
        for stripped in ["authorization", "cookie"] {
            assert_eq!(output["event"]["headers"].get(stripped), None, "{output}");
        }
        assert_eq!(output["run"]["workflow"], "echo");
        assert_eq!(output["run"]["attempt"], 1);
        assert_eq!(output["run"]["principal"]["kind"], "base");
        assert_eq!(output["run"]["initiator"]["kind"], "webhook");
    }

    fn a_failed_run_answers_502(backend: Backend) {
        let server = Server::start(backend);
        server.api().deploy("crash", &[]);
        let hook = server.api().webhook("crash", &json!({"reply": "outcome"}));
        let answer = server.stranger().post(&hook, &json!({}));
        assert_eq!(answer.status, 502, "{}", answer.text());
        let runs = server.api().get("/api/v1/runs?workflow=crash").expect(200);
        assert_eq!(runs["items"][0]["outcome"]["error"]["code"], "trap", "{runs}");
    }

    fn a_signature_is_checked_over_the_raw_bytes(backend: Backend) {
        let server = Server::start(backend);
        server.api().deploy("echo", &[]);
        let verify = json!({"preset": "hmac", "secrets": ["old secret", "new secret"], "header": "x-signature"});
        let hook = server.api().webhook("echo", &json!({"verify": verify}));
        let body = br#"{ "amount" : 1 }"#;
        let send = |signature: &str| {
            server.stranger().send("POST", &hook, &[("x-signature", signature)], body).unwrap()
        };
        for secret in ["old secret", "new secret"] {
            send(&sign(secret, body)).expect(202);
        }
        send(&sign("another secret", body)).expect(401);
        send(&sign("old secret", br#"{"amount":1}"#)).expect(401);
        server.stranger().send("POST", &hook, &[], body).unwrap().expect(401);
        assert_eq!(ledger::drained(server.api(), "echo").len(), 2);
        let rejected = server.api().audit("action=event.reject");
        assert!(!rejected.is_empty(), "rejects are on the record");
        assert!(rejected.iter().all(|entry| entry["outcome"] == "denied"), "{rejected:?}");
    }

    fn what_is_not_for_a_hook_is_refused_and_starts_nothing(backend: Backend) {
        let server = Server::start(backend);
        server.api().deploy("echo", &[]);
        let hook = server.api().webhook("echo", &json!({"methods": ["POST"], "max_body_bytes": 100}));
        let stranger = server.stranger();
        stranger.post(&hook, &json!({"pad": "x".repeat(200)})).expect(413);
        stranger.get(&hook).expect(405);
        stranger.post("/hooks/2xvT4PX0p3hXJtMf0pQ6kq9p8Zz", &json!({})).expect(404);
        let trigger = server.api().all("/api/v1/triggers").remove(0);
        let path = format!("/api/v1/triggers/{}", trigger["id"].as_str().unwrap());
        server.api().patch(&path, &json!({"paused": true})).expect(200);
        let paused = stranger.post(&hook, &json!({}));
        assert!(!(200..300).contains(&paused.status), "a paused trigger accepts nothing: {}", paused.text());
        assert_eq!(server.api().all("/api/v1/runs?workflow=echo"), Vec::<Value>::new());
        server.api().patch(&path, &json!({"paused": false})).expect(200);
        stranger.post(&hook, &json!({})).expect(202);
        server.api().delete(&path).expect(204);
        stranger.post(&hook, &json!({})).expect(404);
    }
}

fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    mac.finalize().into_bytes().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
