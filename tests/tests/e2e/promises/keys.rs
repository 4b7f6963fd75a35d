//! I6–I10, I12–I15: API keys and their service accounts.

use factotum_tests::{Api, Server, in_seconds, on_both_backends, wait_until};
use serde_json::{Value, json};

fn member(api: &Api, id: &str) -> Option<Value> {
    api.all("/api/v1/members?service=true").into_iter().find(|m| m["id"] == id)
}

on_both_backends! {
    fn i6_i7_i8_a_key_has_its_account_with_its_name_and_its_grants(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        let (secret, made) = api.mint("nightly import", &["runs:read", "events:read"]);
        let account = made["service_account"]["id"].as_str().unwrap();
        let shown = member(api, account).expect("the account is there with its key");
        assert_eq!((&shown["name"], &shown["kind"]), (&json!("nightly import"), &json!("api_key")));
        let me = api.with_key(&secret).get("/api/v1/me").expect(200);
        assert_eq!(me["id"], account);
        let mut grants: Vec<_> = me["grants"].as_array().unwrap().iter().map(|g| g.as_str().unwrap()).collect();
        grants.sort_unstable();
        assert_eq!(grants, ["events:read", "runs:read"]);
    }

    fn i9_the_account_goes_with_its_key_revoked_or_expired(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        let (_, revoked) = api.mint("revoked", &["runs:read"]);
        let soon = in_seconds(2);
        let new = json!({"nickname": "brief", "grants": ["runs:read"], "expires_at": soon});
        let brief = api.post("/api/v1/api-keys", &new).expect(201);
        let account = |made: &Value| made["service_account"]["id"].as_str().unwrap().to_owned();
        assert!(member(api, &account(&revoked)).is_some() && member(api, &account(&brief)).is_some());
        api.delete(&format!("/api/v1/api-keys/{}", revoked["id"].as_str().unwrap())).expect(204);
        assert!(member(api, &account(&revoked)).is_none());
        wait_until("the expired key to be reaped", || member(api, &account(&brief)).is_none().then_some(()));
        let reaped = api.audit("action=api_key.expire");
        // I20: the system acts as the base account.
        assert!(
            reaped.iter().any(|e| e["actor"]["kind"] == "base" && e["initiator"]["kind"] == "system"),
            "{reaped:?}"
        );
    }

    fn i10_a_request_runs_as_the_keys_account_with_its_permissions(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy("kvtest", &["kv:read", "kv:write"]);
        let (secret, made) = api.mint("reader", &["workflows:run:kvtest", "kv:read"]);
        let run = api.with_key(&secret).run("kvtest", &json!({"ops": [{"op": "set", "key": "a", "value": "b"}]}));
        assert_eq!(run["principal"]["id"], made["service_account"]["id"]);
        assert_eq!(run["authority"], json!(["kv:read"]), "its grants ∩ the workflow's");
        assert_eq!(run["missing_grants"], json!(["kv:write"]));
        let id = run["id"].as_str().unwrap();
        let denied = api.audit(&format!("run={id}&outcome=denied"));
        assert!(denied.iter().any(|e| e["actor"]["name"] == "reader"), "{denied:?}");
    }

    fn i13_a_service_account_goes_only_through_its_source(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        let (secret, made) = api.mint("robot", &["runs:read"]);
        let path = format!("/api/v1/members/{}", made["service_account"]["id"].as_str().unwrap());
        let refusal = api.delete(&path).expect_problem(409, "service_account_immutable");
        assert!(refusal["detail"].as_str().unwrap().contains("revoke the key"), "it says what to do: {refusal}");
        api.with_key(&secret).get("/api/v1/runs").expect(200);
        assert!(!api.audit("action=member.delete&outcome=denied").is_empty());
    }

    fn i14_to_change_a_keys_permissions_one_rotates_it(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        let (old, made) = api.mint("deploy", &["runs:read"]);
        let path = format!("/api/v1/api-keys/{}", made["id"].as_str().unwrap());
        assert_eq!(api.patch(&path, &json!({"grants": ["*:*"]})).status, 405, "there is no changing");
        let more = json!({"grants": ["runs:read", "events:read"], "overlap_s": 3_600});
        let new = api.post(&format!("{path}/rotate"), &more).expect(201);
        assert_eq!(new["nickname"], "deploy");
        assert_ne!(new["service_account"]["id"], made["service_account"]["id"], "a new key, a new account");
        let fresh = api.with_key(new["secret"].as_str().unwrap());
        fresh.get("/api/v1/runs").expect(200);
        api.with_key(&old).get("/api/v1/runs").expect(200);
        let old_grants = api.with_key(&old).get("/api/v1/me").expect(200)["grants"].clone();
        assert_eq!(old_grants, json!(["runs:read"]), "the old one gained nothing");
        assert!(api.get(&path).expect(200)["expires_at"].is_string(), "and it ends");
    }

    fn i15_keys_show_when_and_from_where_they_were_last_used(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        let (secret, used) = api.mint("used", &["runs:read"]);
        let (_, idle) = api.mint("idle", &["runs:read"]);
        let moment = in_seconds(0);
        api.with_key(&secret).get("/api/v1/runs").expect(200);
        let shown = api.get(&format!("/api/v1/api-keys/{}", used["id"].as_str().unwrap())).expect(200);
        assert_eq!(shown["last_used_from"], "127.0.0.1");
        assert!(shown["last_used_at"].as_str().unwrap() >= moment.as_str(), "{shown}");
        // The moment has passed for both, by the clock of the answers.
        let unused = wait_until("a moment to pass", || {
            let unused = api.all(&format!("/api/v1/api-keys?unused_since={moment}"));
            unused.iter().any(|k| k["id"] == idle["id"]).then_some(unused)
        });
        assert!(!unused.iter().any(|k| k["id"] == used["id"]), "{unused:?}");
    }
}
