//! A flood of repetitions through a crash: each name is one run, whatever is sent again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use factotum_tests::backend::soak;
use factotum_tests::load::{Delivery, Load};
use factotum_tests::{Server, on_both_backends};
use serde_json::json;

use crate::ledger;

on_both_backends! {
    fn each_of_many_ids_is_one_run_however_often_it_comes_and_through_a_crash(backend: Backend) {
        let mut server = Server::start(backend);
        server.api().deploy("hello", &[]);
        let trigger = server.api().trigger("hello", "webhook", &json!({"dedup": {"header": "X-Id"}}));
        let url = trigger["url"].as_str().unwrap();
        let path = &url[url.find("/hooks/").unwrap()..];
        // Each id comes ten times, far apart.
        let (count, ids) = if soak() { (1_000_000, 100_000) } else { (6_000, 600) };
        let process = i32::try_from(server.process_id().unwrap()).unwrap();
        let (sent, killed) = (AtomicUsize::new(0), AtomicBool::new(false));
        let message = |number: usize| (format!("x-id: id-{}\r\n", number % ids), "{}".to_owned());
        let killing = |number: usize| {
            if sent.fetch_add(1, Ordering::SeqCst) == count / 4 && !killed.swap(true, Ordering::SeqCst) {
                let id = rustix::process::Pid::from_raw(process).unwrap();
                rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
            }
            message(number)
        };
        // The first third is sent into the crash: what follows the kill is not answered, and comes again afterwards.
        let part = count / 3;
        let load = Load { port: server.port(), path, count: part, connections: 32, message: &killing };
        let before = load.send();
        assert!(before.iter().any(|delivery| !delivery.acknowledged()), "the crash came in between");
        server.kill();
        server.resume().unwrap();
        let load = Load { port: server.port(), path, count: count - part, connections: 32, message: &message };
        let after = load.send();
        assert!(after.iter().all(Delivery::acknowledged), "{:?}", after.iter().find(|d| !d.acknowledged()));
        // One id, one run: before the crash and after it.
        let mut run_of: BTreeMap<usize, String> = BTreeMap::new();
        for (part, deliveries) in [(part, &before), (count - part, &after)] {
            assert_eq!(deliveries.len(), part);
            for (number, run) in ledger::acknowledged(deliveries) {
                let known = run_of.entry(number % ids).or_insert_with(|| run.clone());
                assert_eq!(*known, run, "id-{}", number % ids);
            }
        }
        assert_eq!(run_of.len(), ids);
        let runs = ledger::drained(server.api(), "hello");
        assert_eq!(runs.len(), ids, "{count} deliveries of {ids} ids");
        assert!(run_of.values().all(|run| runs.contains_key(run)));
    }
}
