//! Borrowed rights: the base account is a confused deputy by nature, and whoever can shape what it runs must hold what it may do.

use factotum_tests::{Server, on_both_backends};
use serde_json::json;

use super::service_accounts::refused;

on_both_backends! {
    fn a_payload_cannot_claim_an_actor_an_account_or_a_run(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        admin.deploy("echo", &[]);
        let claims = json!({
            "run": {"id": "run_00000000000000000000000000000001", "principal": {"kind": "member", "name": "root"}},
            "principal": {"id": "acc_00000000000000000000000000000001", "kind": "base", "name": "Service Account"},
            "account_id": "acc_00000000000000000000000000000001", "actor": "root", "authority": ["*:*"], "initiator": {"kind": "system"},
        });
        let (secret, made) = admin.mint("caller", &["workflows:run:echo"]);
        let run = admin.with_key(&secret).run("echo", &claims);
        assert_eq!(run["principal"]["id"], made["service_account"]["id"]);
        assert_eq!(run["initiator"]["kind"], "api");
        assert_eq!(run["authority"], json!([]));
        let hook = admin.webhook("echo", &json!({"reply": "outcome"}));
        let headers = [
            ("content-type", "application/json"),
            ("x-factotum-account", "acc_00000000000000000000000000000001"),
            ("x-request-id", "req_00000000000000000000000000000001"),
        ];
        let answer = server.stranger().send("POST", &hook, &headers, claims.to_string().as_bytes()).unwrap();
        answer.expect(200);
        let id = answer.header("factotum-run").map(ToOwned::to_owned);
        let runs = admin.all("/api/v1/runs?workflow=echo");
        assert!(runs.iter().all(|r| r["id"] != "run_00000000000000000000000000000001"), "{id:?}");
        let entries = admin.audit("action=event.accept");
        assert!(entries.iter().all(|e| e["request_id"] != "req_00000000000000000000000000000001"), "{entries:?}");
    }

    fn who_cannot_do_it_cannot_have_a_workflow_do_it(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        admin.deploy("echo", &[]);
        admin.upload("kvtest");
        admin.workflow("strong", "echo", &json!({"grants": ["kv:write", "http:request:bank.example.com"]}));
        let (secret, _) = admin.mint("builder", &["workflows:create", "workflows:update", "workflows:read", "triggers:create", "plugins:read", "kv:read"]);
        let builder = admin.with_key(&secret);
        for (name, body) in [
            ("mine", json!({"plugin": "echo@1.0.0", "grants": ["kv:write"]})),
            ("mine", json!({"plugin": "echo@1.0.0", "grants": ["*:*"]})),
            ("strong", json!({"plugin": "kvtest@1.0.0", "grants": ["kv:write", "http:request:bank.example.com"]})),
            ("strong", json!({"plugin": "echo@1.0.0", "grants": ["kv:write"], "config": {"to": "me"}})),
        ] {
            refused(admin, &builder.put(&format!("/api/v1/workflows/{name}"), &body), &[403]);
        }
        for kind in ["webhook", "schedule"] {
            let config = if kind == "webhook" { json!({}) } else { json!({"cron": "0 0 * * *", "timezone": "UTC"}) };
            let trigger = json!({"workflow": "strong", "kind": kind, "config": config});
            refused(admin, &builder.post("/api/v1/triggers", &trigger), &[403]);
        }
        assert_eq!(admin.get("/api/v1/workflows/strong").expect(200)["version"], 1, "nothing has changed");
        assert!(admin.all("/api/v1/triggers").is_empty());
        builder.put("/api/v1/workflows/mine", &json!({"plugin": "echo@1.0.0", "grants": ["kv:read"]})).expect(201);
    }

    fn who_only_reads_gains_nothing_by_running(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        admin.deploy("echo", &["kv:write"]);
        let viewer = ["workflows:read", "triggers:read", "runs:read", "events:read", "members:read"];
        let (secret, _) = admin.mint("viewer", &viewer);
        let viewer = admin.with_key(&secret);
        refused(admin, &viewer.post("/api/v1/workflows/echo/runs", &json!({})), &[403]);
        let run = admin.run("echo", &json!({}));
        let id = run["id"].as_str().unwrap();
        refused(admin, &viewer.post(&format!("/api/v1/runs/{id}/replay"), &json!({})), &[403]);
        refused(admin, &viewer.post(&format!("/api/v1/runs/{id}/cancel"), &json!({})), &[403]);
        refused(admin, &viewer.delete("/api/v1/workflows/echo"), &[403]);
        refused(admin, &viewer.post("/api/v1/org/suspend", &json!({})), &[403]);
    }
}
