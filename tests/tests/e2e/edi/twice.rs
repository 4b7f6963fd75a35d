//! What comes again: on two connections at once, after `kill -9`, with other bytes.

use std::sync::Barrier;

use factotum_tests::on_both_backends;
use serde_json::json;

use super::{X12, counts, inbox, interchanges, runs, send, server};
use crate::ledger::text;

on_both_backends! {
    fn an_interchange_that_comes_again_is_dispatched_once(backend: Backend) {
        let mut server = server(backend, &json!({}));
        let (trigger, path) = inbox(server.api(), &json!({"partner": "acme"}));
        // On eight connections at once.
        let (rounds, connections) = (3_u32, 8);
        for control in 1..=rounds {
            let sent = X12 { control, sets: &[("850", "0001", 0), ("850", "0002", 0)], ..X12::default() }.write();
            let together = Barrier::new(connections);
            let answers: Vec<_> = std::thread::scope(|scope| {
                let each = || {
                    together.wait();
                    let answer = send(&server, &path, &sent);
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    answer.body
                };
                let all: Vec<_> = (0..connections).map(|_| scope.spawn(each)).collect();
                all.into_iter().map(|one| one.join().unwrap()).collect()
            });
            assert!(answers.iter().all(|body| *body == answers[0]), "each is answered as the first");
        }
        let total = rounds as usize;
        assert_eq!(runs(server.api(), &trigger).len(), 2 * total, "two sets of each, once");
        assert_eq!(interchanges(server.api(), "state=accepted").len(), total);
        assert_eq!(interchanges(server.api(), "state=duplicate").len(), total * (connections - 1));
        counts(server.api(), &trigger, &json!({"accepted": 2 * total, "rejected": 0, "duplicates": total * (connections - 1)}));

        // Killed while its partner sends: it sends again what it got no answer to, and what it did.
        let first = u32::try_from(total).unwrap() + 1;
        let (kills, each) = if factotum_tests::backend::soak() { (20, 50) } else { (2, 12) };
        let mut acknowledged = std::collections::BTreeMap::new();
        for round in 0..kills {
            let controls: Vec<u32> = (0..each).map(|n| first + round * each + n).collect();
            let process = i32::try_from(server.process_id().unwrap()).unwrap();
            for (at, control) in (0..).zip(&controls) {
                if at == each / 2 {
                    let id = rustix::process::Pid::from_raw(process).unwrap();
                    // While this one is on its way.
                    let killer = std::thread::spawn(move || rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap());
                    let sent = X12 { control: *control, ..X12::default() }.write();
                    let answer = server.stranger().send("POST", &path, &[], sent.as_bytes());
                    killer.join().unwrap();
                    if let Ok(answer) = answer {
                        acknowledged.insert(*control, answer.body);
                    }
                    break;
                }
                let answer = send(&server, &path, X12 { control: *control, ..X12::default() }.write());
                assert_eq!(answer.status, 200, "{}", answer.text());
                acknowledged.insert(*control, answer.body);
            }
            server.kill();
            server.resume().unwrap();
            for control in &controls {
                let answer = send(&server, &path, X12 { control: *control, ..X12::default() }.write());
                assert_eq!(answer.status, 200, "{}", answer.text());
                let known = acknowledged.entry(*control).or_insert_with(|| answer.body.clone());
                assert_eq!(*known, answer.body, "the acknowledgement that was sent is the one that is sent again");
            }
        }
        let expected = 2 * total + usize::try_from(kills * each).unwrap();
        assert_eq!(runs(server.api(), &trigger).len(), expected, "each once");
    }

    fn other_bytes_under_the_same_numbers_are_refused_or_marked(backend: Backend) {
        let server = server(backend, &json!({}));
        let api = server.api();
        let (trigger, path) = inbox(api, &json!({"partner": "acme"}));
        send(&server, &path, X12::default().write()).expect(200);
        let other = X12 { order: "PO-2", ..X12::default() }.write();
        let answer = send(&server, &path, &other);
        assert!(answer.text().contains("*R*025"), "TA1: duplicate interchange control number: {}", answer.text());
        assert_eq!(runs(api, &trigger).len(), 1);
        let first = text(&interchanges(api, "state=accepted")[0]["id"]);
        assert_eq!(interchanges(api, "state=rejected")[0]["first"], first.as_str());
        assert_eq!(api.audit("action=event.reject").len(), 1);

        api.patch("/api/v1/edi/partners/acme", &json!({"duplicates": "flag"})).expect(200);
        let answer = send(&server, &path, &other);
        assert!(answer.text().contains("AK9*A*1*1*1"), "{}", answer.text());
        let started = runs(api, &trigger);
        assert_eq!(started.len(), 2);
        let run = api.wait_end(&text(&started[0]["id"]));
        assert_eq!(run["outcome"]["output"]["payload"]["edi"]["duplicate"], true, "{run}");
        // That one again, byte for byte, is answered as it was.
        assert_eq!(send(&server, &path, &other).body, answer.body);
        assert_eq!(runs(api, &trigger).len(), 2);
        // The numbers of tests are others.
        send(&server, &path, X12 { test: true, ..X12::default() }.write()).expect(200);
        assert_eq!(runs(api, &trigger).len(), 3);
    }
}
