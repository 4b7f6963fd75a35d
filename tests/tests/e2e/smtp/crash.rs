//! `kill -9` while mail comes in: no 250 without an event, no message dispatched twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use factotum_tests::backend::soak;
use factotum_tests::{Smtp, on_both_backends};

use super::{letter, orders, raw, server};
use crate::ledger;

/// How many sessions send at a time.
const SESSIONS: usize = 8;

fn text(number: usize) -> Vec<u8> {
    letter(&format!("Number {number}"), "the same to all")
}

/// Sends these until the server dies; those that were answered with 250.
fn send(port: u16, to: &str, numbers: &Mutex<Vec<usize>>, sent: &AtomicUsize) -> Vec<usize> {
    let mut acknowledged = Vec::new();
    let Ok(mut smtp) = Smtp::greeted(port) else { return acknowledged };
    loop {
        let Some(number) = numbers.lock().unwrap().pop() else { return acknowledged };
        sent.fetch_add(1, Ordering::SeqCst);
        match smtp.deliver("jane@example.com", to, &text(number)) {
            Ok(said) if said.code == 250 => acknowledged.push(number),
            // Not taken, as far as the sender knows: it will try again.
            Ok(_) | Err(_) => {
                numbers.lock().unwrap().insert(0, number);
                return acknowledged;
            }
        }
    }
}

on_both_backends! {
    fn no_250_without_an_event_and_none_twice_smtp_kill(backend: Backend) {
        // Each round takes the server down once, with a message under way in each session; the long form takes 1 000 down, eight at a time.
        let (rounds, per_round) = if soak() { (125, 40) } else { (3, 60) };
        let mut server = server(backend, "");
        let (trigger, address) = orders(server.api());
        let mut acknowledged = BTreeMap::<usize, usize>::new();
        let numbers = Arc::new(Mutex::new(Vec::new()));
        let mut under_way = 0;
        for round in 0..rounds {
            numbers.lock().unwrap().extend(round * per_round..(round + 1) * per_round);
            let sent = Arc::new(AtomicUsize::new(0));
            let cut = SESSIONS + (round * 7) % (per_round / 2);
            let port = server.smtp_port();
            let senders: Vec<_> = (0..SESSIONS)
                .map(|_| {
                    let (to, numbers, sent) = (address.clone(), Arc::clone(&numbers), Arc::clone(&sent));
                    std::thread::spawn(move || send(port, &to, &numbers, &sent))
                })
                .collect();
            factotum_tests::wait_until("some to be under way", || (sent.load(Ordering::SeqCst) >= cut).then_some(()));
            server.kill();
            let mut told = 0;
            for sender in senders {
                for number in sender.join().unwrap() {
                    told += 1;
                    *acknowledged.entry(number).or_default() += 1;
                }
            }
            under_way += sent.load(Ordering::SeqCst) - told;
            server.resume().unwrap();
        }
        // What was not acknowledged is sent again, as a sender does.
        let sent = AtomicUsize::new(0);
        for number in send(server.smtp_port(), &address, &numbers, &sent) {
            *acknowledged.entry(number).or_default() += 1;
        }
        assert_eq!(acknowledged.len(), rounds * per_round, "each was acknowledged in the end");
        assert!(acknowledged.values().all(|times| *times == 1), "and once, as nobody sends what was acknowledged again");
        assert!(under_way >= rounds, "the kills came in the middle: {under_way} deliveries were cut off");
        let runs = ledger::drained(server.api(), "echo");
        assert_eq!(runs.len(), rounds * per_round, "as many runs as messages");
        let mut bodies: Vec<_> = runs.values().map(|run| raw(server.api(), run)).collect();
        bodies.sort();
        let mut expected: Vec<_> = (0..rounds * per_round).map(text).collect();
        expected.sort();
        assert!(bodies == expected, "each message has its event, once");
        ledger::check_audit(server.api(), &trigger, &runs);
    }
}
