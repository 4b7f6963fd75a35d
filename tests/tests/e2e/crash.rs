//! `kill -9` in the middle of a load: nothing acknowledged is lost, nothing is finished twice, and what was unfinished goes on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use factotum_tests::backend::soak;
use factotum_tests::load::Load;
use factotum_tests::{Server, on_both_backends, wait_until};
use serde_json::json;

use crate::ledger;

on_both_backends! {
    fn nothing_acknowledged_is_lost_and_nothing_is_finished_twice(backend: Backend) {
        let (kills, per_round) = if soak() { (10, 3_000) } else { (2, 800) };
        let mut server = Server::start(backend);
        server.api().deploy("echo", &[]);
        let trigger = server.api().trigger("echo", "webhook", &json!({"dedup": {"header": "X-Id"}}));
        let url = trigger["url"].as_str().unwrap();
        let path = &url[url.find("/hooks/").unwrap()..];

        let mut acknowledged = BTreeMap::new();
        for round in 0..kills {
            // Each round dies at another point of its load.
            let cut = per_round / 4 + round * per_round / (2 * kills);
            let process = i32::try_from(server.process_id().unwrap()).unwrap();
            let (go, sent) = (AtomicBool::new(true), AtomicUsize::new(0));
            let message = |number: usize| {
                if sent.fetch_add(1, Ordering::SeqCst) == cut {
                    let id = rustix::process::Pid::from_raw(process).unwrap();
                    rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
                    go.store(false, Ordering::SeqCst);
                }
                (format!("x-id: {round}-{number}\r\n"), format!("{{\"number\":{number}}}"))
            };
            let load = Load { port: server.port(), path, count: per_round, connections: 64, message: &message };
            let deliveries = load.send_while(&go);
            server.kill();
            assert!(deliveries.iter().any(|d| !d.acknowledged()), "the kill came in the middle");
            for (number, run) in ledger::acknowledged(&deliveries) {
                acknowledged.insert(round * per_round + number, run);
            }
            server.resume().unwrap();
            // A sender that got no answer tries again, as senders do: it must not make a second run.
            for broken in deliveries.iter().filter(|d| d.status.is_none()) {
                let id = format!("{round}-{}", broken.number);
                let body = format!("{{\"number\":{}}}", broken.number);
                let again = server.stranger().send("POST", path, &[("x-id", &id)], body.as_bytes()).unwrap().expect(202);
                acknowledged.insert(round * per_round + broken.number, ledger::text(&again["run"]));
            }
        }
        let runs = ledger::drained(server.api(), "echo");
        assert_eq!(runs.len(), acknowledged.len(), "as many runs as deliveries");
        ledger::check_runs(&acknowledged, &runs);
        ledger::check_audit(server.api(), trigger["id"].as_str().unwrap(), &runs);
    }

    fn a_run_that_was_under_way_goes_on_after_the_kill(backend: Backend) {
        let mut server = Server::start(backend);
        server.api().deploy("sleeper", &[]);
        let run = server.api().begin("sleeper", &json!({"ms": 3_000}));
        let id = run["id"].as_str().unwrap();
        server.api().wait_state(id, &["running"]);
        server.kill();
        server.resume().unwrap();
        let ended = server.api().wait_end(id);
        assert_eq!(ended["state"], "succeeded", "{ended}");
        assert_eq!(ended["attempt"], 2, "the first attempt died with the process: {ended}");
    }

    fn a_graceful_stop_finishes_what_runs_and_loses_nothing(backend: Backend) {
        let mut server = Server::start(backend);
        server.api().deploy("sleeper", &[]);
        let run = server.api().begin("sleeper", &json!({"ms": 1_500}));
        let id = run["id"].as_str().unwrap();
        server.api().wait_state(id, &["running"]);
        assert!(server.stop().unwrap().success(), "SIGTERM ends with exit code 0");
        server.resume().unwrap();
        let ended = server.api().wait_end(id);
        assert_eq!(ended["state"], "succeeded", "{ended}");
        assert_eq!(ended["attempt"], 1, "the run was let finish: {ended}");
    }

    fn a_start_after_a_kill_is_ready_and_keeps_its_data(backend: Backend) {
        let mut server = Server::start(backend);
        server.api().deploy("echo", &[]);
        let before = server.api().run("echo", &json!({"n": 1}));
        server.kill();
        server.resume().unwrap();
        wait_until("the run's record", || {
            (server.api().run_object(before["id"].as_str().unwrap())["state"] == "succeeded").then_some(())
        });
        assert_eq!(server.api().run("echo", &json!({"n": 2}))["state"], "succeeded");
    }
}
