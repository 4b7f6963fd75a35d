//! Bounds: connections, errors, slow clients, recipients, memory.

use std::time::{Duration, Instant};

use factotum_tests::{Backend, Server, Smtp, wait_until};

use super::{letter, orders, runs, server};

/// proc(5), `VmRSS`, in KiB.
fn resident(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process_id().unwrap())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn metric(server: &Server, name: &str) -> u64 {
    let text = server.api().get("/metrics").text();
    let line =
        text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in {text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// As many files as the system lets us have, the server that is started included.
fn many_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
}

#[test]
fn a_thousand_connections_that_wait_need_little_memory_and_keep_nobody_out() {
    many_files();
    let server = server(Backend::Sqlite, "[smtp]\nconnections = 1002\nconnections_per_address = 1001\n");
    let (trigger, address) = orders(server.api());
    let mut first = Smtp::greeted(server.smtp_port()).unwrap();
    assert_eq!(first.deliver("jane@example.com", &address, &letter("Warm", "up")).unwrap().code, 250);
    let before = resident(&server);
    let idle: Vec<Smtp> = (0..1_000).map(|_| Smtp::greeted(server.smtp_port()).unwrap()).collect();
    let grown = resident(&server).saturating_sub(before);
    assert!(grown < 64 * 1024, "1 000 idle connections need {grown} KiB");
    assert_eq!(metric(&server, "factotum_smtp_connections "), 1_001);
    let mut beyond = Smtp::open(server.smtp_port()).unwrap();
    assert_eq!(beyond.read().unwrap().short(), "421 4.7.0", "one too many from this address");
    assert!(beyond.is_closed());
    assert_eq!(first.deliver("jane@example.com", &address, &letter("In", "time")).unwrap().code, 250);
    drop(idle);
    wait_until("their places to be free", || {
        (metric(&server, "factotum_smtp_connections ") == 1).then_some(())
    });
    assert_eq!(runs(server.api(), &trigger, 2).len(), 2);
    assert!(metric(&server, "factotum_smtp_refusals_total{reason=\"connections_of_address\"}") >= 1);
}

#[test]
fn who_errs_or_does_nothing_too_often_is_told_goodbye() {
    let server = server(Backend::Sqlite, "[smtp]\nfaults = 5\nconnections = 3\n");
    let mut smtp = Smtp::greeted(server.smtp_port()).unwrap();
    for _ in 0..5 {
        assert_eq!(smtp.say("GET / HTTP/1.1").unwrap().short(), "500 5.5.1");
    }
    assert_eq!(smtp.read().unwrap().short(), "421 4.7.0");
    assert!(smtp.is_closed());
    let mut smtp = Smtp::greeted(server.smtp_port()).unwrap();
    smtp.send("NOOP\r\n".repeat(200).as_bytes()).unwrap();
    let last = std::iter::from_fn(|| smtp.read().ok()).last().unwrap();
    assert_eq!(last.short(), "421 4.7.0");
    // Lines without end.
    let mut smtp = Smtp::greeted(server.smtp_port()).unwrap();
    smtp.send(format!("NOOP {}\r\n", "x".repeat(5_000)).as_bytes()).unwrap();
    assert_eq!(smtp.read().unwrap().short(), "500 5.5.2");
    assert_eq!(smtp.say("NOOP").unwrap().code, 250, "and on it goes");
    let _ = smtp.send("x".repeat(200_000).as_bytes());
    assert_eq!(smtp.read().unwrap().short(), "500 5.5.2");
    assert!(smtp.is_closed());
    // All places taken.
    let held: Vec<Smtp> = (0..3).map(|_| Smtp::greeted(server.smtp_port()).unwrap()).collect();
    assert_eq!(Smtp::open(server.smtp_port()).unwrap().read().unwrap().short(), "421 4.3.2");
    drop(held);
}

#[test]
fn slow_clients_are_cut_off_and_others_are_served() {
    let toml = "[smtp]\ncommand_timeout_s = 2\ndata_timeout_s = 2\nmessage_timeout_s = 4\n";
    let server = server(Backend::Sqlite, toml);
    let (trigger, address) = orders(server.api());
    let mut silent = Smtp::greeted(server.smtp_port()).unwrap();
    let mut paused = Smtp::greeted(server.smtp_port()).unwrap();
    paused.envelope("jane@example.com", &[&address]).unwrap();
    paused.say("DATA").unwrap();
    paused.send(b"Subject: never").unwrap();
    // One byte at a time, so that no pause is too long: the message as a whole is.
    let port = server.smtp_port();
    let to = address.clone();
    let dripping = std::thread::spawn(move || {
        let mut smtp = Smtp::greeted(port).unwrap();
        smtp.envelope("jane@example.com", &[&to]).unwrap();
        smtp.say("DATA").unwrap();
        let begun = Instant::now();
        while smtp.send(b"x").is_ok() && begun.elapsed() < Duration::from_mins(1) {
            std::thread::sleep(Duration::from_millis(200));
        }
        begun.elapsed()
    });
    let mut quick = Smtp::greeted(server.smtp_port()).unwrap();
    assert_eq!(quick.deliver("jane@example.com", &address, &letter("Quick", "one")).unwrap().code, 250);
    assert_eq!(silent.read().unwrap().short(), "421 4.4.2");
    assert_eq!(paused.read().unwrap().short(), "421 4.4.2");
    assert!(dripping.join().unwrap() < Duration::from_mins(1));
    assert_eq!(runs(server.api(), &trigger, 1).len(), 1, "half a message is none");
}

#[test]
fn a_stop_lets_a_message_come_to_its_answer() {
    let mut server = server(Backend::Sqlite, "");
    let (trigger, address) = orders(server.api());
    let mut idle = Smtp::greeted(server.smtp_port()).unwrap();
    let mut busy = Smtp::greeted(server.smtp_port()).unwrap();
    busy.envelope("jane@example.com", &[&address]).unwrap();
    busy.say("DATA").unwrap();
    busy.send(b"Subject: under way\r\n\r\nhello\r\n").unwrap();
    let stopping = std::thread::spawn(move || {
        let status = server.stop().unwrap();
        (server, status)
    });
    assert_eq!(idle.read().unwrap().short(), "421 4.3.2");
    busy.send(b".\r\n").unwrap();
    assert_eq!(busy.read().unwrap().short(), "250 2.0.0");
    assert_eq!(busy.read().unwrap().short(), "421 4.3.2");
    let (mut server, status) = stopping.join().unwrap();
    assert!(status.success());
    server.resume().unwrap();
    assert_eq!(runs(server.api(), &trigger, 1).len(), 1);
}

#[test]
fn a_hundred_recipients_are_taken_and_more_are_to_come_again() {
    let server = server(Backend::Sqlite, "");
    let boxes: Vec<_> = (0..101).map(|_| orders(server.api())).collect();
    let mut smtp = Smtp::greeted(server.smtp_port()).unwrap();
    smtp.say("MAIL FROM:<jane@example.com>").unwrap();
    let codes: Vec<_> =
        boxes.iter().map(|(_, to)| smtp.say(&format!("RCPT TO:<{to}>")).unwrap().short()).collect();
    assert!(codes[..100].iter().all(|code| code == "250 2.1.5"), "{codes:?}");
    assert_eq!(codes[100], "452 4.5.3");
    smtp.say("DATA").unwrap();
    smtp.send(&[&letter("Many", "of you")[..], b".\r\n"].concat()).unwrap();
    assert_eq!(smtp.read().unwrap().code, 250);
    wait_until("a run for each", || {
        (server.api().all("/api/v1/runs?workflow=echo").len() == 100).then_some(())
    });
}
