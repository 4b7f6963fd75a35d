//! Runs: retries, dead letters, replay, cancel, logs, the key-value store, concurrency, and starting over with one idempotency key.

use factotum_tests::{Server, on_both_backends, wait_until};
use serde_json::json;

on_both_backends! {
    fn a_failed_attempt_is_retried_until_it_succeeds(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy_with("flaky", &json!({"retry": {"attempts": 5, "backoff_ms": 20}}));
        let run = api.run("flaky", &json!({"until": 3}));
        assert_eq!(run["state"], "succeeded", "{run}");
        assert_eq!(run["attempt"], 3);
        assert_eq!(run["outcome"], json!({"output": {"attempt": 3}}));
    }

    fn retries_that_are_used_up_end_dead_and_a_permanent_failure_ends_at_once(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy_with("flaky", &json!({"retry": {"attempts": 2, "backoff_ms": 20}}));
        let dead = api.run("flaky", &json!({"until": 9}));
        assert_eq!((dead["state"].as_str(), dead["attempt"].as_u64()), (Some("dead"), Some(2)), "{dead}");
        assert_eq!(dead["outcome"]["error"]["code"], "failed");
        let permanent = api.run("flaky", &json!({"until": 9, "permanent": true}));
        assert_eq!(
            (permanent["state"].as_str(), permanent["attempt"].as_u64()),
            (Some("failed"), Some(1)),
            "{permanent}"
        );

        // A dead letter can be replayed: a new run of the same event.
        api.workflow("flaky", "flaky", &json!({"retry": {"attempts": 20, "backoff_ms": 1}}));
        let answer = api.post(&format!("/api/v1/runs/{}/replay", dead["id"].as_str().unwrap()), &json!({}));
        assert!((200..300).contains(&answer.status), "{}", answer.text());
        let answer = answer.json();
        let id = answer["run"]["id"].as_str().or(answer["id"].as_str()).unwrap();
        let replay = api.wait_end(id);
        assert_ne!(replay["id"], dead["id"]);
        assert_eq!(replay["state"], "succeeded", "{replay}");
        assert_eq!(api.run_object(dead["id"].as_str().unwrap())["state"], "dead", "the first stays as it ended");
    }

    fn a_run_is_cancelled_while_it_runs_and_before(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy_with("sleeper", &json!({"concurrency": 1, "limits": {"wall_ms": 60_000}}));
        let running = api.begin("sleeper", &json!({"ms": 50_000}));
        let running = running["id"].as_str().unwrap();
        api.wait_state(running, &["running"]);
        let queued = api.begin("sleeper", &json!({"ms": 50_000}));
        let queued = queued["id"].as_str().unwrap();
        assert_eq!(api.run_object(queued)["state"], "queued", "one at a time");
        for id in [queued, running] {
            let answer = api.post(&format!("/api/v1/runs/{id}/cancel"), &json!({}));
            assert!((200..300).contains(&answer.status), "{}", answer.text());
            let ended = api.wait_end(id);
            assert_eq!(ended["state"], "cancelled", "{ended}");
            assert_eq!(ended["outcome"]["error"]["code"], "cancelled");
        }
        assert_eq!(api.run("sleeper", &json!({"ms": 1}))["state"], "succeeded", "its place is free again");
    }

    fn the_store_keeps_values_between_runs_and_asks_for_grants(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy("kvtest", &["kv:read:kvtest", "kv:write:kvtest"]);
        let ops = json!({"ops": [
            {"op": "set", "key": "a/1", "value": {"n": 1}},
            {"op": "swap", "key": "a/2", "expected": 0, "value": 2},
            {"op": "swap", "key": "a/2", "expected": 0, "value": 3},
            {"op": "list", "prefix": "a/"},
            {"op": "delete", "key": "a/1"},
            {"op": "delete", "key": "a/1"},
        ]});
        let done = api.run("kvtest", &ops);
        let answers = done["outcome"]["output"].as_array().unwrap_or_else(|| panic!("{done}")).clone();
        assert_eq!(answers[0], json!({"ok": null}));
        assert!(answers[1]["ok"].as_u64().is_some_and(|version| version > 0), "{done}");
        assert_eq!(answers[2], json!({"ok": null}), "a swap of what is there already changes nothing");
        assert_eq!(answers[3], json!({"ok": ["a/1", "a/2"]}));
        assert_eq!((&answers[4], &answers[5]), (&json!({"ok": true}), &json!({"ok": false})));

        let read = json!({"ops": [{"op": "get", "key": "a/2"}, {"op": "get", "key": "a/1"}]});
        let later = api.run("kvtest", &read);
        assert_eq!(later["outcome"]["output"][0]["ok"]["value"], 2, "{later}");
        assert_eq!(later["outcome"]["output"][1], json!({"ok": null}));

        api.workflow("kvtest", "kvtest", &json!({"grants": ["kv:read"]}));
        let denied = api.run("kvtest", &json!({"ops": [{"op": "set", "key": "a/2", "value": 9}]}));
        assert_eq!(denied["outcome"]["output"][0]["error"]["kind"], "denied", "{denied}");
        let entries = api.audit(&format!("run={}&outcome=denied", denied["id"].as_str().unwrap()));
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!(entries[0]["permission"], "kv:write:kvtest", "{entries:?}");
    }

    fn one_idempotency_key_makes_one_run(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy("echo", &[]);
        let send = |body: &[u8]| {
            let headers = [("content-type", "application/json"), ("idempotency-key", "order-7")];
            api.send("POST", "/api/v1/workflows/echo/runs", &headers, body).unwrap()
        };
        let first = send(b"{\"n\":1}");
        assert!(matches!(first.status, 200 | 202), "{}", first.text());
        let again = send(b"{\"n\":1}");
        assert_eq!(again.json()["run"]["id"], first.json()["run"]["id"]);
        send(b"{\"n\":2}").expect_problem(422, "idempotency_mismatch");
        assert_eq!(api.all("/api/v1/runs?workflow=echo").len(), 1);
    }

    fn one_idempotency_key_sends_one_test_delivery(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy("echo", &[]);
        // Nothing names its deliveries: only the key tells that two requests are one.
        let trigger = api.trigger("echo", "webhook", &json!({}));
        let path = format!("/api/v1/triggers/{}/test", trigger["id"].as_str().unwrap());
        let send = |path: &str, key: &str, body: &[u8]| {
            let headers = [("content-type", "application/json"), ("idempotency-key", key)];
            api.send("POST", path, &headers, body).unwrap()
        };
        let first = send(&path, "once", b"{\"body\": {\"n\": 1}}");
        assert_eq!(first.header("idempotency-replayed"), None);
        let again = send(&path, "once", b"{\"body\": {\"n\": 1}}");
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(again.expect(200), first.expect(200));
        send(&path, "once", b"{\"body\": {\"n\": 2}}").expect_problem(422, "idempotency_mismatch");
        // What came to nothing does not use the key up.
        for _ in 0..2 {
            send("/api/v1/triggers/trg_none/test", "none", b"{}").expect_problem(404, "not_found");
        }
        send(&path, "another", b"{\"body\": {\"n\": 1}}").expect(200);
        assert_eq!(api.all("/api/v1/runs?workflow=echo").len(), 2);
    }

    fn waiting_for_a_run_answers_with_its_end_failures_too(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy("echo", &[]);
        api.deploy("crash", &[]);
        let done = api.post("/api/v1/workflows/echo/runs?wait=30", &json!({"n": 1})).expect(200);
        assert_eq!(done["run"]["state"], "succeeded", "{done}");
        assert_eq!(done["run"]["outcome"]["output"]["payload"], json!({"n": 1}));
        let failed = api.post("/api/v1/workflows/crash/runs?wait=30", &json!({})).expect(200);
        assert_eq!(failed["run"]["state"], "failed", "{failed}");
        api.deploy("sleeper", &[]);
        let open = api.post("/api/v1/workflows/sleeper/runs?wait=1", &json!({"ms": 20_000})).expect(202);
        assert!(["queued", "running"].contains(&open["run"]["state"].as_str().unwrap()), "{open}");
    }

    fn what_came_in_and_what_was_logged_can_be_read(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy("echo", &[]);
        let hook = api.webhook("echo", &json!({}));
        let body = b"{ \"spaces\" :  true }\n";
        let answer = server.stranger().send("POST", &hook, &[("content-type", "text/plain")], body).unwrap();
        let id = crate::ledger::text(&answer.expect(202)["run"]);
        let run = api.wait_end(&id);
        let event = crate::ledger::text(&run["event"]);
        assert_eq!(api.get(&format!("/api/v1/events/{event}/raw")).body, body, "the bytes as they came");
        api.get(&format!("/api/v1/events/{event}")).expect(200);
        api.get(&format!("/api/v1/runs/{id}/logs")).expect(200);
        assert!(run["plugin_digest"].as_str().is_some_and(|digest| digest.len() >= 64), "{run}");
    }

    fn a_secret_is_written_and_never_read(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        let put = api.put("/api/v1/secrets/token", &json!({"value": "hunter2hunter2"}));
        assert!((200..300).contains(&put.status), "{}", put.text());
        for path in ["/api/v1/secrets/token", "/api/v1/secrets", "/api/v1/audit"] {
            let text = api.get(path).text();
            assert!(!text.contains("hunter2"), "{path}: {text}");
        }
        wait_until("the secret on the list", || {
            api.all("/api/v1/secrets").iter().any(|s| s["name"] == "token").then_some(())
        });
        // Encrypted at rest: the value is in no file of the data folder.
        for entry in std::fs::read_dir(server.data()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let bytes = std::fs::read(&path).unwrap();
                assert!(!bytes.windows(14).any(|w| w == b"hunter2hunter2"), "{} holds the secret", path.display());
            }
        }
        api.delete("/api/v1/secrets/token").expect(204);
    }
}
