//! Checkpoints that leave the machine: into a folder, to a webhook, by mail, with real receivers. What must hold: each is, byte by byte, what `factotum audit
//! verify` takes; and one of them shows that the log was cut off after it, though the owner of the database left no trace inside.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use factotum_tests::mail_relay::{ESCAPED_PASSWORD, MailRelay, Offer};
use factotum_tests::receiver::Receiver;
use factotum_tests::{Owner, Server, on_both_backends, wait_until, wait_within};
use serde_json::json;

use crate::audit_log::{tamper, verified, verify};
use crate::audit_streams::{ENCODED, check_signature, metric, stream};

const AUDITOR: &str = "auditor@example.com";
const CHECKPOINTS: &str = "send = \"checkpoints\"\nevery_s = 1\n";
/// Pauses after failures grow to half a minute.
const CATCH_UP: Duration = Duration::from_mins(2);

/// The checkpoints in a folder, the smallest first.
fn kept(folder: &Path) -> Vec<PathBuf> {
    let found = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> =
        found.filter(|path| path.extension().is_some_and(|e| e == "checkpoint")).collect();
    files.sort_by_key(|path| size(&std::fs::read_to_string(path).unwrap()));
    files
}

/// How many entries a checkpoint covers: its second line.
fn size(note: &str) -> u64 {
    note.lines().nth(1).and_then(|line| line.parse().ok()).unwrap_or_else(|| panic!("no checkpoint: {note}"))
}

/// What is attached to a letter.
fn attachment(letter: &str) -> String {
    let (_, rest) =
        letter.split_once("Content-Disposition: attachment").unwrap_or_else(|| panic!("{letter}"));
    let (_, body) = rest.split_once("\n\n").unwrap();
    let encoded: String = body.lines().take_while(|line| !line.starts_with("--")).collect();
    String::from_utf8(STANDARD.decode(encoded.trim()).unwrap()).unwrap()
}

fn written(folder: &Path, name: &str, note: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, note).unwrap();
    path.display().to_string()
}

on_both_backends! {
    fn a_folder_a_webhook_and_a_mailbox_hold_what_the_owner_of_the_database_cannot_change(backend: Backend) {
        let (hook, relay) = (Receiver::start().unwrap(), MailRelay::start(Offer::Tls, "localhost").unwrap());
        let (folder, own) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let toml = [
            relay.toml("smtps", ESCAPED_PASSWORD, Some(&relay.authority())),
            stream("witness", "file", &folder.path().display().to_string(), CHECKPOINTS),
            stream("hook", "webhook", &format!("{}/in", hook.base()), &format!("{CHECKPOINTS}secret = \"{ENCODED}\"")),
            stream("letters", "email", AUDITOR, CHECKPOINTS),
        ];
        let mut server = Server::start_with(backend, &toml.concat());
        server.api().deploy("echo", &[]);
        let first = wait_until("a first checkpoint", || kept(folder.path()).first().cloned());
        let first = size(&std::fs::read_to_string(first).unwrap());
        for n in 0..5 {
            server.api().run("echo", &json!({"n": n}));
        }
        // One of each kind that covers what happened meanwhile.
        let all = u64::try_from(server.api().audit("").len()).unwrap();
        assert!(all > first);
        let covers = |note: &str| size(note) >= all;
        let in_folder = wait_within(CATCH_UP, "a file", || {
            kept(folder.path()).pop().map(|path| std::fs::read_to_string(path).unwrap()).filter(|note| covers(note))
        });
        let posted = wait_within(CATCH_UP, "a post", || {
            hook.received().into_iter().find(|request| covers(&String::from_utf8_lossy(&request.body)))
        });
        let letter = wait_within(CATCH_UP, "a letter", || {
            relay.letters().into_iter().find(|letter| covers(&attachment(letter)))
        });
        check_signature(&posted);
        assert_eq!(posted.header("content-type"), Some("text/plain; charset=utf-8"));
        assert!(letter.contains(&format!("To: {AUDITOR}")) && letter.contains(".checkpoint\""), "{letter}");
        let notes = [
            written(own.path(), "folder", &in_folder),
            written(own.path(), "hook", &String::from_utf8(posted.body.clone()).unwrap()),
            written(own.path(), "letter", &attachment(&letter)),
        ];
        let since: Vec<&str> = notes.iter().flat_map(|path| ["--since-checkpoint", path]).collect();
        assert_eq!(verified(&server, &since)["clean"], true);
        assert!(server.stop().unwrap().success());
        assert_eq!(verified(&server, &since)["clean"], true);

        // The owner cuts the log off where a checkpoint of its own ends, and leaves nothing in the data folder.
        let owner = Owner::of(&server);
        for (table, sql) in [
            ("audit_entries", format!("DELETE FROM audit_entries WHERE id IN (SELECT entry_id FROM audit_leaves WHERE leaf_index >= {first})")),
            ("audit_leaves", format!("DELETE FROM audit_leaves WHERE leaf_index >= {first}")),
            ("audit_nodes", format!("DELETE FROM audit_nodes WHERE (node_index + 1) * (1 << level) > {first}")),
            ("audit_checkpoints", format!("DELETE FROM audit_checkpoints WHERE size > {first}")),
        ] {
            tamper(&owner, table, &sql);
        }
        std::fs::remove_dir_all(server.data().join("audit")).unwrap();
        let blind = verify(&server, &[]);
        assert_eq!(blind.code, 0, "what is left is whole in itself: {}", blind.stdout);
        for note in &notes {
            let done = verify(&server, &["--since-checkpoint", note]);
            assert!(done.code == 1 && done.stdout.contains("TRUNCATED"), "{note}: {}{}", done.stdout, done.stderr);
        }
    }

    fn a_place_that_is_away_gets_the_newest_later_and_nothing_waits(backend: Backend) {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("mounted");
        let toml = stream("witness", "file", &place.display().to_string(), CHECKPOINTS);
        let server = Server::start_with(backend, &toml);
        server.api().deploy("echo", &[]);
        wait_until("it to fail", || metric(&server, "audit_stream_failures_total", "witness").filter(|n| *n >= 1.0));
        server.api().run("echo", &json!({}));
        std::fs::create_dir(&place).unwrap();
        let all = u64::try_from(server.api().audit("").len()).unwrap();
        wait_within(CATCH_UP, "the newest", || {
            kept(&place).last().filter(|path| size(&std::fs::read_to_string(path).unwrap()) >= all).map(drop)
        });
        wait_within(CATCH_UP, "no lag", || (metric(&server, "audit_stream_lag_entries", "witness") == Some(0.0)).then_some(()));
        assert!(server.log().contains("mounted"), "{}", server.log());
    }

    fn a_checkpoint_that_is_there_is_not_overwritten_by_another_log(backend: Backend) {
        let folder = tempfile::tempdir().unwrap();
        let toml = stream("witness", "file", &folder.path().display().to_string(), CHECKPOINTS);
        let mut server = Server::start_with(backend, &toml);
        server.api().deploy("echo", &[]);
        wait_until("a checkpoint", || kept(folder.path()).pop());
        assert!(server.stop().unwrap().success());
        // Another note under the name of the newest, and no cursor, as if nothing had been delivered.
        let newest = std::fs::read_dir(server.data().join("audit")).unwrap().flatten().next().unwrap().path();
        let note = std::fs::read_to_string(newest).unwrap();
        let origin = note.lines().next().unwrap().trim_start_matches("factotum/audit/").replace('/', "-");
        let file = folder.path().join(format!("{origin}-{}.checkpoint", size(&note)));
        std::fs::write(&file, "another\n").unwrap();
        Owner::of(&server).sql("DELETE FROM audit_stream_cursors").unwrap();
        server.resume().unwrap();
        wait_within(CATCH_UP, "it to say so", || server.log().contains("another root").then_some(()));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "another\n");
    }
}
