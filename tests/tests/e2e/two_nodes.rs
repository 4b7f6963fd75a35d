//! Two nodes on one PostgreSQL: they share the work; one dies, and the other goes on with its runs and its schedules.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use factotum_tests::backend::soak;
use factotum_tests::load::Load;
use factotum_tests::{Api, Backend, Server, wait_until, wait_within};
use serde_json::{Value, json};

use crate::ledger;

/// The lease time plus what a busy machine adds.
const TAKE_OVER: Duration = Duration::from_secs(30);

#[test]
fn a_killed_nodes_runs_resume_on_the_other_and_nothing_is_lost_or_doubled() {
    let mut one = Server::start(Backend::Postgres);
    let other = one.another_node().unwrap();
    one.api().deploy("echo", &[]);
    let trigger = one.api().trigger("echo", "webhook", &json!({"dedup": {"header": "X-Id"}}));
    let url = trigger["url"].as_str().unwrap();
    let path = &url[url.find("/hooks/").unwrap()..];

    let count = if soak() { 5_000 } else { 800 };
    let process = i32::try_from(one.process_id().unwrap()).unwrap();
    let sent = AtomicUsize::new(0);
    let killing = |number: usize| {
        if sent.fetch_add(1, Ordering::SeqCst) == count / 2 {
            let id = rustix::process::Pid::from_raw(process).unwrap();
            rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
        }
        (format!("x-id: one-{number}\r\n"), "{}".to_owned())
    };
    let living = |number: usize| (format!("x-id: other-{number}\r\n"), "{}".to_owned());
    let (to_one, to_other) = std::thread::scope(|scope| {
        let one_load = Load { port: one.port(), path, count, connections: 16, message: &killing };
        let other_load = Load { port: other.port(), path, count, connections: 16, message: &living };
        let first = scope.spawn(move || one_load.send());
        let second = scope.spawn(move || other_load.send());
        (first.join().unwrap(), second.join().unwrap())
    });
    one.kill();
    let mut acknowledged: BTreeMap<usize, String> = ledger::acknowledged(&to_one);
    let on_other = ledger::acknowledged(&to_other);
    assert_eq!(
        on_other.len(),
        count,
        "the living node acknowledged all: {:?}",
        to_other.iter().find(|d| !d.acknowledged())
    );
    acknowledged.extend(on_other.into_iter().map(|(number, run)| (count + number, run)));
    let runs = ledger::drained(other.api(), "echo");
    ledger::check_runs(&acknowledged, &runs);
    ledger::check_audit(other.api(), trigger["id"].as_str().unwrap(), &runs);
}

#[test]
fn what_a_run_logs_is_seen_from_the_other_node_while_it_runs() {
    let one = Server::start(Backend::Postgres);
    one.api().deploy_with("talker", &json!({"limits": {"wall_ms": 120_000}}));
    let lines = json!({"lines": [
        {"text": "the first line"},
        {"text": "the second line", "wait_ms": 500},
        {"text": "never reached", "wait_ms": 100_000},
    ]});
    let run = one.api().begin("talker", &lines);
    let id = run["id"].as_str().unwrap();
    one.api().wait_state(id, &["running"]);
    // It joins late, so that the run is the first node's.
    let other = one.another_node().unwrap();
    let messages = |api: &Api| {
        let logs = api.get(&format!("/api/v1/runs/{id}/logs")).expect(200);
        let items = logs["items"].as_array().unwrap().clone();
        items.iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    wait_until("its lines", || {
        (messages(other.api()) == ["the first line", "the second line"]).then_some(())
    });
    assert_eq!(other.api().run_object(id)["state"], "running");
    other.api().post(&format!("/api/v1/runs/{id}/cancel"), &json!({})).expect(200);
    wait_until("the log that counts", || (messages(other.api()).len() == 2).then_some(()));
    assert_eq!(messages(one.api()), messages(other.api()));
}

#[test]
fn a_run_moves_to_the_living_node_within_the_lease_time() {
    let mut one = Server::start(Backend::Postgres);
    one.api().deploy("sleeper", &[]);
    let runs: Vec<Value> = (0..4).map(|_| one.api().begin("sleeper", &json!({"ms": 4_000}))).collect();
    for run in &runs {
        one.api().wait_state(run["id"].as_str().unwrap(), &["running"]);
    }
    // It joins late, so that all runs are the first node's.
    let other = one.another_node().unwrap();
    one.kill();
    for run in &runs {
        let id = run["id"].as_str().unwrap();
        let again = wait_within(TAKE_OVER, "the second attempt", || {
            let run = other.api().run_object(id);
            (run["attempt"] == 2).then_some(run)
        });
        assert_ne!(again["state"], "failed", "{again}");
        assert_eq!(other.api().wait_end(id)["state"], "succeeded");
    }
}

#[test]
fn both_nodes_work() {
    // A node runs what it accepted itself while it has room: so it must not have any.
    let one = Server::start_with(Backend::Postgres, "[limits]\nmax_instances = 2\n");
    let other = one.another_node().unwrap();
    one.api().deploy("sleeper", &[]);
    let count = 16;
    let runs: Vec<Value> = (0..count).map(|_| one.api().begin("sleeper", &json!({"ms": 1_000}))).collect();
    for run in &runs {
        assert_eq!(one.api().wait_end(run["id"].as_str().unwrap())["state"], "succeeded");
    }
    let ended = |node: &Server| {
        let text = node.stranger().get("/metrics").text();
        let line = text.lines().find(|line| line.starts_with("factotum_attempts_ended{end=\"succeeded\"}"));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).unwrap_or_else(|| panic!("{text}"))
    };
    let shares = wait_until("the nodes' figures", || {
        let shares = (ended(&one), ended(&other));
        (shares.0 + shares.1 == count).then_some(shares)
    });
    assert!(shares.0 > 0 && shares.1 > 0, "each has its share: {shares:?}");
}

#[test]
fn a_schedule_fires_once_per_due_time_whoever_lives() {
    let mut one = Server::start(Backend::Postgres);
    let other = one.another_node().unwrap();
    one.api().deploy("echo", &[]);
    let missed = json!({"policy": "all", "window_s": 600});
    let trigger = one.api().trigger("echo", "schedule", &json!({"cron": "* * * * * *", "missed": missed}));
    let path = format!("/api/v1/runs?trigger={}", trigger["id"].as_str().unwrap());
    let fired = |at_least: usize| {
        wait_until("firings", || {
            let runs = other.api().all(&path);
            (runs.len() >= at_least).then_some(runs)
        })
    };
    fired(4);
    one.kill();
    let before = fired(4).len();
    let runs = fired(before + 4);
    let mut times: Vec<String> = runs
        .iter()
        .map(|run| {
            let event =
                other.api().get(&format!("/api/v1/events/{}", ledger::text(&run["event"]))).expect(200);
            find(&event, "nominal_time").unwrap_or_else(|| panic!("no nominal time in {event}"))
        })
        .collect();
    times.sort();
    let count = times.len();
    let seconds: Vec<u64> = times.iter().map(|time| second_of_day(time)).collect();
    times.dedup();
    assert_eq!(times.len(), count, "a due time fires once");
    for pair in seconds.windows(2) {
        assert_eq!((pair[1] + 86_400 - pair[0]) % 86_400, 1, "no due time is left out: {times:?}");
    }
}

/// The text under a key, wherever it is.
pub fn find(value: &Value, key: &str) -> Option<String> {
    match value {
        Value::Object(object) => object
            .get(key)
            .and_then(|found| found.as_str().map(ToOwned::to_owned))
            .or_else(|| object.values().find_map(|inner| find(inner, key))),
        Value::Array(items) => items.iter().find_map(|item| find(item, key)),
        _ => None,
    }
}

/// The seconds since midnight of an RFC 3339 time.
fn second_of_day(time: &str) -> u64 {
    let digits = |range: std::ops::Range<usize>| time[range].parse::<u64>().unwrap();
    digits(11..13) * 3_600 + digits(14..16) * 60 + digits(17..19)
}
