//! Managing members. What must hold: nobody manages somebody more powerful, or gives what they lack; the last Admin stays; whoever is removed is out at
//! once, and their name stays where they acted.

use std::time::{Duration, Instant};

use factotum_tests::wait::wait_within;
use factotum_tests::{Browser, Server, on_both_backends};
use serde_json::{Value, json};

use crate::invitations::joined;
use crate::ledger::text;

/// How often two Admins demote each other.
const TRIES: usize = 100;
/// Within which whatever a removed member runs has to stop.
const STOP_WITHIN: Duration = Duration::from_secs(10);

fn path(id: &str) -> String {
    format!("/api/v1/members/{id}")
}

fn admins(server: &Server) -> Vec<String> {
    let members = server.api().all("/api/v1/members");
    members
        .iter()
        .filter(|m| m["roles"].as_array().unwrap().contains(&json!("Admin")))
        .map(|m| text(&m["id"]))
        .collect()
}

on_both_backends! {
    fn nobody_manages_somebody_more_powerful(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        let grants = ["members:read", "members:create", "members:update", "members:delete", "roles:read", "runs:read"];
        admin.post("/api/v1/roles", &json!({"name": "Host", "grants": grants})).expect(201);
        admin.post("/api/v1/roles", &json!({"name": "Guest", "grants": ["runs:read"]})).expect(201);
        let boss = admins(&server).remove(0);
        let (ann, own) = joined(&server, "ann@example.com", &["Host"]);
        let (_, bob) = joined(&server, "bob@example.com", &["Guest"]);
        let patch = |id: &str, body: Value| ann.send("PATCH", &path(id), Some(&body));

        patch(&boss, json!({"roles": ["Guest"]})).expect_problem(403, "denied");
        ann.delete(&path(&boss)).expect_problem(403, "denied");
        patch(&own, json!({"roles": ["Admin"]})).expect_problem(403, "denied");
        patch(&bob, json!({"roles": ["Guest", "Editor"]})).expect_problem(403, "denied");
        for mass in ["kind", "grants", "org_id", "deleted_at", "last_used_at", "person_id", "name"] {
            let mut body = json!({"roles": ["Guest"]});
            body[mass] = json!("x");
            patch(&bob, body).expect_problem(422, "unknown_field");
        }
        patch(&bob, json!({"roles": ["Nobody"]})).expect_problem(422, "invalid_field");
        patch(&bob, json!({})).expect_problem(422, "invalid_field");
        let denied = admin.audit(&format!("outcome=denied&account={own}"));
        assert!(denied.len() >= 13, "{}: {denied:?}", denied.len());

        assert_eq!(patch(&bob, json!({"roles": ["Host", "Guest"]})).expect(200)["roles"], json!(["Guest", "Host"]));
        assert_eq!(patch(&bob, json!({"roles": []})).expect(200)["roles"], json!([]));
        ann.delete(&path(&bob)).expect(204);
        ann.get(&path(&bob)).expect_problem(404, "not_found");

        let theirs = admin.with_key(&server.bootstrap("Other", "other@example.com").unwrap());
        theirs.get(&path(&own)).expect_problem(404, "not_found");
        theirs.patch(&path(&own), &json!({"roles": ["Admin"]})).expect_problem(404, "not_found");
        theirs.delete(&path(&own)).expect_problem(404, "not_found");
    }

    fn the_last_admin_stays(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        let boss = admins(&server).remove(0);
        admin.patch(&path(&boss), &json!({"roles": ["Editor", "Viewer"]})).expect_problem(409, "conflict");
        admin.patch(&path(&boss), &json!({"roles": []})).expect_problem(409, "conflict");
        admin.delete(&path(&boss)).expect_problem(409, "conflict");
        let denied = admin.audit("outcome=denied");
        assert_eq!(denied.iter().filter(|e| e["action"] == "member.update" || e["action"] == "member.delete").count(), 3);
        // A role of one's own that allows everything makes an Admin as well, as long as it does.
        let root = admin.post("/api/v1/roles", &json!({"name": "Root", "grants": ["*:*"]})).expect(201);
        admin.patch(&path(&boss), &json!({"roles": ["Root"]})).expect(200);
        let role = format!("/api/v1/roles/{}", text(&root["id"]));
        admin.patch(&role, &json!({"grants": ["members:read"]})).expect_problem(409, "conflict");
        admin.delete(&role).expect_problem(409, "conflict");
        admin.delete(&path(&boss)).expect_problem(409, "conflict");
        let (_, other) = joined(&server, "ann@example.com", &["Admin"]);
        admin.delete(&path(&boss)).expect(204);
        admin.delete(&path(&other)).expect_problem(409, "conflict");
    }

    fn two_admins_who_demote_each_other_at_the_same_moment_leave_one(backend: Backend) {
        let server = Server::start(backend);
        let (ann, a) = joined(&server, "ann@example.com", &["Admin"]);
        let (bob, b) = joined(&server, "bob@example.com", &["Admin"]);
        let boss = admins(&server).into_iter().find(|id| *id != a && *id != b).unwrap();
        server.api().patch(&path(&boss), &json!({"roles": ["Viewer"]})).expect(200);
        for round in 0..TRIES {
            let demote = |who: &Browser, whom: &str| {
                let (own, whom) = (Browser::at(server.base()), path(whom));
                own.plant(&who.token().unwrap());
                move || own.send("PATCH", &whom, Some(&json!({"roles": ["Viewer"]}))).status
            };
            let (first, second) = (demote(&ann, &b), demote(&bob, &a));
            let (first, second) = std::thread::scope(|scope| {
                let (first, second) = (scope.spawn(first), scope.spawn(second));
                (first.join().unwrap(), second.join().unwrap())
            });
            let left = admins(&server);
            assert_eq!(left.len(), 1, "round {round}: {first} and {second}");
            // Whoever comes second is no Admin any more.
            assert_eq!([first, second].iter().filter(|status| **status == 200).count(), 1, "{first} and {second}");
            assert!([first, second].contains(&403), "{first} and {second}");
            for id in [&a, &b] {
                server.api().patch(&path(id), &json!({"roles": ["Admin"]})).expect(200);
            }
        }
    }

    fn a_removed_member_is_out_at_once_and_keeps_their_name(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        admin.deploy("spin", &[]);
        let limits = json!({"limits": {"wall_ms": 60_000, "cpu_ms": 60_000}, "concurrency": 1});
        admin.workflow("spin", "spin", &limits);
        let (ann, id) = joined(&server, "ann@example.com", &["Admin"]);
        let key = ann.post("/api/v1/api-keys", &json!({"nickname": "annes", "grants": ["runs:read"]})).expect(201);
        let run = |_| text(&ann.post("/api/v1/workflows/spin/runs", &json!({})).expect(202)["run"]["id"]);
        let runs: Vec<String> = (0..2).map(run).collect();
        admin.wait_state(&runs[0], &["running"]);

        admin.delete(&path(&id)).expect(204);
        let removed = Instant::now();
        ann.get("/api/v1/me").expect_problem(401, "unauthenticated");
        Browser::at(server.base()).log_in("ann@example.com", "seven grey herons on a wire").expect_problem(401, "log_in_failed");
        for run in &runs {
            let run = wait_within(STOP_WITHIN.saturating_sub(removed.elapsed()), "the run to stop", || {
                let run = admin.run_object(run);
                (run["state"] == "cancelled").then_some(run)
            });
            assert_eq!((&run["outcome"]["error"]["code"], &run["principal"]["name"]), (&json!("revoked"), &json!("ann")), "{run}");
        }
        admin.delete(&path(&id)).expect_problem(404, "not_found");
        let trail = admin.audit(&format!("account={id}"));
        assert!(trail.len() >= 4 && trail.iter().all(|e| e["actor"]["name"] == "ann" || e["actor"]["kind"] == "api_key"), "{trail:?}");
        admin.with_key(&text(&key["secret"])).get("/api/v1/runs").expect(200);
        let again = admin.post("/api/v1/members/invitations", &json!({"email": "ann@example.com", "roles": ["Viewer"]})).expect(201);
        let token = crate::invitations::token(&again);
        let back = ann.post("/api/v1/invitations/accept", &json!({"token": token, "password": "seven grey herons on a wire"})).expect(201);
        assert_ne!(back["id"], id.as_str());
        assert_eq!(ann.get("/api/v1/me").expect(200)["name"], "ann");
    }
}
