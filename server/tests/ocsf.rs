//! The OCSF form of the trail against the published schema. What must hold: every action that the program can write is mapped and valid, however it
//! ended and whatever the entry has or lacks; and no action is written that is not in the list.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics with the reason")]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Credential, Target};
use factotum_model::audit_action::{ACTIONS, is_known};
use factotum_model::{
    AccountId, AccountKind, Digest, InitiatorKind, KeyId, OrgId, Principal, RequestId, RunId, SessionId,
    Timestamp, TriggerId,
};
use factotum_server::view::audit::AuditForm;
use serde_json::{Value, json};

/// What `cargo xtask ocsf` has installed.
fn python() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let found = own.ancestors().map(|folder| folder.join("ocsf/venv/bin/python")).find(|path| path.is_file());
    found.expect("the OCSF schemas are not installed: run `cargo xtask ocsf`")
}

/// What the validator counted, or what it found.
fn validated(lines: &str) -> Result<Value, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/ocsf/validate.py");
    let mut child = Command::new(python())
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let lines = lines.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let done = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    if done.status.success() {
        Ok(serde_json::from_slice(&done.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&done.stderr).into_owned())
    }
}

fn sparse(action: &str, outcome: AuditOutcome, kind: AccountKind) -> AuditEntry {
    let actor = Principal { id: AccountId::random(), kind, name: "ci".into() };
    let initiator = AuditInitiator::of(InitiatorKind::System);
    let at = Timestamp::from_micros(1_800_000_000_123_456);
    AuditEntry::new(OrgId::random(), at, action, outcome, actor, initiator)
}

/// An entry that has all there is, some of it hostile.
fn full(action: &str, outcome: AuditOutcome, kind: AccountKind, ip: &str) -> AuditEntry {
    let hostile = "=cmd()\r\n\u{1b}[31m\u{202e}\"\\";
    AuditEntry {
        reason: Some(format!("code: {hostile}")),
        credential: Some(Credential { key_id: KeyId::random(), prefix: "fct_abcd".into() }),
        session_id: Some(SessionId::random()),
        initiator: AuditInitiator {
            kind: InitiatorKind::Webhook,
            trigger_id: Some(TriggerId::random()),
            external_ref: Some(hostile.into()),
        },
        chain: vec![RunId::random()],
        run_id: Some(RunId::random()),
        attempt: Some(3),
        workflow: Some("greet".into()),
        plugin_digest: Some(Digest::of(b"wasm")),
        permission: Some("runs:read".into()),
        targets: vec![Target::named("api_key", KeyId::random(), hostile), Target::new("workflow", "wfl_1")],
        change: Some(json!({"before": null, "after": [hostile]})),
        ip: Some(ip.parse().unwrap()),
        user_agent: Some(hostile.into()),
        request_id: Some(RequestId::random()),
        ..sparse(action, outcome, kind)
    }
}

#[test]
fn every_action_is_mapped_and_valid_by_the_published_schema() {
    let mut lines = String::new();
    // One that is not known yet is mapped as well.
    for action in ACTIONS.iter().chain(["partner.create", "nothing", ""].iter()) {
        for outcome in [AuditOutcome::Ok, AuditOutcome::Denied, AuditOutcome::Error, AuditOutcome::Unknown] {
            for entry in [
                sparse(action, outcome, AccountKind::Base),
                full(action, outcome, AccountKind::Member, "203.0.113.7"),
                full(action, outcome, AccountKind::ApiKey, "2001:db8:1:2:3:4:5:6"),
                full(action, outcome, AccountKind::ApiKey, "::ffff:203.0.113.7"),
                full(action, outcome, AccountKind::Member, "::1"),
            ] {
                let line = AuditForm::Ocsf.line(&entry);
                assert_eq!(line.matches('\n').count(), 1);
                lines.push_str(&line);
            }
        }
    }
    let counted = validated(&lines).unwrap_or_else(|faults| panic!("{faults}"));
    let classes: BTreeSet<&str> = counted.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(classes, BTreeSet::from(["3001", "3002", "3004", "6002", "6003"]));
    let total: u64 = counted.as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(total, 20 * (ACTIONS.len() as u64 + 3));
}

#[test]
fn the_validator_finds_faults() {
    let good: Value = serde_json::from_str(&AuditForm::Ocsf.line(&sparse(
        "session.begin",
        AuditOutcome::Ok,
        AccountKind::Member,
    )))
    .unwrap();
    validated(&format!("{good}\n")).unwrap();
    for (pointer, wrong) in [
        ("/activity_id", json!(2)),
        ("/time", json!("yesterday")),
        ("/severity_id", json!(7)),
        ("/severity", json!("Fatal")),
        ("/src_endpoint", json!({"ip": "nowhere"})),
        ("/actor", json!({})),
    ] {
        let mut event = good.clone();
        *event.pointer_mut(pointer).unwrap() = wrong;
        let fault = validated(&format!("{event}\n")).expect_err(pointer);
        assert!(fault.contains("session.begin"), "{fault}");
    }
    let mut event = good.clone();
    event["surprise"] = json!(1);
    validated(&format!("{event}\n")).unwrap_err();
}

#[test]
fn an_entry_is_told_whole() {
    let entry = full("workflow.update", AuditOutcome::Denied, AccountKind::ApiKey, "203.0.113.7");
    let line = AuditForm::Ocsf.line(&entry);
    let event: Value = serde_json::from_str(&line).unwrap();
    let whole = serde_json::to_value(&entry).unwrap();
    // Each value of the entry is somewhere in the event.
    fn leaves(value: &Value, found: &mut Vec<Value>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| leaves(item, found)),
            Value::Object(fields) => fields.values().for_each(|field| leaves(field, found)),
            leaf => found.push(leaf.clone()),
        }
    }
    let (mut wanted, mut told) = (Vec::new(), Vec::new());
    leaves(&whole, &mut wanted);
    leaves(&event, &mut told);
    for value in wanted {
        assert!(told.contains(&value), "{value} is not in {event}");
    }
    assert_eq!((&event["status_id"], &event["severity_id"]), (&json!(2), &json!(3)));
    let intent = AuditForm::Ocsf.line(&sparse("mail.intent", AuditOutcome::Ok, AccountKind::Base));
    let intent: Value = serde_json::from_str(&intent).unwrap();
    assert_eq!(intent["status"], "Unknown", "an intent is never shown as success");
}

/// Words in the sources that look like actions and are none: settings, files, columns.
const NO_ACTIONS: &[&str] = &["audit.js", "audit.stream", "mail.ca", "mail.from", "mail.relay"];

#[test]
fn no_action_is_written_that_is_not_in_the_list() {
    let nouns: BTreeSet<&str> = ACTIONS.iter().filter_map(|a| a.split('.').next()).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut seen = BTreeSet::new();
    let mut folders: Vec<PathBuf> =
        ["server/src", "runtime", "triggers"].iter().map(|f| root.join(f)).collect();
    while let Some(folder) = folders.pop() {
        for found in std::fs::read_dir(&folder).unwrap() {
            let path = found.unwrap().path();
            if path.is_dir() && !path.ends_with("tests") && !path.ends_with("benches") {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("audit_action.rs") {
                let source = std::fs::read_to_string(&path).unwrap();
                // What follows stands in tests.
                let source = source.split("#[cfg(test)]").next().unwrap();
                for word in source.split('"').filter(|word| {
                    let lower = |part: &str| {
                        !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c == '_')
                    };
                    word.split_once('.').is_some_and(|(noun, verb)| nouns.contains(noun) && lower(verb))
                }) {
                    if !NO_ACTIONS.contains(&word) {
                        assert!(is_known(word), "`{word}` ({}) is not in audit_action.rs", path.display());
                        seen.insert(word.to_owned());
                    }
                }
            }
        }
    }
    // Those that are put together from a grant, `kv:write`, are in no source.
    let unseen: Vec<_> = ACTIONS.iter().filter(|a| !seen.contains(**a)).collect();
    for action in unseen {
        let (noun, verb) = action.split_once('.').unwrap();
        let grant = format!("{noun}:{verb}");
        let exists = factotum_model::Action::ALL.iter().any(|a| a.to_string() == grant);
        assert!(exists, "nothing writes `{action}`");
    }
}

#[test]
fn every_action_is_in_the_documentation_or_is_reading() {
    let page = include_str!("../../docs/audit.md");
    for action in ACTIONS {
        let (noun, verb) = action.split_once('.').unwrap();
        let told = page.contains(&format!("`{action}`")) || page.contains(&format!("`.{verb}`"));
        assert!(told || matches!(verb, "list" | "read"), "{noun}.{verb} is not in docs/audit.md");
    }
}
