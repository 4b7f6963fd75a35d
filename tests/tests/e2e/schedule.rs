//! Schedules: they fire as the base account, once per due time; missed firings are made up for as asked; a pause holds them.

use std::collections::BTreeSet;

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

/// The seconds since midnight of an RFC 3339 time.
fn second_of_day(time: &str) -> i64 {
    let digits = |range: std::ops::Range<usize>| time[range].parse::<i64>().unwrap();
    digits(11..13) * 3_600 + digits(14..16) * 60 + digits(17..19)
}
