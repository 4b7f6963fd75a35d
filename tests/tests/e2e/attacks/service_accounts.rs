//! Base and key accounts, through every door of Members and the kill switch.

use factotum_tests::{Api, Server, on_both_backends};
use serde_json::{Value, json};

/// That the answer refuses, and the trail has it.
#[track_caller]
pub(super) fn refused(admin: &Api, answer: &factotum_tests::Answer, statuses: &[u16]) {
    assert!(statuses.contains(&answer.status), "{}: {}", answer.status, answer.text());
    let request = answer.json()["request_id"].clone();
    let denied = admin.audit("outcome=denied");
    assert!(denied.iter().any(|e| e["request_id"] == request), "not on the record: {}", answer.text());
}

fn service_accounts(admin: &Api) -> Vec<Value> {
    let mut all = admin.all("/api/v1/members?service=true");
    all.retain(|m| m["kind"] != "member");
    all
}

on_both_backends! {
    fn delete_rename_re_role_and_kind_flip(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        admin.mint("robot", &["runs:read"]);
        // Fewer tries than are written one by one within a minute: beyond that they are counted.
        let before = service_accounts(admin);
        assert_eq!(before.len(), 3, "the base account, the tests' key and the robot");
        for account in &before {
            let path = format!("/api/v1/members/{}", account["id"].as_str().unwrap());
            refused(admin, &admin.delete(&path), &[409]);
            for change in [
                json!({"roles": ["Admin"]}),
                json!({"name": "Somebody Else"}),
                json!({"kind": "member"}),
                json!({"grants": ["*:*"]}),
                json!({"deleted_at": "2026-01-01T00:00:00Z"}),
            ] {
                refused(admin, &admin.patch(&path, &change), &[409, 422]);
            }
        }
        assert_eq!(service_accounts(admin), before, "nothing has changed");
    }

    fn mass_assignment_when_a_key_is_made(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        for extra in ["org_id", "kind", "account_id", "deleted_at", "revoked_at", "last_used_at", "created_by", "secret", "id"] {
            let mut new = json!({"nickname": "extra", "grants": ["runs:read"]});
            new[extra] = json!("x");
            refused(admin, &admin.post("/api/v1/api-keys", &new), &[422]);
        }
        assert!(admin.all("/api/v1/api-keys").iter().all(|k| k["nickname"] != "extra"));
    }
}
