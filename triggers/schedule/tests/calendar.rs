//! When a schedule is due, place by place: New York, Lord Howe, Santiago, Apia. What must hold: each of these was worked out by hand from the zone's rules.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure, and unwrap shows it")]

use factotum_model::Timestamp;
use factotum_schedule::{DstEffect, Schedule, ScheduleError, zones};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

fn schedule(cron: &str, timezone: &str) -> Schedule {
    of(json!({"cron": cron, "timezone": timezone}))
}

fn of(config: Value) -> Schedule {
    Schedule::parse(&serde_json::from_value(config).unwrap()).unwrap()
}

fn mark(dst: Option<DstEffect>) -> &'static str {
    match dst {
        None => "",
        Some(DstEffect::Gap) => " gap",
        Some(DstEffect::Overlap) => " overlap",
        Some(DstEffect::Skipped) => " skipped",
    }
}

fn shown(schedule: &Schedule, after: &str, count: usize) -> Vec<String> {
    let firings = schedule.next_firings(after.parse().unwrap(), count);
    firings.into_iter().map(|f| format!("{}{}", f.local, mark(f.dst))).collect()
}

/// The firings after `after`, as the zone's clock shows them.
fn firings(cron: &str, timezone: &str, after: &str, count: usize) -> Vec<String> {
    shown(&schedule(cron, timezone), after, count)
}

#[test]
fn a_preview_has_its_published_form() {
    let firings =
        schedule("0 9 * * *", "Europe/Berlin").next_firings("2026-11-22T10:00:00Z".parse().unwrap(), 1);
    assert_eq!(
        serde_json::to_value(firings).unwrap(),
        json!([{"at": "2026-11-23T08:00:00.000000Z", "local": "2026-11-23T09:00:00+01:00", "dst": null}])
    );
}

#[test]
fn an_unknown_zone_is_refused() {
    for zone in ["Europe/Berlim", "", "+02:00", "CEST2", "../etc/passwd"] {
        let config = json!({"cron": "* * * * *", "timezone": zone});
        let error = Schedule::parse(&serde_json::from_value(config).unwrap()).unwrap_err();
        assert_eq!(error, ScheduleError::TimeZone(zone.into()));
    }
}

#[test]
fn a_fraction_of_a_second_does_not_fire_twice() {
    let schedule = schedule("* * * * * *", "UTC");
    let next = schedule.next_after("2026-11-22T10:00:00.000001Z".parse().unwrap());
    assert_eq!(next, "2026-11-22T10:00:01Z".parse().ok());
    assert_eq!(
        schedule.next_after("2026-11-22T10:00:01Z".parse().unwrap()),
        "2026-11-22T10:00:02Z".parse().ok()
    );
    // Before the epoch, too: the second that has begun is the earlier one.
    assert_eq!(schedule.next_after(Timestamp::from_micros(-1)), Some(Timestamp::from_micros(0)));
}

#[test]
fn a_year_that_is_over_has_no_firing() {
    let over = schedule("0 0 0 1 1 * 2020", "Europe/Berlin");
    assert_eq!(over.next_after("2026-11-22T10:00:00Z".parse().unwrap()), None);
    assert_eq!(over.next_after("2019-11-22T10:00:00Z".parse().unwrap()), "2019-12-31T23:00:00Z".parse().ok());
}

#[test]
fn new_york_jumps_from_two_to_three() {
    let after = "2026-03-08T06:50:00Z";
    let daily = firings("30 2 * * *", "America/New_York", "2026-03-07T08:00:00Z", 2);
    assert_eq!(daily, ["2026-03-08T03:00:00-04:00 gap", "2026-03-09T02:30:00-04:00"]);
    let list = firings("0,30 2,3 * * *", "America/New_York", "2026-03-08T06:00:00Z", 3);
    assert_eq!(
        list,
        ["2026-03-08T03:00:00-04:00 gap", "2026-03-08T03:30:00-04:00", "2026-03-09T02:00:00-04:00"]
    );
    let interval = firings("*/20 * * * *", "America/New_York", after, 2);
    assert_eq!(interval, ["2026-03-08T03:00:00-04:00", "2026-03-08T03:20:00-04:00"]);
    let half_past = firings("30 * * * *", "America/New_York", after, 1);
    assert_eq!(half_past, ["2026-03-08T03:30:00-04:00"], "every hour: nothing is lost by the jump");
    let window = firings("*/30 2 * * *", "America/New_York", after, 2);
    assert_eq!(
        window,
        ["2026-03-08T03:00:00-04:00 gap", "2026-03-09T02:00:00-04:00"],
        "the day keeps a firing"
    );
}

#[test]
fn new_york_repeats_the_hour_from_one_to_two() {
    let after = "2026-11-01T04:59:00Z";
    let daily = firings("30 1 * * *", "America/New_York", after, 2);
    assert_eq!(daily, ["2026-11-01T01:30:00-04:00 overlap", "2026-11-02T01:30:00-05:00"]);
    let hourly = firings("0 * * * *", "America/New_York", after, 3);
    assert_eq!(
        hourly,
        [
            "2026-11-01T01:00:00-04:00 overlap",
            "2026-11-01T01:00:00-05:00 overlap",
            "2026-11-01T02:00:00-05:00"
        ]
    );
    // Created, or the program started, within the second half: today's firing was in the first.
    let late = firings("30 1 * * *", "America/New_York", "2026-11-01T06:10:00Z", 1);
    assert_eq!(late, ["2026-11-02T01:30:00-05:00"]);
    let once = firings("0 30 1 1 11 * 2026", "America/New_York", after, 5);
    assert_eq!(once, ["2026-11-01T01:30:00-04:00 overlap"]);
}

#[test]
fn the_next_change_of_the_clock_is_found_beyond_the_preview() {
    let year = std::time::Duration::from_hours(366 * 24);
    let next = |cron, zone, after: &str| {
        let found = schedule(cron, zone).next_changed(after.parse().unwrap(), year);
        found.map(|firing| (firing.local, firing.dst))
    };
    let gap = |local: &str| Some((local.to_owned(), Some(DstEffect::Gap)));
    let overlap = |local: &str| Some((local.to_owned(), Some(DstEffect::Overlap)));
    assert_eq!(next("30 2 * * *", "Europe/Berlin", "2026-11-22T10:00:00Z"), gap("2027-03-28T03:00:00+02:00"));
    assert_eq!(
        next("30 2 * * *", "Europe/Berlin", "2026-04-01T10:00:00Z"),
        overlap("2026-10-25T02:30:00+02:00")
    );
    assert_eq!(
        next("*/20 * * * *", "Europe/Berlin", "2026-11-22T10:00:00Z"),
        overlap("2027-10-31T02:00:00+02:00"),
        "an interval loses nothing in spring"
    );
    assert_eq!(next("0 9 * * *", "Europe/Berlin", "2026-11-22T10:00:00Z"), None, "day time");
    assert_eq!(next("30 2 * * *", "UTC", "2026-11-22T10:00:00Z"), None, "no change at all");
}

#[test]
fn zones_are_named() {
    let zones = zones();
    for zone in ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"] {
        assert!(zones.iter().any(|known| known == zone), "{zone}");
    }
    assert!(zones.iter().all(|zone| TimeZone::get(zone).is_ok()) && zones.len() < 700);
}

#[test]
fn lord_howe_changes_by_half_an_hour() {
    let daily = firings("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T14:00:00Z", 2);
    assert_eq!(daily, ["2026-10-04T02:30:00+11:00 gap", "2026-10-05T02:15:00+11:00"]);
    let daily = firings("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T14:00:00Z", 2);
    assert_eq!(daily, ["2026-04-05T01:45:00+11:00 overlap", "2026-04-06T01:45:00+10:30"]);
    let quarter = firings("*/15 * * * *", "Australia/Lord_Howe", "2026-04-04T14:30:00Z", 4);
    assert_eq!(
        quarter,
        [
            "2026-04-05T01:45:00+11:00 overlap",
            "2026-04-05T01:30:00+10:30 overlap",
            "2026-04-05T01:45:00+10:30 overlap",
            "2026-04-05T02:00:00+10:30"
        ]
    );
}

#[test]
fn santiago_has_no_midnight_and_two_last_hours() {
    let daily = firings("0 0 * * *", "America/Santiago", "2026-09-05T12:00:00Z", 2);
    assert_eq!(daily, ["2026-09-06T01:00:00-03:00 gap", "2026-09-07T00:00:00-03:00"]);
    let daily = firings("30 23 * * *", "America/Santiago", "2026-04-04T12:00:00Z", 2);
    assert_eq!(daily, ["2026-04-04T23:30:00-03:00 overlap", "2026-04-05T23:30:00-04:00"]);
}

#[test]
fn apia_had_no_30_december_2011() {
    let daily = firings("0 9 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z", 3);
    assert_eq!(
        daily,
        ["2011-12-29T09:00:00-10:00", "2011-12-31T09:00:00+14:00", "2012-01-01T09:00:00+14:00"]
    );
    let on_that_date = firings("0 9 30 12 *", "Pacific/Apia", "2011-01-01T00:00:00Z", 1);
    assert_eq!(on_that_date, ["2012-12-30T09:00:00+14:00"]);
    let hourly = firings("0 * * * *", "Pacific/Apia", "2011-12-30T09:00:00Z", 2);
    assert_eq!(hourly, ["2011-12-31T00:00:00+14:00", "2011-12-31T01:00:00+14:00"]);
}

#[test]
fn what_a_change_of_the_clocks_does_can_be_set() {
    let berlin = |dst: Value| of(json!({"cron": "30 2 * * *", "timezone": "Europe/Berlin", "dst": dst}));
    let spring = "2027-03-27T12:00:00Z";
    assert_eq!(shown(&berlin(json!({})), spring, 1), ["2027-03-28T03:00:00+02:00 gap"]);
    let skip = berlin(json!({"gap": "skip"}));
    assert_eq!(shown(&skip, spring, 1), ["2027-03-29T02:30:00+02:00"]);
    let year = std::time::Duration::from_hours(366 * 24);
    let left_out = skip.next_changed(spring.parse().unwrap(), year).unwrap();
    assert_eq!((left_out.local.as_str(), left_out.dst), ("2027-03-28T02:30:00", Some(DstEffect::Skipped)));
    let autumn = "2026-10-24T12:00:00Z";
    for (policy, expected) in [
        ("first", vec!["2026-10-25T02:30:00+02:00 overlap", "2026-10-26T02:30:00+01:00"]),
        ("second", vec!["2026-10-25T02:30:00+01:00 overlap", "2026-10-26T02:30:00+01:00"]),
        ("both", vec!["2026-10-25T02:30:00+02:00 overlap", "2026-10-25T02:30:00+01:00 overlap"]),
    ] {
        assert_eq!(shown(&berlin(json!({"overlap": policy})), autumn, 2), expected, "{policy}");
    }
    // Asked from within the repeated hour.
    let second = berlin(json!({"overlap": "second"}));
    assert_eq!(shown(&second, "2026-10-25T00:45:00Z", 1), ["2026-10-25T02:30:00+01:00 overlap"]);
    assert_eq!(shown(&second, "2026-10-25T01:30:00Z", 1), ["2026-10-26T02:30:00+01:00"]);
}

#[test]
fn an_interval_runs_through_whatever_the_clocks_do() {
    let every = of(json!({"every": "90m", "timezone": "Europe/Berlin", "start": "2027-03-28T00:00"}));
    assert_eq!(
        shown(&every, "2027-03-27T00:00:00Z", 4),
        [
            "2027-03-28T00:00:00+01:00",
            "2027-03-28T01:30:00+01:00",
            "2027-03-28T04:00:00+02:00",
            "2027-03-28T05:30:00+02:00"
        ]
    );
    let epoch = of(json!({"cron": "@every 1h", "timezone": "Asia/Kolkata"}));
    assert_eq!(shown(&epoch, "2027-03-28T00:00:00Z", 1), ["2027-03-28T06:30:00+05:30"]);
}

#[test]
fn a_single_time_fires_once() {
    let once = of(json!({"at": "2026-12-24T18:00", "timezone": "Europe/Berlin"}));
    assert_eq!(shown(&once, "2026-11-22T10:00:00Z", 5), ["2026-12-24T18:00:00+01:00"]);
    assert_eq!(once.next_after("2026-12-24T17:00:00Z".parse().unwrap()), None);
    let gap = of(json!({"at": "2027-03-28T02:30", "timezone": "Europe/Berlin"}));
    assert_eq!(shown(&gap, "2026-11-22T10:00:00Z", 5), ["2027-03-28T03:00:00+02:00 gap"]);
}

#[test]
fn nothing_fires_outside_start_and_end() {
    let bounded = of(
        json!({"cron": "0 0,12 * * *", "timezone": "America/Santiago", "start": "2026-09-06", "end": "2026-09-07"}),
    );
    assert_eq!(
        shown(&bounded, "2026-01-01T00:00:00Z", 9),
        [
            "2026-09-06T01:00:00-03:00 gap",
            "2026-09-06T12:00:00-03:00",
            "2026-09-07T00:00:00-03:00",
            "2026-09-07T12:00:00-03:00"
        ]
    );
    let exact = of(json!({"every": "1h", "start": "2026-12-01T08:00:00Z", "end": "2026-12-01T10:00:00Z"}));
    assert_eq!(shown(&exact, "2020-01-01T00:00:00Z", 9).len(), 3, "both ends are within");
}

#[test]
fn the_dialect_cron_goes_by_our_zones() {
    let daily = |cron: &str, zone: &str| of(json!({"cron": cron, "timezone": zone, "dialect": "cron"}));
    // What the crate itself gets wrong: a day is skipped at a gap, and fires twice at a repeated hour.
    let berlin = daily("0 30 2 * * *", "Europe/Berlin");
    assert_eq!(
        shown(&berlin, "2027-03-27T12:00:00Z", 2),
        ["2027-03-28T03:00:00+02:00 gap", "2027-03-29T02:30:00+02:00"]
    );
    assert_eq!(
        shown(&berlin, "2026-10-24T12:00:00Z", 2),
        ["2026-10-25T02:30:00+02:00 overlap", "2026-10-26T02:30:00+01:00"]
    );
    let apia = daily("0 0 9 30 12 *", "Pacific/Apia");
    assert_eq!(shown(&apia, "2011-01-01T00:00:00Z", 1), ["2012-12-30T09:00:00+14:00"]);
    let both = daily("0 0 0 13 * Fri", "UTC");
    assert_eq!(shown(&both, "2026-11-22T00:00:00Z", 1), ["2027-08-13T00:00:00+00:00"]);
}
