//! I1–I5: the base service account.

use factotum_tests::{Api, Server, on_both_backends, wait_until};
use serde_json::{Value, json};

/// The base accounts that Members shows.
fn bases(api: &Api) -> Vec<Value> {
    let mut all = api.all("/api/v1/members?service=true");
    all.retain(|m| m["kind"] == "base");
    all
}

on_both_backends! {
    fn i1_every_organization_has_exactly_one_base_service_account(backend: Backend) {
        let mut server = Server::start(backend);
        let second = server.bootstrap("Second", "second@example.com").unwrap();
        server.kill();
        server.resume().unwrap();
        let (one, two) = (bases(server.api()), bases(&server.api().with_key(&second)));
        assert_eq!((one.len(), two.len()), (1, 1));
        assert_ne!(one[0]["id"], two[0]["id"]);
    }

    fn i2_the_base_account_may_do_everything(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        let all = json!(["kv:read", "kv:write", "http:request", "secrets:use", "mail:send", "workflows:run"]);
        api.upload("echo");
        api.workflow("all", "echo", &json!({"grants": all}));
        let hook = api.webhook("all", &json!({"reply": "outcome"}));
        server.stranger().post(&hook, &json!({})).expect(200);
        let run = api.all("/api/v1/runs?workflow=all").remove(0);
        assert_eq!(run["principal"]["kind"], "base");
        assert_eq!(run["missing_grants"], json!([]), "whatever a workflow declares, it has: {run}");
    }

    fn i3_i4_the_base_account_cannot_be_deleted_or_modified(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        let before = bases(api).remove(0);
        let path = format!("/api/v1/members/{}", before["id"].as_str().unwrap());
        api.delete(&path).expect_problem(409, "service_account_immutable");
        api.patch(&path, &json!({"roles": ["Viewer"]})).expect_problem(409, "service_account_immutable");
        for change in [json!({"name": "Root"}), json!({"kind": "member"}), json!({"grants": []}), json!({"deleted_at": null})] {
            let answer = api.patch(&path, &change);
            assert!(matches!(answer.status, 409 | 422), "{change}: {}", answer.text());
        }
        assert_eq!(bases(api), [before], "nothing has changed");
        let denied = api.audit("outcome=denied");
        assert!(denied.len() >= 6, "each try is on the record: {denied:?}");
    }

    fn i5_triggers_run_as_it_and_survive_whoever_made_them(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.upload("echo");
        // Somebody's key sets everything up, and goes.
        let grants = ["workflows:create", "workflows:read", "triggers:create"];
        let (secret, made) = api.mint("contractor", &grants);
        let contractor = api.with_key(&secret);
        contractor.workflow("echo", "echo", &json!({}));
        let hook = contractor.webhook("echo", &json!({"reply": "outcome"}));
        let every_second = json!({"cron": "* * * * * *", "timezone": "UTC"});
        let schedule = contractor.trigger("echo", "schedule", &every_second);
        api.delete(&format!("/api/v1/api-keys/{}", made["id"].as_str().unwrap())).expect(204);
        contractor.get("/api/v1/me").expect_problem(401, "unauthenticated");

        server.stranger().post(&hook, &json!({})).expect(200);
        let path = format!("/api/v1/runs?trigger={}", schedule["id"].as_str().unwrap());
        wait_until("a firing after its maker has gone", || {
            let runs = api.all(&path);
            runs.iter().any(|r| r["state"] == "succeeded").then_some(())
        });
        for run in api.all("/api/v1/runs?workflow=echo") {
            assert_eq!(run["principal"]["kind"], "base", "{run}");
            assert_eq!(run["principal"]["name"], "Service Account");
        }
    }
}
