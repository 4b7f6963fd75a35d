//! The audit trail cannot be written: then nothing is done. What must hold: each route of the OpenAPI document, each trigger and each command on the
//! server's machine, asked for what would succeed, fails as the server's fault and changes nothing; once the trail can be written, the same succeeds.
//! The routes are those of the document, so that a new one without a request of its own fails here.

mod requests;
mod world;

use std::collections::BTreeSet;

use factotum_tests::browser::PASSWORD;
use factotum_tests::owner::difference;
use factotum_tests::{Answer, Browser, Owner, Server, Settings, in_seconds, on_both_backends, wait_until};
use serde_json::{Value, json};

use crate::ledger::text;
use world::World;

/// What is no action: what nodes tell each other, when something was last seen, log-ins that have not come back, and what follows the trail: how workflows do by
/// it, and messages about it, which leave only on the record.
const NO_ACTION: &[&str] = &[
    "_sqlx_migrations",
    "nodes",
    "signals",
    "oidc_flows",
    "api_keys.last_used_*",
    "sessions.last_seen_*",
    "schedules.next_at",
    "schedules.decided_at",
    "audit_*",
    "workflow_failures",
    "notices",
];

/// The operation, as the document has it.
struct Operation {
    id: String,
    method: String,
    path: String,
    by_session: bool,
}

fn operations(server: &Server) -> Vec<Operation> {
    let document = server.stranger().get("/api/v1/openapi.json").expect(200);
    let mut found: Vec<Operation> = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let security = operation["security"].as_array().unwrap();
            found.push(Operation {
                id: text(&operation["operationId"]),
                method: method.to_uppercase(),
                path: path.clone(),
                by_session: security.len() == 1 && security[0].get("session").is_some(),
            });
        }
    }
    // It succeeds before there is an organization alone: below.
    found.retain(|operation| operation.id != "setUp");
    found
}

/// That the server says that it failed, in the form of every problem.
#[track_caller]
fn failed(what: &str, answer: &Answer) {
    assert!(matches!(answer.status, 500 | 503), "{what}: {} {}", answer.status, answer.text());
    let kind = answer.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("application/problem+json"), "{what}: {kind}");
}

fn entries_of_requests(world: &World) -> BTreeSet<String> {
    let trail = world.server.api().audit("");
    trail.iter().filter_map(|entry| entry["request_id"].as_str().map(ToOwned::to_owned)).collect()
}

on_both_backends! {
    fn no_route_does_anything_that_cannot_be_recorded(backend: Backend) {
        let world = World::new(backend);
        let owner = Owner::of(&world.server);
        let operations = operations(&world.server);
        let entries = |owner: &Owner| {
            ["audit_entries", "audit_personal"].map(|table| owner.sql(&format!("SELECT count(*) FROM {table}")).unwrap())
        };

        owner.close("audit_entries").unwrap();
        let before = (owner.dump(NO_ACTION).unwrap(), entries(&owner));
        let refused: Vec<Answer> = operations.iter().map(|operation| requests::ask(&world, operation)).collect();
        // A refusal that cannot be recorded is none.
        let (_, narrow) = &world.narrow;
        failed("a denial", &narrow.get("/api/v1/audit"));
        failed("a wrong password", &Browser::at(world.server.base()).log_in("admin@example.com", "not the right one"));
        assert!(world.mail("the second").starts_with("451 "), "it was not taken, so it was not said to be");
        world.commands(false);
        world.wait_for_the_clock();
        let after = (owner.dump(NO_ACTION).unwrap(), entries(&owner));
        let changed = difference(&before.0, &after.0);
        assert!(changed.is_empty(), "{changed:#?}");
        assert_eq!(before.1, after.1);
        // No letter went out either, and nothing is remembered that did not happen.
        assert_eq!(world.letters().len(), world.letters_at_the_start);
        owner.open("audit_entries").unwrap();
        world.is_as_it_was();
        let reopened = Some(in_seconds(0));

        let done: Vec<Answer> = operations.iter().map(|operation| requests::ask(&world, operation)).collect();
        world.commands(true);
        assert_eq!(world.mail("the second"), "250 2.0.0");
        let recorded = entries_of_requests(&world);
        let mut on_record = 0;
        for (operation, (refused, done)) in operations.iter().zip(refused.iter().zip(&done)) {
            let what = format!("{} {} ({})", operation.method, operation.path, operation.id);
            assert!(done.status < 400, "{what} does not succeed, so it shows nothing: {} {}", done.status, done.text());
            if recorded.contains(done.header("x-request-id").unwrap()) {
                failed(&what, refused);
                on_record += 1;
            } else {
                assert_eq!(refused.status, done.status, "{what} leaves no entry: {}", refused.text());
                assert!(operation.method == "GET" || requests::LEAVES_NO_ENTRY.contains(&operation.id.as_str()), "{what} leaves no entry");
            }
        }
        assert!(on_record >= 50, "only {on_record} of {} leave an entry", operations.len());
        // What the provider had a part in was done as well, and the dumps would have told.
        for (action, times) in [("identity.link", 1), ("invitation.accept", 2)] {
            let all = world.server.api().audit(&format!("action={action}&outcome=ok"));
            let since = all.iter().filter(|entry| entry["at"].as_str() > reopened.as_deref());
            assert_eq!(since.count(), times, "{action}");
        }
        let tables: BTreeSet<String> = difference(&after.0, &owner.dump(NO_ACTION).unwrap())
            .iter()
            .filter_map(|line| line.split_once(':').map(|(table, _)| table.to_owned()))
            .collect();
        assert!(tables.len() >= 15, "only these have changed: {tables:?}");
        world.the_clock_was_heard();
    }

    fn a_run_that_cannot_be_recorded_does_not_end(backend: Backend) {
        let server = Server::start(backend);
        let (api, owner) = (server.api(), Owner::of(&server));
        api.deploy("sleeper", &[]);
        let run = text(&api.begin("sleeper", &json!({"ms": 1_500})));
        api.wait_state(&run, &["running"]);
        owner.close("audit_entries").unwrap();
        wait_until("the end that cannot be written", || server.log().contains("the attempt's end").then_some(()));
        assert_eq!(api.run_object(&run)["state"], "running");
        owner.open("audit_entries").unwrap();
        assert_eq!(api.wait_end(&run)["state"], "succeeded");
        assert_eq!(api.audit(&format!("run={run}&action=run.succeed")).len(), 1);
    }

    fn the_first_start_makes_no_organization_off_the_record(backend: Backend) {
        let server = Server::empty(Settings::on(backend).unwrap()).unwrap();
        let owner = Owner::of(&server);
        let log = server.log();
        let token: String = log.split("/setup#token=").nth(1).unwrap().chars().take(43).collect();
        let asked = json!({"token": token, "org": "Acme", "name": "Ann", "email": "ann@example.com", "password": PASSWORD});
        let browser = Browser::at(server.base());
        owner.close("audit_entries").unwrap();
        let before = owner.dump(NO_ACTION).unwrap();
        failed("the set-up", &browser.post("/api/v1/setup", &asked));
        let args = ["bootstrap", "--org", "Acme", "--email", "ann@example.com", "--password-stdin"];
        assert!(!server.admin(&args, PASSWORD).unwrap().status.success());
        let changed = difference(&before, &owner.dump(NO_ACTION).unwrap());
        assert!(changed.is_empty() && browser.token().is_none(), "{changed:#?}");
        owner.open("audit_entries").unwrap();
        let made = browser.post("/api/v1/setup", &asked).expect(200);
        assert_ne!(made["org"], Value::Null);
    }
}
