//! The signed log of the audit trail: what the program seals, a verifier of another make accepts, and the owner of the database cannot
//! change unnoticed.

use std::path::{Path, PathBuf};
use std::process::Command;

use factotum_tests::Owner;
use factotum_tests::cli::{Cli, Done};
use factotum_tests::{Server, on_both_backends, wait_until};
use serde_json::{Value, json};

use crate::ledger::text;

/// `factotum audit verify` on this server's database; it needs neither key nor server.
pub(crate) fn verify(server: &Server, more: &[&str]) -> Done {
    let data = server.data().display().to_string();
    let mut args = vec!["audit", "verify", "--data", &data];
    if let Some(url) = server.database() {
        args.extend(["--database", url]);
    }
    Cli::default().run_with(&[args.as_slice(), more].concat(), "")
}

pub(crate) fn verified(server: &Server, more: &[&str]) -> Value {
    let done = verify(server, &[&["--json"], more].concat());
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    serde_json::from_str(&done.stdout).unwrap()
}

/// What Node.js says of a proof.
fn other_verifier(proof: &Path, key: Option<&str>) -> (bool, String) {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("verifier/verify_proof.mjs");
    let done = Command::new("node").arg(script).arg(proof).args(key).output().expect("node runs");
    (done.status.success(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
}

fn sealed_proof(cli: &Cli, entry: &str) -> Value {
    wait_until("the entry is sealed", || {
        let done = cli.run_with(&["audit", "proof", entry], "");
        (done.code == 0).then(|| serde_json::from_str(&done.stdout).unwrap())
    })
}

/// Does this to a table whose guards are gone; as its owner can.
pub(crate) fn tamper(owner: &Owner, table: &str, sql: &str) {
    let drop = match owner {
        Owner::Sqlite(_) => format!("DROP TRIGGER {table}_guard_update; DROP TRIGGER {table}_guard_delete"),
        Owner::Postgres(_) => format!("ALTER TABLE {table} DISABLE TRIGGER USER"),
    };
    owner.sql(&format!("{drop}; {sql}")).unwrap();
}

on_both_backends! {
    fn a_verifier_of_another_make_accepts_checkpoint_and_proof(backend: Backend) {
        let server = Server::start(backend);
        let (api, cli) = (server.api(), Cli::of(&server));
        api.deploy("echo", &[]);
        for n in 0..5 {
            api.run("echo", &json!({"n": n}));
        }
        let entries = api.audit("action=run.succeed");
        for entry in &entries {
            let proof = sealed_proof(&cli, &text(&entry["id"]));
            // The first round of the sealer makes the key.
            let key = text(&cli.json(&["audit", "keys"])["items"][0]["verifier_key"]);
            let file = server.data().join("proof.json");
            std::fs::write(&file, proof.to_string()).unwrap();
            let (good, said) = other_verifier(&file, Some(&key));
            assert!(good, "{said}");
            let leaf: Value = serde_json::from_str(proof["leaf"].as_str().unwrap()).unwrap();
            assert_eq!(leaf["action"], "run.succeed");
            // One thing changed, and it is not accepted.
            for (field, other) in [
                ("leaf", json!(proof["leaf"].as_str().unwrap().replace("run.succeed", "run.failed!"))),
                ("leaf_index", json!(proof["leaf_index"].as_u64().unwrap() ^ 1)),
                ("hashes", json!([])),
                ("checkpoint", json!(proof["checkpoint"].as_str().unwrap().replacen("\nat 2", "\nat 3", 1))),
            ] {
                let mut changed = proof.clone();
                changed[field] = other;
                std::fs::write(&file, changed.to_string()).unwrap();
                let (good, said) = other_verifier(&file, Some(&key));
                assert!(!good, "{field}: {said}");
            }
        }
        let note = cli.text(&["audit", "checkpoint"]);
        assert!(note.starts_with("factotum/audit/") && note.contains("\n\n— factotum/audit/"), "{note}");
        let (secret, _) = api.mint("no-auditor", &["runs:read"]);
        let other = api.with_key(&secret);
        for path in ["checkpoint".to_owned(), "keys".to_owned(), format!("{}/proof", text(&entries[0]["id"]))] {
            other.get(&format!("/api/v1/audit/{path}")).expect_problem(403, "denied");
        }
        api.get("/api/v1/audit/aud_00000000000000000000000000000000/proof").expect(404);
        let theirs = api.with_key(&server.bootstrap("Other", "other@example.com").unwrap());
        theirs.get(&format!("/api/v1/audit/{}/proof", text(&entries[0]["id"]))).expect(404);
    }

    fn a_stop_seals_the_rest_and_verify_finds_an_edited_entry(backend: Backend) {
        let mut server = Server::start(backend);
        server.api().deploy("echo", &[]);
        server.api().run("echo", &json!({}));
        let seen = verified(&server, &[]);
        assert_eq!(seen["clean"], true, "beside the running server: {seen}");
        let entry = server.api().audit("action=run.succeed")[0].clone();
        let kept = server.data().join("kept");
        wait_until("a checkpoint", || {
            let done = Cli::of(&server).run_with(&["audit", "checkpoint"], "");
            (done.code == 0).then(|| std::fs::write(&kept, done.stdout).unwrap())
        });
        assert!(server.stop().unwrap().success());
        let kept = kept.display().to_string();
        let seen = verified(&server, &["--since-checkpoint", &kept]);
        assert_eq!(seen["organizations"][0]["unsealed"], 0, "{seen}");
        assert!(seen["organizations"][0]["sealed"].as_u64().unwrap() > 3, "{seen}");

        let owner = Owner::of(&server);
        tamper(&owner, "audit_entries", "UPDATE audit_entries SET outcome = 'error' WHERE action = 'run.succeed'");
        let done = verify(&server, &["--since-checkpoint", &kept]);
        assert_eq!(done.code, 1, "{}", done.stdout);
        assert!(done.stdout.contains("ALTERED") && done.stdout.contains(&text(&entry["id"])), "{}", done.stdout);
        let done = verify(&server, &["--json"]);
        let document: Value = serde_json::from_str(&done.stdout).unwrap();
        assert_eq!((done.code, &document["clean"]), (1, &json!(false)), "{document}");
        let finding = &document["organizations"][0]["finding"];
        assert_eq!((&finding["kind"], &finding["entry"]), (&json!("altered"), &entry["id"]), "{document}");
    }

    fn a_database_from_an_older_backup_begins_a_new_epoch(backend: Backend) {
        let mut server = Server::start(backend);
        server.api().deploy("echo", &[]);
        server.api().run("echo", &json!({}));
        assert!(server.stop().unwrap().success());
        let cut = verified(&server, &[])["organizations"][0]["sealed"].as_u64().unwrap();
        let owner = Owner::of(&server);
        // What a restore amounts to: the database as it was then, the data folder as it is now.
        let file = std::fs::read_dir(server.data().join("audit")).unwrap().flatten().map(|f| f.path()).find(|p| p.extension().is_some_and(|e| e == "checkpoint")).unwrap();
        server.resume().unwrap();
        server.api().run("echo", &json!({}));
        assert!(server.stop().unwrap().success());
        let ahead = std::fs::read_to_string(&file).unwrap();
        for (table, sql) in [
            ("audit_entries", format!("DELETE FROM audit_entries WHERE id IN (SELECT entry_id FROM audit_leaves WHERE leaf_index >= {cut})")),
            ("audit_leaves", format!("DELETE FROM audit_leaves WHERE leaf_index >= {cut}")),
            ("audit_checkpoints", format!("DELETE FROM audit_checkpoints WHERE size > {cut}")),
        ] {
            tamper(&owner, table, &sql);
        }
        let done = verify(&server, &[]);
        assert!(done.code == 1 && done.stdout.contains("TRUNCATED"), "by the checkpoint in the data folder: {}", done.stdout);
        server.resume().unwrap();
        let said = wait_until("it is on the record", || server.api().audit("action=audit.begin_epoch").pop());
        assert!(text(&said["reason"]).contains("restored"), "{said}");
        assert!(server.stop().unwrap().success());
        assert_eq!(verified(&server, &[])["organizations"][0]["epochs"], 2);
        let old = server.data().join("old");
        std::fs::write(&old, ahead).unwrap();
        let done = verify(&server, &["--since-checkpoint", &old.display().to_string()]);
        assert!(done.code == 1 && done.stdout.contains("TRUNCATED") && done.stdout.contains("restored"), "{}", done.stdout);
    }

    fn another_signing_key_is_named_by_the_one_before_it(backend: Backend) {
        let server = Server::start(backend);
        let cli = Cli::of(&server);
        server.api().deploy("echo", &[]);
        let old = wait_until("a key", || cli.json(&["audit", "keys"])["items"].as_array().unwrap().first().cloned());
        let done = server.admin(&["rotate-audit-key"], "").unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        server.api().run("echo", &json!({}));
        let keys = cli.json(&["audit", "keys"])["items"].as_array().unwrap().clone();
        assert_eq!(keys.len(), 2, "{keys:?}");
        assert!(keys[0]["endorsement"].is_string() && keys[1]["verifier_key"] == old["verifier_key"], "{keys:?}");
        assert_eq!(server.api().audit("action=audit.rotate_key").len(), 1);
        verified(&server, &["--key", &text(&old["verifier_key"])]);
        let stranger = "factotum/audit/x/1+ffffffff+AAAA";
        assert_eq!(verify(&server, &["--key", stranger]).code, 2);
    }
}
