//! Schedules: they fire as the base account, once per due time; missed firings are made up for as asked; a pause holds them.

use std::collections::BTreeSet;

use factotum_tests::cli::Cli;
use factotum_tests::{Server, on_both_backends, wait_until};
use serde_json::{Value, json};

use crate::ledger;
use crate::two_nodes::find;

fn runs_of(server: &Server, trigger: &Value) -> Vec<Value> {
    server.api().all(&format!("/api/v1/runs?trigger={}", trigger["id"].as_str().unwrap()))
}

fn nominal_times(server: &Server, runs: &[Value]) -> Vec<String> {
    let times = runs.iter().map(|run| {
        let path = format!("/api/v1/events/{}", ledger::text(&run["event"]));
        let event = server.api().get(&path).expect(200);
        find(&event, "nominal_time").unwrap_or_else(|| panic!("no nominal time in {event}"))
    });
    times.collect()
}

on_both_backends! {
    fn a_schedule_fires_as_the_base_account_with_its_nominal_time(backend: Backend) {
        let server = Server::start(backend);
        server.api().deploy("echo", &[]);
        let trigger = server.api().trigger("echo", "schedule", &json!({"cron": "* * * * * *"}));
        let preview = trigger["next_firings"].as_array().unwrap_or_else(|| panic!("no preview: {trigger}"));
        assert!(!preview.is_empty());
        let runs = wait_until("three firings", || {
            let runs = runs_of(&server, &trigger);
            (runs.len() >= 3).then_some(runs)
        });
        let ended = server.api().wait_end(runs[0]["id"].as_str().unwrap());
        assert_eq!(ended["state"], "succeeded", "{ended}");
        assert_eq!(ended["principal"]["kind"], "base");
        assert_eq!(ended["initiator"]["kind"], "schedule");
        assert_eq!(ended["initiator"]["id"], trigger["id"]);
        let times = nominal_times(&server, &runs);
        assert_eq!(times.iter().collect::<BTreeSet<_>>().len(), times.len(), "{times:?}");
    }

    fn firings_missed_while_down_are_made_up_for_as_asked(backend: Backend) {
        let mut server = Server::start(backend);
        let api = server.api();
        api.deploy("echo", &[]);
        let schedule = |policy: &str| {
            let missed = json!({"policy": policy, "window_s": 3_600});
            api.trigger("echo", "schedule", &json!({"cron": "* * * * * *", "missed": missed}))
        };
        let (all, none) = (schedule("all"), schedule("none"));
        wait_until("first firings", || {
            (!runs_of(&server, &all).is_empty() && !runs_of(&server, &none).is_empty()).then_some(())
        });
        server.kill();
        // Down for a few due times: a condition on the clock, as the clock is what the schedule goes by.
        let down = std::time::Instant::now();
        wait_until("four seconds", || (down.elapsed().as_secs() >= 4).then_some(()));
        server.resume().unwrap();
        let gaps = |trigger: &Value| {
            let mut times = nominal_times(&server, &runs_of(&server, trigger));
            times.sort();
            let count = times.len();
            times.dedup();
            assert_eq!(times.len(), count, "a due time fires once");
            let seconds: Vec<i64> = times.iter().map(|time| second_of_day(time)).collect();
            seconds.windows(2).map(|pair| (pair[1] + 86_400 - pair[0]) % 86_400).max().unwrap_or(0)
        };
        wait_until("all due times", || (runs_of(&server, &all).len() >= 8).then_some(()));
        assert_eq!(gaps(&all), 1, "`all` leaves out none");
        wait_until("the next firings", || (gaps(&none) > 0).then_some(()));
        assert!(gaps(&none) >= 3, "`none` leaves out what was missed");
    }

    fn a_paused_schedule_does_not_fire(backend: Backend) {
        let server = Server::start(backend);
        server.api().deploy("echo", &[]);
        let cron = json!({"cron": "* * * * * *", "missed": {"policy": "none"}});
        let (paused, living) =
            (server.api().trigger("echo", "schedule", &cron), server.api().trigger("echo", "schedule", &cron));
        let path = format!("/api/v1/triggers/{}", paused["id"].as_str().unwrap());
        server.api().patch(&path, &json!({"paused": true})).expect(200);
        let before = runs_of(&server, &paused).len();
        let start = runs_of(&server, &living).len();
        wait_until("the other to go on", || (runs_of(&server, &living).len() >= start + 3).then_some(()));
        // One may have been under way while the pause was made.
        assert!(runs_of(&server, &paused).len() <= before + 1);
        server.api().patch(&path, &json!({"paused": false})).expect(200);
        wait_until("it to fire again", || (runs_of(&server, &paused).len() > before + 1).then_some(()));
    }
}

#[test]
fn every_kind_of_time_is_taken_and_shown() {
    let server = Server::start(factotum_tests::Backend::Sqlite);
    let api = server.api();
    api.deploy("echo", &[]);
    let made = |config: Value| api.trigger("echo", "schedule", &config);
    let every = made(json!({"every": "90s", "start": "2030-01-01T00:00:00Z", "end": "2030-01-01T00:03:00Z"}));
    let times = |trigger: &Value| -> Vec<String> {
        trigger["next_firings"].as_array().unwrap().iter().map(|f| ledger::text(&f["at"])).collect()
    };
    assert_eq!(
        times(&every),
        ["2030-01-01T00:00:00.000000Z", "2030-01-01T00:01:30.000000Z", "2030-01-01T00:03:00.000000Z"]
    );
    let once = made(json!({"at": "2031-03-30T02:30", "timezone": "Europe/Berlin"}));
    assert_eq!(once["next_firings"][0]["local"], "2031-03-30T03:00:00+02:00");
    assert_eq!((times(&once).len(), &once["next_firings"][0]["dst"]), (1, &json!("gap")));
    let plain = made(json!({"cron": "0 0 0 13 * Fri", "dialect": "cron", "start": "2030-01-01"}));
    assert_eq!(times(&plain)[0], "2030-09-13T00:00:00.000000Z");
    let late = made(json!({"cron": "@daily", "jitter_s": 3_600}));
    let first = &late["next_firings"][0];
    assert!(first["fires_at"].as_str().unwrap() > first["at"].as_str().unwrap(), "{first}");
    let refused = |config: Value, field: &str| {
        let answer =
            api.post("/api/v1/triggers", &json!({"workflow": "echo", "kind": "schedule", "config": config}));
        let problem = answer.expect(422);
        assert!(problem.to_string().contains(field), "{config}: {problem}");
    };
    refused(json!({"every": "0s"}), "config.every");
    refused(json!({"at": "2020-01-01T00:00"}), "config.at");
    refused(json!({"cron": "@daily", "every": "1h"}), "config.every");
    refused(json!({"cron": "@daily", "end": "2020-01-01"}), "config.end");
    refused(json!({"cron": "@daily", "dst": {"gap": "later"}}), "config.dst.gap");
    refused(json!({"cron": "@daily", "overlap": "queue one"}), "config.overlap");
    refused(json!({"cron": "@daily", "jitter_s": 100_000}), "config.jitter_s");
}

on_both_backends! {
    fn a_range_is_backfilled_once_and_a_test_fires_beside_the_calendar(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy("hello", &[]);
        let trigger = api.trigger("hello", "schedule", &json!({"cron": "0 6 * * *", "timezone": "Europe/Berlin"}));
        let path = |rest: &str| format!("/api/v1/triggers/{}/{rest}", trigger["id"].as_str().unwrap());
        let range = |dry_run: bool| json!({"from": "2026-10-24", "until": "2026-10-27", "dry_run": dry_run});
        let shown = api.post(&path("backfill"), &range(true)).expect(200);
        let times = json!(["2026-10-24T04:00:00.000000Z", "2026-10-25T05:00:00.000000Z", "2026-10-26T05:00:00.000000Z"]);
        assert_eq!((&shown["count"], &shown["firings"]), (&json!(3), &times));
        assert!(runs_of(&server, &trigger).is_empty(), "it was only shown");
        assert_eq!(api.post(&path("backfill"), &range(false)).expect(200)["firings"], times);
        let runs = wait_until("three runs", || Some(runs_of(&server, &trigger)).filter(|runs| runs.len() == 3));
        let fired: BTreeSet<_> = nominal_times(&server, &runs).into_iter().collect();
        assert_eq!(json!(fired), times);
        for run in &runs {
            let ended = api.wait_end(run["id"].as_str().unwrap());
            assert_eq!((&ended["state"], &ended["principal"]["kind"]), (&json!("succeeded"), &json!("base")));
        }
        let again = api.post(&path("backfill"), &range(false)).expect(200);
        assert_eq!((&again["count"], &again["fired_already"]), (&json!(0), &json!(3)));
        for (body, field) in [
            (json!({"from": "2026-10-24", "until": "2026-10-24"}), "until"),
            (json!({"from": "2026-10-24", "until": "2999-01-01"}), "until"),
            (json!({"from": "long ago", "until": "2026-10-24"}), "from"),
        ] {
            let problem = api.post(&path("backfill"), &body).expect(422);
            assert!(problem.to_string().contains(field), "{problem}");
        }
        let entries = api.audit("action=trigger.backfill");
        assert_eq!(entries.len(), 2, "the look left none: {entries:?}");

        let tested = api.post(&path("test"), &json!({})).expect(200);
        let run = api.wait_end(tested["run"].as_str().unwrap());
        assert_eq!((&run["state"], &run["initiator"]["kind"]), (&json!("succeeded"), &json!("schedule")));
        let event = api.get(&format!("/api/v1/events/{}", ledger::text(&run["event"]))).expect(200);
        assert!(event.to_string().contains("\"test\":true"), "{event}");
        let again = api.post(&path("backfill"), &range(true)).expect(200);
        assert_eq!(again["fired_already"], 3, "a test takes no time of the calendar");
        assert_eq!(api.audit("action=trigger.test").len(), 1);
        api.patch(path("").trim_end_matches('/'), &json!({"paused": true})).expect(200);
        api.post(&path("test"), &json!({})).expect(409);

        let hook = api.trigger("hello", "webhook", &json!({}));
        let hook = hook["id"].as_str().unwrap();
        let tested = api.post(&format!("/api/v1/triggers/{hook}/test"), &json!({"body": {"n": 7}})).expect(200);
        assert_eq!(tested["status"], 202);
        assert_eq!(api.wait_end(tested["run"].as_str().unwrap())["state"], "succeeded");
        api.post(&format!("/api/v1/triggers/{hook}/backfill"), &range(true)).expect(409);
    }
}

#[test]
fn the_nightly_example_closes_each_day_once_and_in_order() {
    let server = Server::start(factotum_tests::Backend::Sqlite);
    let api = server.api();
    let grants = json!(["kv:read:nightly", "kv:write:nightly"]);
    api.deploy_with("nightly", &json!({"grants": grants, "retry": {"attempts": 5, "backoff_ms": 100}}));
    let config = json!({
        "cron": "30 2 * * *", "timezone": "Europe/Berlin", "missed": {"policy": "all", "window_s": 604_800},
        "overlap": "queue_all", "jitter_s": 600,
    });
    let trigger = api.trigger("nightly", "schedule", &config);
    let path = format!("/api/v1/triggers/{}/backfill", trigger["id"].as_str().unwrap());
    let asked = api.post(&path, &json!({"from": "2026-10-24", "until": "2026-10-27"})).expect(200);
    assert_eq!((&asked["count"], &asked["in_turn"]), (&json!(3), &json!(true)));
    let runs = wait_until("three runs", || Some(runs_of(&server, &trigger)).filter(|runs| runs.len() == 3));
    let ended: Vec<Value> = runs.iter().rev().map(|run| api.wait_end(run["id"].as_str().unwrap())).collect();
    let days: Vec<&Value> = ended.iter().map(|run| &run["outcome"]["output"]["day"]).collect();
    assert_eq!(days, ["2026-10-23", "2026-10-24", "2026-10-25"], "oldest first: {ended:?}");
    for pair in ended.windows(2) {
        let (before, after) = (&pair[0]["timings"]["finished_at"], &pair[1]["timings"]["started_at"]);
        assert!(before.as_str().unwrap() <= after.as_str().unwrap(), "one after the other: {ended:?}");
    }
}

#[test]
fn the_command_tries_and_backfills() {
    let server = Server::start(factotum_tests::Backend::Sqlite);
    let api = server.api();
    api.deploy("hello", &[]);
    let cli = Cli::of(&server);
    let made = cli.json(&["trigger", "create", "hello", "schedule", "--every", "1d"]);
    let id = made["id"].as_str().unwrap();
    let range = ["--from", "2026-10-01T00:00:00Z", "--until", "2026-10-03T00:00:00Z"];
    let shown = cli.json(&[&["trigger", "backfill", id, "--dry-run"], &range[..]].concat());
    assert_eq!((&shown["count"], &shown["dry_run"]), (&json!(2), &json!(true)));
    assert_eq!(cli.json(&[&["trigger", "backfill", id], &range[..]].concat())["count"], 2);
    let runs = wait_until("two runs", || Some(runs_of(&server, &made)).filter(|runs| runs.len() == 2));
    assert_eq!(runs[0]["initiator"]["id"], made["id"]);
    let tested = cli.json(&["trigger", "test", id]);
    assert_eq!(tested["status"], 202, "{tested}");
    let shown = cli.json(&["trigger", "show", id]);
    assert_eq!(shown["config"]["every"], "1d");
}

/// The seconds since midnight of an RFC 3339 time.
fn second_of_day(time: &str) -> i64 {
    let digits = |range: std::ops::Range<usize>| time[range].parse::<i64>().unwrap();
    digits(11..13) * 3_600 + digits(14..16) * 60 + digits(17..19)
}
