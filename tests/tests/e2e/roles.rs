//! Roles of one's own. What must hold: nobody makes or changes a role beyond what they hold; no name passes for a built-in role's; what a role allows
//! changes for its members at once.

use factotum_tests::{Server, on_both_backends};
use serde_json::json;

use crate::invitations::joined;
use crate::ledger::text;

on_both_backends! {
    fn a_role_is_made_given_changed_and_deleted(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        let names = |of: &str| admin.all(of).iter().map(|role| text(&role["name"])).collect::<Vec<_>>();
        assert_eq!(names("/api/v1/roles"), ["Admin", "Editor", "Viewer"]);
        let made = admin.post("/api/v1/roles", &json!({"name": "Auditor", "grants": ["audit:read", "runs:read"]})).expect(201);
        assert_eq!((&made["built_in"], &made["members"]), (&json!(false), &json!(0)));
        let (ann, id) = joined(&server, "ann@example.com", &["Auditor"]);
        ann.get("/api/v1/audit").expect(200);
        ann.get("/api/v1/workflows").expect_problem(403, "denied");
        let path = format!("/api/v1/roles/{}", text(&made["id"]));
        assert_eq!(admin.get(&path).expect(200)["members"], 1);
        let changed = admin.patch(&path, &json!({"name": "Reader", "grants": ["workflows:read"]})).expect(200);
        assert_eq!((&changed["name"], &changed["grants"]), (&json!("Reader"), &json!(["workflows:read"])));
        ann.get("/api/v1/workflows").expect(200);
        ann.get("/api/v1/audit").expect_problem(403, "denied");

        admin.delete(&path).expect_problem(409, "conflict");
        admin.patch(&format!("/api/v1/members/{id}"), &json!({"roles": ["Viewer"]})).expect(200);
        let invited = admin.post("/api/v1/members/invitations", &json!({"email": "bob@example.com", "roles": [made["id"]]})).expect(201);
        admin.delete(&path).expect_problem(409, "conflict");
        admin.delete(&format!("/api/v1/members/invitations/{}", text(&invited["id"]))).expect(204);
        admin.delete(&path).expect(204);
        admin.get(&path).expect_problem(404, "not_found");
        assert_eq!(names("/api/v1/roles"), ["Admin", "Editor", "Viewer"]);
    }

    fn a_role_beyond_ones_own_grants_or_with_a_borrowed_name_is_refused_and_recorded(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        let made = admin.post("/api/v1/roles", &json!({"name": "Operator", "grants": ["runs:read", "runs:cancel"]})).expect(201);
        let own = format!("/api/v1/roles/{}", text(&made["id"]));
        let before = admin.audit("outcome=denied").len();
        let mut tried = 0;
        let (secret, _) = admin.mint("narrow", &["roles:create", "roles:update", "roles:delete", "roles:read", "runs:read"]);
        let narrow = admin.with_key(&secret);
        narrow.post("/api/v1/roles", &json!({"name": "Root", "grants": ["*:*"]})).expect_problem(403, "denied");
        narrow.post("/api/v1/roles", &json!({"name": "More", "grants": ["runs:read", "kv:read"]})).expect_problem(403, "denied");
        narrow.patch(&own, &json!({"grants": ["runs:read"]})).expect_problem(403, "denied");
        narrow.delete(&own).expect_problem(403, "denied");
        tried += 4;
        for name in ["Admin", "аdmin", "ＥＤＩＴＯＲ", "viewer", "Service Account", "a\u{202e}b", "a\nb", "", " x", &"x".repeat(81)] {
            admin.post("/api/v1/roles", &json!({"name": name, "grants": ["runs:read"]})).expect_problem(422, "invalid_field");
            admin.patch(&own, &json!({"name": name})).expect_problem(422, "invalid_field");
            tried += 2;
        }
        for name in ["Operator", "operatоr", "OPERATOR"] {
            admin.post("/api/v1/roles", &json!({"name": name, "grants": ["runs:read"]})).expect_problem(409, "conflict");
            tried += 1;
        }
        admin.patch(&own, &json!({"name": "operator"})).expect(200);
        for grants in [json!([]), json!(["runs:read", "runs:read"]), json!(["runs:fly"]), json!("*:*")] {
            admin.post("/api/v1/roles", &json!({"name": "Bad", "grants": grants})).expect(422);
            tried += 1;
        }
        for mass in [json!({"built_in": true}), json!({"org_id": "org_0"}), json!({"members": []}), json!({"id": "rol_0"})] {
            admin.patch(&own, &mass).expect_problem(422, "unknown_field");
            tried += 1;
        }
        for role in admin.all("/api/v1/roles").iter().filter(|role| role["built_in"] == true) {
            let path = format!("/api/v1/roles/{}", text(&role["id"]));
            admin.patch(&path, &json!({"grants": ["runs:read"]})).expect_problem(409, "conflict");
            admin.delete(&path).expect_problem(409, "conflict");
            tried += 2;
        }
        let theirs = admin.with_key(&server.bootstrap("Other", "other@example.com").unwrap());
        theirs.get(&own).expect_problem(404, "not_found");
        theirs.patch(&own, &json!({"name": "Mine"})).expect_problem(404, "not_found");
        theirs.delete(&own).expect_problem(404, "not_found");
        let theirs = theirs.post("/api/v1/members/invitations", &json!({"email": "x@example.com", "roles": [made["id"]]}));
        theirs.expect_problem(422, "invalid_field");
        // Many equal refusals are counted into one entry; the first twenty of a kind stand for themselves.
        assert!(admin.audit("outcome=denied").len() - before >= tried.min(40), "{tried}");
    }
}
