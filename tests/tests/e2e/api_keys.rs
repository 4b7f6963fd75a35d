//! API keys: a key's account, what it may do, and what revoking stops.

use std::time::{Duration, Instant};

use factotum_tests::{Server, on_both_backends, wait_until, wait_within};
use serde_json::{Value, json};

/// Within which a revoked key's running work must stop, plus what reading its state costs on a busy machine.
const STOP_WITHIN: Duration = Duration::from_millis(2_500);

on_both_backends! {
    fn a_key_runs_its_workflow_as_its_own_account_and_is_refused_all_else(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        admin.deploy("echo", &[]);
        admin.workflow("other", "echo", &json!({}));
        let (secret, made) = admin.mint("ci", &["workflows:run:echo"]);
        let account = made["service_account"]["id"].as_str().unwrap();
        let key = admin.with_key(&secret);

        let me = key.get("/api/v1/me").expect(200);
        assert_eq!(me["id"], account);
        assert_eq!(me["kind"], "api_key");
        assert_eq!(me["name"], "ci");
        assert_eq!(me["grants"], json!(["workflows:run:echo"]));

        let run = key.run("echo", &json!({"n": 1}));
        assert_eq!(run["state"], "succeeded", "{run}");
        assert_eq!(run["principal"]["id"], account);
        assert_eq!(run["principal"]["name"], "ci");
        assert_eq!(run["initiator"]["kind"], "api");

        let refused = [
            ("POST", "/api/v1/workflows/other/runs"),
            ("GET", "/api/v1/workflows"),
            ("GET", "/api/v1/plugins"),
            ("GET", "/api/v1/audit"),
            ("GET", "/api/v1/members"),
            ("GET", "/api/v1/api-keys"),
            ("POST", "/api/v1/org/suspend"),
            ("DELETE", "/api/v1/workflows/echo"),
        ];
        for (method, path) in refused {
            let body: &[u8] = if method == "POST" { b"{}" } else { b"" };
            let answer = key.send(method, path, &[("content-type", "application/json")], body).unwrap();
            let problem = answer.expect_problem(403, "denied");
            let request = problem["request_id"].as_str().unwrap();
            let entries = admin.audit(&format!("account={account}&outcome=denied"));
            // Equal denials may be counted into one entry, but each of these is of another kind.
            assert!(
                entries.iter().any(|e| e["request_id"] == request && e["actor"]["name"] == "ci"),
                "{method} {path} left no denied entry: {entries:?}"
            );
        }
        let minted = key.post("/api/v1/api-keys", &json!({"nickname": "more", "grants": ["*:*"]}));
        minted.expect_problem(403, "denied");
    }

    fn a_revoked_key_stops_at_once(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        admin.deploy("spin", &[]);
        let limits = json!({"limits": {"wall_ms": 60_000, "cpu_ms": 60_000}, "concurrency": 1});
        admin.workflow("spin", "spin", &limits);
        let (secret, made) = admin.mint("short-lived", &["workflows:run:spin"]);
        let account = made["service_account"]["id"].as_str().unwrap().to_owned();
        let key = admin.with_key(&secret);
        let running = key.begin("spin", &json!({}));
        let running = running["id"].as_str().unwrap();
        admin.wait_state(running, &["running"]);
        let queued = key.begin("spin", &json!({}));
        let queued = queued["id"].as_str().unwrap();
        assert_eq!(admin.run_object(queued)["state"], "queued", "its place is taken");

        admin.delete(&format!("/api/v1/api-keys/{}", made["id"].as_str().unwrap())).expect(204);
        let revoked = Instant::now();
        key.get("/api/v1/me").expect_problem(401, "unauthenticated");
        for id in [running, queued] {
            let run = wait_within(STOP_WITHIN.saturating_sub(revoked.elapsed()), "the run to stop", || {
                let run = admin.run_object(id);
                (run["state"] == "cancelled").then_some(run)
            });
            assert_eq!(run["outcome"]["error"]["code"], "revoked", "{run}");
            assert_eq!(run["principal"]["name"], "short-lived");
        }
        // The name stands, also when it is given again to another key.
        let (_, again) = admin.mint("short-lived", &["runs:read"]);
        assert_ne!(again["service_account"]["id"], account.as_str());
        let entries = admin.audit(&format!("account={account}"));
        assert!(entries.len() >= 2, "{entries:?}");
        assert!(entries.iter().all(|e| e["actor"]["kind"] == "base" || e["actor"]["name"] == "short-lived"));
        assert!(entries.iter().any(|e| e["actor"]["id"] == account.as_str()));
    }

    fn a_service_account_cannot_be_changed_through_members(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        let (_, made) = admin.mint("robot", &["runs:read"]);
        let hidden = admin.all("/api/v1/members");
        assert!(hidden.iter().all(|m| m["kind"] == "member"), "{hidden:?}");
        let shown = admin.all("/api/v1/members?service=true");
        let badge = |kind: &str| shown.iter().find(|m| m["kind"] == kind).map(|m| m["badge"].clone());
        assert_eq!(badge("base"), Some(json!("Base Service Account")));
        assert_eq!(badge("api_key"), Some(json!("API Key")));
        let base = shown.iter().find(|m| m["kind"] == "base").unwrap();
        assert_eq!(base["name"], "Service Account");
        for id in [base["id"].as_str().unwrap(), made["service_account"]["id"].as_str().unwrap()] {
            let path = format!("/api/v1/members/{id}");
            admin.delete(&path).expect_problem(409, "service_account_immutable");
            admin.patch(&path, &json!({"roles": []})).expect_problem(409, "service_account_immutable");
        }
        assert!(admin.audit("outcome=denied").len() >= 2);
    }

    fn a_wrong_key_is_refused_in_the_same_way(backend: Backend) {
        let server = Server::start(backend);
        for wrong in ["", "fct_", "not a key", &format!("fct_{}_{}", "a".repeat(43), "b".repeat(6))] {
            let answer = server.stranger().with_key(wrong).get("/api/v1/me");
            answer.expect_problem(401, "unauthenticated");
        }
        server.stranger().get("/api/v1/runs").expect_problem(401, "unauthenticated");
        let in_query = server.stranger().get(&format!("/api/v1/me?key={}", server.api().key().unwrap()));
        in_query.expect_problem(401, "unauthenticated");
    }

    fn a_key_expires_and_is_rotated(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        admin.post(
            "/api/v1/api-keys",
            &json!({"nickname": "late", "grants": ["runs:read"], "expires_at": "2001-01-01T00:00:00Z"}),
        ).expect(422);
        for grants in [json!([]), json!(["runs:read", "runs:read"]), json!(["runs:fly"])] {
            let answer = admin.post("/api/v1/api-keys", &json!({"nickname": "bad", "grants": grants}));
            assert!(matches!(answer.status, 400 | 422), "{grants}: {}", answer.text());
        }
        let (secret, made) = admin.mint("rotating", &["runs:read"]);
        let path = format!("/api/v1/api-keys/{}/rotate", made["id"].as_str().unwrap());
        let fresh = admin.post(&path, &json!({}));
        assert!(matches!(fresh.status, 200 | 201), "{}", fresh.text());
        let fresh = fresh.json();
        assert_ne!(fresh["secret"], secret.as_str());
        assert_eq!(fresh["nickname"], "rotating");
        assert_eq!(fresh["grants"], json!(["runs:read"]));
        let new = admin.with_key(fresh["secret"].as_str().unwrap());
        new.get("/api/v1/runs").expect(200);
        wait_until("the use to be noted", || {
            let key = admin.get(&format!("/api/v1/api-keys/{}", fresh["id"].as_str().unwrap())).expect(200);
            key.get("last_used_at").is_some_and(Value::is_string).then_some(())
        });
    }

    fn the_kill_switch_holds_work_back_and_lets_it_go(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        admin.deploy("echo", &[]);
        let (secret, made) = admin.mint("paused", &["workflows:run:echo"]);
        let account = made["service_account"]["id"].as_str().unwrap();
        let key = admin.with_key(&secret);
        let suspended = admin.post(&format!("/api/v1/accounts/{account}/suspend"), &json!({}));
        assert!((200..300).contains(&suspended.status), "{}", suspended.text());
        let refused = key.post("/api/v1/workflows/echo/runs", &json!({}));
        let queued = refused.json()["run"]["id"].as_str().map(ToOwned::to_owned);
        if let Some(id) = &queued {
            assert_eq!(admin.run_object(id)["state"], "queued");
        } else {
            assert!(matches!(refused.status, 401 | 403), "{}", refused.text());
        }
        // Others go on.
        assert_eq!(admin.run("echo", &json!({}))["state"], "succeeded");
        let resumed = admin.post(&format!("/api/v1/accounts/{account}/resume"), &json!({}));
        assert!((200..300).contains(&resumed.status), "{}", resumed.text());
        if let Some(id) = &queued {
            assert_eq!(admin.wait_end(id)["state"], "succeeded");
        }
        assert_eq!(key.run("echo", &json!({}))["state"], "succeeded");
    }
}
