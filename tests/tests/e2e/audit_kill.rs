//! `kill -9` at random points of many actions. What must hold: what is in the tables and what is in the trail match one to one, whatever the
//! client was told; what it was told is there; a letter that was announced and whose end is not known is shown so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use factotum_tests::backend::soak;
use factotum_tests::postgres::random_word;
use factotum_tests::{Api, Owner, Server, on_both_backends};
use serde_json::{Value, json};

use crate::invitations::token;
use crate::ledger::{self, text};

/// Clients at once.
const CLIENTS: usize = 6;

/// The kinds of actions that leave a row of their own.
const KINDS: usize = 12;

/// What the clients share.
struct Load {
    /// The base of the server.
    api: Api,
    stranger: Api,
    hook: String,
    /// A number for each thing's name.
    next: AtomicUsize,
    /// Answers that said yes.
    done: AtomicUsize,
    /// At so many of them the server is killed.
    until: usize,
    process: rustix::process::Pid,
    /// What was acknowledged: action and id or name.
    told: Mutex<BTreeSet<(&'static str, String)>>,
}

impl Load {
    /// Sends a request; `None` once the server is gone.
    fn ask(&self, api: &Api, method: &str, path: &str, body: &Value) -> Option<Value> {
        let bytes = if method == "DELETE" { Vec::new() } else { body.to_string().into_bytes() };
        let answer = api.send(method, path, &[("content-type", "application/json")], &bytes).ok()?;
        assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.text());
        if self.done.fetch_add(1, Ordering::SeqCst) + 1 == self.until {
            rustix::process::kill_process(self.process, rustix::process::Signal::KILL).unwrap();
        }
        Some(answer.json())
    }

    fn told(&self, action: &'static str, of: &str) {
        self.told.lock().unwrap().insert((action, of.to_owned()));
    }

    fn made(&self, action: &'static str, path: &str, body: &Value) -> Option<Value> {
        let made = self.ask(&self.api, "POST", path, body)?;
        self.told(action, &text(&made));
        Some(made)
    }

    fn gone(&self, action: &'static str, path: &str, id: &str) -> Option<()> {
        self.ask(&self.api, "DELETE", &format!("{path}/{id}"), &Value::Null)?;
        self.told(action, id);
        Some(())
    }

    /// One thing of each kind, from its making to its end.
    fn round(&self) -> Option<()> {
        let n = self.next.fetch_add(1, Ordering::SeqCst);
        let key = self.made(
            "api_key.create",
            "/api/v1/api-keys",
            &json!({"nickname": format!("key-{n}"), "grants": ["workflows:run"]}),
        )?;
        if n.is_multiple_of(4) {
            // Not in every round: an organization has 100 roles at the most, and each kill leaves some behind.
            let role = json!({"name": format!("Role {n}"), "grants": ["runs:read"]});
            let role = self.made("role.create", "/api/v1/roles", &role)?;
            self.gone("role.delete", "/api/v1/roles", &text(&role))?;
        }
        let hook = json!({"workflow": "echo", "kind": "webhook", "config": {}});
        let trigger = self.made("trigger.create", "/api/v1/triggers", &hook)?;
        let asked = json!({"email": format!("p{n}@example.com"), "roles": ["Viewer"]});
        let invitation = self.made("invitation.create", "/api/v1/members/invitations", &asked)?;
        let secret = format!("secret-{n}");
        self.ask(&self.api, "PUT", &format!("/api/v1/secrets/{secret}"), &json!({"value": "x"}))?;
        self.told("secret.create", &secret);
        let workflow = json!({"plugin": "echo@1.0.0", "grants": []});
        let made = self.ask(&self.api, "PUT", &format!("/api/v1/workflows/flow-{n}"), &workflow)?;
        self.told("workflow.create", &text(&made));
        let run = self.ask(&self.api, "POST", "/api/v1/workflows/echo/runs", &json!({"n": n}))?;
        self.told("workflow.run", &text(&run["run"]));
        let run = self.ask(&self.stranger, "POST", &self.hook, &json!({"n": n}))?;
        self.told("event.accept", &text(&run["run"]));
        // Some of each stay.
        if n.is_multiple_of(3) {
            return Some(());
        }
        self.gone("trigger.delete", "/api/v1/triggers", &text(&trigger))?;
        self.gone("api_key.revoke", "/api/v1/api-keys", &text(&key))?;
        self.gone("secret.delete", "/api/v1/secrets", &secret)?;
        if n.is_multiple_of(2) {
            return self.gone("invitation.withdraw", "/api/v1/members/invitations", &text(&invitation));
        }
        let asked = json!({"token": token(&invitation), "name": format!("Person {n}"), "password": "seven grey herons on a wire"});
        let joined = self.ask(&self.stranger, "POST", "/api/v1/invitations/accept", &asked)?;
        self.told("invitation.accept", &text(&joined));
        self.gone("member.delete", "/api/v1/members", &text(&joined))
    }
}

/// What the tables say was done: action and id or name, as often as it was done.
fn done(owner: &Owner) -> BTreeMap<(&'static str, String), usize> {
    let hex = |prefix: &str, column: &str| match owner {
        Owner::Sqlite(_) => format!("'{prefix}_' || lower(hex({column}))"),
        Owner::Postgres(_) => format!("'{prefix}_' || replace({column}::text, '-', '')"),
    };
    let mut found = BTreeMap::new();
    let mut count = |action: &'static str, what: String, from: &str| {
        for row in owner.sql(&format!("SELECT {what} FROM {from}")).unwrap().lines() {
            *found.entry((action, row.to_owned())).or_default() += 1;
        }
    };
    let key = || hex("key", "id");
    count("api_key.create", key(), "api_keys WHERE nickname <> 'tests'");
    count("api_key.revoke", key(), "api_keys WHERE revoked_at IS NOT NULL");
    count("trigger.create", hex("trg", "id"), "triggers");
    count("trigger.delete", hex("trg", "id"), "triggers WHERE deleted_at IS NOT NULL");
    count("invitation.create", hex("inv", "id"), "invitations");
    count("invitation.withdraw", hex("inv", "id"), "invitations WHERE revoked_at IS NOT NULL");
    count("invitation.accept", hex("acc", "accepted_by"), "invitations WHERE accepted_at IS NOT NULL");
    count("member.delete", hex("acc", "id"), "accounts WHERE kind = 'member' AND deleted_at IS NOT NULL");
    count("workflow.create", hex("wfl", "id"), "workflows");
    count("workflow.run", hex("run", "id"), "runs WHERE initiator_kind = 'api'");
    count("event.accept", hex("run", "id"), "runs WHERE initiator_kind = 'webhook'");
    count("run.succeed", hex("run", "id"), "runs WHERE state = 'succeeded'");
    found
}

/// What the trail says was done, of the same actions.
fn recorded(trail: &[Value]) -> BTreeMap<(String, String), usize> {
    let mut found = BTreeMap::new();
    for entry in trail.iter().filter(|entry| entry["outcome"] == "ok") {
        let action = text(&entry["action"]);
        let of = match action.as_str() {
            "workflow.run" | "event.accept" | "run.succeed" => text(&entry["run_id"]),
            _ => text(&entry["targets"][0]),
        };
        *found.entry((action, of)).or_default() += 1;
    }
    found
}

/// What is there now, by name, of what leaves no row behind.
fn standing(api: &Api, path: &str, field: &str) -> BTreeSet<String> {
    api.all(path).iter().map(|item| text(&item[field])).collect()
}

fn check(server: &Server, told: &BTreeSet<(&'static str, String)>, letters: &BTreeSet<String>) {
    let trail = server.api().audit("");
    let (done, recorded) = (done(&Owner::of(server)), recorded(&trail));
    for (what, times) in &done {
        let times_recorded = recorded.get(&(what.0.to_owned(), what.1.clone())).copied().unwrap_or(0);
        assert_eq!(times_recorded, *times, "{what:?} was done, and is on the record {times_recorded} times");
    }
    let kinds: BTreeSet<&str> = done.keys().map(|(action, _)| *action).collect();
    assert_eq!(kinds.len(), KINDS, "something of each was done: {kinds:?}");
    for (what, times) in recorded.iter().filter(|((action, _), _)| kinds.contains(action.as_str())) {
        let times_done = done.iter().find(|((action, of), _)| *action == what.0 && *of == what.1);
        // The founding key and workflow were made before.
        let before = matches!(what.0.as_str(), "api_key.create" | "workflow.create") && times_done.is_none();
        assert!(
            before || times_done.is_some_and(|(_, done)| done == times),
            "{what:?} is on the record {times} times"
        );
    }
    // Names of what is gone are in no table: made less deleted is what is there.
    for (noun, path, field) in [("secret", "/api/v1/secrets", "name"), ("role", "/api/v1/roles", "id")] {
        let of = |verb: &str| -> BTreeSet<String> {
            let action = format!("{noun}.{verb}");
            recorded.keys().filter(|(own, _)| *own == action).map(|(_, of)| of.clone()).collect()
        };
        let mut there = standing(server.api(), path, field);
        let expected: BTreeSet<String> = of("create").difference(&of("delete")).cloned().collect();
        there.retain(|id| noun != "role" || expected.contains(id) || of("create").contains(id));
        assert_eq!(there, expected, "{noun}s");
        assert!(of("delete").is_subset(&of("create")), "{noun}s");
    }
    // What a client was told is so.
    for (action, of) in told {
        let known = recorded.contains_key(&((*action).to_owned(), of.clone()));
        assert!(known, "{action} of {of} was acknowledged, and is not on the record");
    }
    // Letters: each that left was announced; each that was announced has an end, or is shown as unknown.
    let of = |action: &str| trail.iter().filter(|e| e["action"] == action).collect::<Vec<_>>();
    let ends: BTreeSet<String> = of("mail.send").iter().map(|entry| text(&entry["targets"][0])).collect();
    let intents = of("mail.intent");
    let announced: BTreeSet<String> = intents.iter().map(|entry| text(&entry["targets"][0])).collect();
    assert!(letters.is_subset(&announced) && ends.is_subset(&announced));
    for intent in &intents {
        let is_known = ends.contains(&text(&intent["targets"][0]));
        assert_eq!(intent["outcome"], if is_known { "ok" } else { "unknown" }, "{intent}");
    }
    let made = recorded.keys().filter(|(action, _)| action == "invitation.create").count();
    assert_eq!(announced.len(), made, "each invitation has its letter");
}

on_both_backends! {
    fn actions_and_entries_match_after_kills(backend: Backend) {
        let (kills, per_round) = if soak() { (25, 80) } else { (3, 70) };
        let folder = tempfile::tempdir().unwrap();
        let toml = format!("[mail]\nrelay = \"file:{}\"\n", folder.path().display());
        let mut server = Server::start_with(backend, &toml);
        server.api().deploy("echo", &[]);
        let hook = server.api().webhook("echo", &json!({}));
        let before = server.api().audit("action=trigger.create").len();
        assert_eq!(before, 1);
        let (mut told, mut next) = (BTreeSet::new(), 0);
        for kill in 0..=kills {
            let random = u32::from_str_radix(&random_word().unwrap()[..4], 16).unwrap() as usize;
            let process = i32::try_from(server.process_id().unwrap()).unwrap();
            // The last round is let finish, so that something of each kind is done, whatever the others came to.
            let is_last = kill == kills;
            let load = Load {
                api: server.api().clone(),
                stranger: server.stranger(),
                hook: hook.clone(),
                next: AtomicUsize::new(next),
                done: AtomicUsize::new(0),
                until: if is_last { usize::MAX } else { per_round / 2 + random % per_round },
                process: rustix::process::Pid::from_raw(process).unwrap(),
                told: Mutex::default(),
            };
            std::thread::scope(|scope| {
                for _ in 0..CLIENTS {
                    scope.spawn(|| while load.round().is_some() && !is_last {});
                }
            });
            next = load.next.into_inner();
            told.extend(load.told.into_inner().unwrap());
            if !is_last {
                server.kill();
                server.resume().unwrap();
            }
        }
        ledger::drained(server.api(), "echo");
        let files = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
        let letters = files.filter(|path| path.extension().is_some_and(|e| e == "eml"));
        let letters: BTreeSet<String> = letters.map(|path| text(&json!(path.file_stem().unwrap().to_str()))).collect();
        check(&server, &told, &letters);
        if soak() {
            assert!(told.len() >= 1_000, "only {} actions", told.len());
        }
    }
}
