//! CloudEvents, names in body and bytes, fixed answers: over HTTP, to the workflow.

use factotum_tests::{Server, on_both_backends};
use serde_json::{Value, json};

use super::{hook, post, refusals};
use crate::ledger;

fn event(id: &str) -> Value {
    json!({"specversion": "1.0", "id": id, "source": "/shop", "type": "order.made", "data": {"n": id}})
}

fn kind(name: &str) -> Vec<(String, String)> {
    vec![("content-type".into(), name.into())]
}

on_both_backends! {
    fn each_cloud_event_is_a_run_of_its_own_in_every_mode(backend: Backend) {
        let server = Server::start(backend);
        server.api().deploy("echo", &[]);
        let (id, path) = hook(&server, &json!({"format": "cloudevents"}));
        let batch = json!([event("1"), event("2")]).to_string();
        let answer = post(&server, &path, &kind("application/cloudevents-batch+json"), batch.as_bytes()).expect(202);
        let runs: Vec<&str> = answer["runs"].as_array().unwrap().iter().map(|run| run.as_str().unwrap()).collect();
        assert_eq!(runs.len(), 2);
        let structured = post(&server, &path, &kind("application/cloudevents+json"), event("2").to_string().as_bytes());
        assert_eq!(structured.expect(202)["run"], runs[1], "the same event");
        let mut binary = kind("application/json");
        for (name, value) in [("specversion", "1.0"), ("id", "3"), ("source", "/shop"), ("type", "order.made")] {
            binary.push((format!("ce-{name}"), value.to_owned()));
        }
        let third = post(&server, &path, &binary, b"{\"n\": \"3\"}").expect(202)["run"].as_str().unwrap().to_owned();
        post(&server, &path, &kind("application/json"), b"{}").expect_problem(400, "cloud_event_invalid");
        assert!(refusals(&server, &id)[0].starts_with("cloud_event_invalid"));
        let ended = ledger::drained(server.api(), "echo");
        assert_eq!(ended.len(), 3);
        let seen = |run: &str| server.api().wait_end(run)["outcome"]["output"].clone();
        assert_eq!(seen(runs[1])["payload"], event("2"), "the workflow sees the event itself");
        assert_eq!(seen(runs[1])["event"]["headers"]["ce-id"], json!(["2"]));
        let third = seen(&third);
        assert_eq!((&third["payload"], &third["event"]["headers"]["ce-source"]), (&json!({"n": "3"}), &json!(["/shop"])));
    }

    fn deliveries_are_named_by_what_is_configured_and_answered_as_configured(backend: Backend) {
        let server = Server::start(backend);
        server.api().deploy("echo", &[]);
        let (_, pointer) = hook(&server, &json!({"dedup": {"pointer": "/order/id"}}));
        let send = |path: &str, body: &str| post(&server, path, &kind("application/json"), body.as_bytes());
        let first = send(&pointer, r#"{"order": {"id": 7}, "try": 1}"#).expect(202);
        assert_eq!(send(&pointer, r#"{"order": {"id": 7}, "try": 2}"#).expect(202)["run"], first["run"]);
        send(&pointer, "{}").expect_problem(400, "dedup_key_invalid");
        let fixed = json!({"status": 201, "content_type": "text/xml", "headers": {"X-Shop": "7"}, "body": "<Response/>"});
        let (_, body) = hook(&server, &json!({"dedup": {"by": "body"}, "reply": "fixed", "fixed": fixed}));
        for _ in 0..2 {
            let answer = send(&body, r#"{"n": 1}"#);
            assert_eq!((answer.status, answer.text().as_str()), (201, "<Response/>"));
            assert_eq!((answer.header("content-type"), answer.header("x-shop")), (Some("text/xml"), Some("7")));
            assert_eq!(answer.header("content-security-policy"), Some("sandbox"));
        }
        send(&body, r#"{"n": 2}"#).expect(201);
        assert_eq!(ledger::drained(server.api(), "echo").len(), 3);
    }
}
