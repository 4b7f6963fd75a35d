//! People who reach for more: an Editor who mints, a member demoted in the middle of it, a Viewer who edits nothing.

use factotum_tests::{Browser, Server, on_both_backends};
use serde_json::json;

use super::service_accounts::refused;
use crate::invitations::joined;

/// How often each race is run.
const TRIES: usize = 100;

on_both_backends! {
    fn an_editor_mints_nothing_and_changes_no_member(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        let (ed, own) = joined(&server, "ed@example.com", &["Editor"]);
        for grants in [json!(["*:*"]), json!(["runs:read"])] {
            refused(admin, &ed.post("/api/v1/api-keys", &json!({"nickname": "eds", "grants": grants})), &[403]);
        }
        let own = format!("/api/v1/members/{own}");
        refused(admin, &ed.send("PATCH", &own, Some(&json!({"roles": ["Admin"]}))), &[403]);
        refused(admin, &ed.post("/api/v1/roles", &json!({"name": "Mine", "grants": ["*:*"]})), &[403]);
        refused(admin, &ed.post("/api/v1/members/invitations", &json!({"email": "me@example.com", "roles": ["Admin"]})), &[403]);
        refused(admin, &ed.get("/api/v1/audit"), &[403]);
        refused(admin, &ed.get("/api/v1/secrets"), &[403]);
    }

    fn a_viewer_who_edits_nothing_gains_nothing(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        admin.deploy("echo", &["kv:write"]);
        let run = admin.run("echo", &json!({}));
        let run = run["id"].as_str().unwrap();
        let (vi, _) = joined(&server, "vi@example.com", &["Viewer"]);
        vi.get(&format!("/api/v1/runs/{run}")).expect(200);
        for path in ["workflows/echo/runs".to_owned(), format!("runs/{run}/replay"), format!("runs/{run}/cancel"), "org/suspend".to_owned()] {
            refused(admin, &vi.post(&format!("/api/v1/{path}"), &json!({})), &[403]);
        }
        refused(admin, &vi.put("/api/v1/workflows/echo", &json!({"plugin": "echo@1.0.0"})), &[403]);
        refused(admin, &vi.post("/api/v1/triggers", &json!({"workflow": "echo", "kind": "webhook"})), &[403]);
        refused(admin, &vi.delete("/api/v1/workflows/echo"), &[403]);
        assert_eq!(admin.all("/api/v1/runs").len(), 1);
    }

    fn a_maker_demoted_between_check_and_commit_leaves_no_key_beyond_them(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        let grants = json!(["api-keys:create", "runs:read"]);
        admin.post("/api/v1/roles", &json!({"name": "Minter", "grants": grants})).expect(201);
        let (ann, id) = joined(&server, "ann@example.com", &["Minter"]);
        let path = format!("/api/v1/members/{id}");
        let (mut made, mut refused) = (0, 0);
        for n in 0..TRIES {
            admin.patch(&path, &json!({"roles": ["Minter"]})).expect(200);
            let minter = Browser::at(server.base());
            minter.plant(&ann.token().unwrap());
            let new = json!({"nickname": format!("annes {n}"), "grants": ["runs:read"]});
            let minted = std::thread::scope(|scope| {
                let minting = scope.spawn(move || minter.post("/api/v1/api-keys", &new));
                admin.patch(&path, &json!({"roles": ["Viewer"]})).expect(200);
                // From here on she may not, whatever was checked before.
                ann.post("/api/v1/api-keys", &json!({"nickname": "late", "grants": ["runs:read"]})).expect_problem(403, "denied");
                minting.join().unwrap()
            });
            match minted.status {
                201 => made += 1,
                403 => refused += 1,
                other => panic!("{other}: {}", minted.text()),
            }
        }
        assert_eq!(made + refused, TRIES);
        let there = admin.all("/api/v1/api-keys").iter().filter(|k| k["nickname"].as_str().unwrap().starts_with("annes")).count();
        assert_eq!(there, made, "what was answered is what there is");
    }
}
