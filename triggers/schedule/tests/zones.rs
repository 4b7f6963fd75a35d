//! All zones and all changes of their clocks from 2000 to 2040, against a walk over every minute. What must hold: around each change both find the same
//! firings, for fixed times and intervals, under each policy. The walk knows of a zone only what its clock shows at an instant.
//!
//! CI looks at each zone's changes in turn, a few of each; `cargo xtask soak zones` at all of them, in every zone.

#![expect(clippy::print_stderr, reason = "how much was compared must be seen")]

use std::collections::{BTreeMap, HashSet};

use factotum_model::Timestamp;
use factotum_schedule::Schedule;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp as Instant};
use serde_json::json;

const MINUTE_US: i64 = 60_000_000;
/// How far around a change is looked, in minutes, beyond the change itself.
const AROUND: i64 = 200;
/// A jump of a day leaves a date out: it has no times that were jumped over.
const DAY_MINUTES: i64 = 1_440;
const POLICIES: [(&str, &str); 6] = [
    ("after", "first"),
    ("after", "second"),
    ("after", "both"),
    ("skip", "first"),
    ("skip", "second"),
    ("skip", "both"),
];

/// What the clock shows around a change, minute by minute.
struct Window {
    minutes: Vec<(Instant, DateTime)>,
    /// Of each, whether the same time came before, and comes again, with the clock set back between.
    comings: Vec<(bool, bool)>,
}

impl Window {
    fn around(zone: &TimeZone, change: Instant, jump: i64) -> Self {
        let span = AROUND + jump.abs().min(DAY_MINUTES);
        let minutes: Vec<_> = (-span..=span)
            .filter_map(|minute| {
                let at = Instant::from_microsecond(change.as_microsecond() + minute * MINUTE_US).ok()?;
                Some((at, zone.to_datetime(at)))
            })
            .collect();
        let mut seen = BTreeMap::<DateTime, Vec<usize>>::new();
        for (index, (_, local)) in minutes.iter().enumerate() {
            seen.entry(*local).or_default().push(index);
        }
        let comings = minutes.iter().enumerate().map(|(index, (_, local))| {
            let all = &seen[local];
            (all[0] < index, all[all.len() - 1] > index)
        });
        let comings = comings.collect();
        Self { minutes, comings }
    }

    /// What fires in the window but for its first minute, and by the rules of docs/schedule-dialect.md.
    fn firings(&self, pattern: &Pattern, gap: &str, overlap: &str) -> Vec<i64> {
        let mut found = Vec::new();
        for (index, (at, local)) in self.minutes.iter().enumerate().skip(1) {
            let (again, comes_again) = self.comings[index];
            let counts = pattern.interval
                || match overlap {
                    "first" => !again,
                    "second" => !comes_again,
                    _ => true,
                };
            let before = self.minutes[index - 1].1;
            let jump = local.duration_since(before).as_mins();
            let jumped = gap == "after" && (2..DAY_MINUTES).contains(&jump) && !pattern.every_hour();
            let missed = jumped
                && (1..jump).any(|minute| {
                    before
                        .checked_add(SignedDuration::from_mins(minute))
                        .is_ok_and(|local| pattern.shows(local))
                });
            if (pattern.shows(*local) && counts) || missed {
                found.push(at.as_microsecond());
            }
        }
        found
    }
}

struct Pattern {
    text: String,
    minutes: HashSet<i8>,
    hours: HashSet<i8>,
    interval: bool,
}

impl Pattern {
    fn of(minute: &str, hour: &str) -> Self {
        let interval = [minute, hour].iter().any(|field| field.contains(['*', '/', '-']));
        let text = format!("{minute} {hour} * * *");
        Self { text, minutes: values(minute, 59), hours: values(hour, 23), interval }
    }

    fn shows(&self, local: DateTime) -> bool {
        self.minutes.contains(&local.minute()) && self.hours.contains(&local.hour())
    }

    fn every_hour(&self) -> bool {
        self.hours.len() == 24
    }

    /// What says something about a change at this time of the clock.
    fn about(change: DateTime, jump: i64) -> Vec<Self> {
        let within = |part: i64| {
            let minutes = jump * part / 4;
            change.checked_add(SignedDuration::from_mins(minutes)).unwrap_or(change)
        };
        let (middle, first) = (within(2), within(1));
        let (m, h) = (middle.minute().to_string(), middle.hour().to_string());
        vec![
            Self::of(&m, &h),
            Self::of(&change.minute().to_string(), &change.hour().to_string()),
            Self::of(&format!("{m},{}", first.minute()), &format!("{h},{}", first.hour())),
            Self::of("0", "0"),
            Self::of("*/7", &h),
            Self::of("*/20", "*"),
            Self::of(&m, "*"),
            Self::of(&m, "*/2"),
            Self::of("10-40", &h),
        ]
    }
}

fn values(field: &str, max: i8) -> HashSet<i8> {
    if let Some(step) = field.strip_prefix("*/") {
        return (0..=max).step_by(step.parse::<usize>().expect("a step")).collect();
    }
    match (field, field.split_once('-')) {
        ("*", _) => (0..=max).collect(),
        (_, Some((from, to))) => (from.parse().expect("a number")..=to.parse().expect("a number")).collect(),
        (list, None) => list.split(',').map(|n| n.parse().expect("a number")).collect(),
    }
}

/// The changes of a zone's clock in these years: when, and by how many minutes.
fn changes(zone: &TimeZone) -> Vec<(Instant, i64)> {
    let from: Instant = "2000-01-01T00:00:00Z".parse().expect("a time");
    let until: Instant = "2041-01-01T00:00:00Z".parse().expect("a time");
    let mut before = zone.to_offset(from);
    let mut found = Vec::new();
    for change in zone.following(from).take_while(|change| change.timestamp() < until) {
        let jump = i64::from(change.offset().seconds() - before.seconds()) / 60;
        before = change.offset();
        if jump != 0 {
            found.push((change.timestamp(), jump));
        }
    }
    found
}

fn compare(name: &str, zone: &TimeZone, (change, jump): (Instant, i64), policies: &[(&str, &str)]) -> usize {
    let window = Window::around(zone, change, jump);
    let (first, last) = (window.minutes[0].0, window.minutes[window.minutes.len() - 1].0);
    let micros = |at: Instant| Timestamp::from_micros(at.as_microsecond());
    // What the clock would show at the change if it did not change.
    let just_before = Instant::from_microsecond(change.as_microsecond() - MINUTE_US).expect("a time");
    let local = zone.to_datetime(just_before).checked_add(SignedDuration::from_mins(1)).expect("a time");
    let mut compared = 0;
    for pattern in Pattern::about(local, jump) {
        for (gap, overlap) in policies {
            let config =
                json!({"cron": pattern.text, "timezone": name, "dst": {"gap": gap, "overlap": overlap}});
            let config = serde_json::from_value(config).expect("a configuration");
            let schedule = Schedule::parse(&config).expect("a schedule");
            let expected = window.firings(&pattern, gap, overlap);
            let mut found = Vec::new();
            let mut from = micros(first);
            while let Some(next) = schedule.next_after(from).filter(|next| *next <= micros(last)) {
                assert!(next > from, "{name} {change} {}: it goes back", pattern.text);
                found.push(next.as_micros());
                from = next;
            }
            assert_eq!(
                found, expected,
                "{name}, change by {jump} min at {change}: `{}`, {gap}, {overlap}",
                pattern.text
            );
            // Asked from within: the next of these.
            for minute in (1..window.minutes.len()).step_by(37) {
                let asked = window.minutes[minute].0.as_microsecond();
                let next = schedule.next_after(Timestamp::from_micros(asked)).map(Timestamp::as_micros);
                let due = expected.iter().copied().find(|at| *at > asked);
                assert_eq!(
                    next.filter(|at| *at <= last.as_microsecond()),
                    due,
                    "{name} {change} {} from {asked}",
                    pattern.text
                );
            }
            compared += 1;
        }
    }
    compared
}

#[test]
fn every_zone_fires_as_its_clock_says() {
    let whole = std::env::var_os("FACTOTUM_SOAK").is_some();
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
    assert!(names.len() > 400, "a database of zones");
    let (mut seen, mut zones, mut all, mut looked_at, mut compared) = (HashSet::new(), 0, 0, 0, 0);
    for (number, name) in names.iter().enumerate() {
        let zone = TimeZone::get(name).expect("a zone that is there");
        let changes = changes(&zone);
        zones += 1;
        // Two names of one clock are compared once: nothing but the clock has a part in it.
        let begins = zone.to_offset("2000-01-01T00:00:00Z".parse().expect("a time"));
        if !seen.insert((begins.seconds(), changes.clone())) {
            continue;
        }
        all += changes.len();
        for (index, change) in changes.into_iter().enumerate() {
            let unusual = change.1.abs() != 60;
            if whole {
                compared += compare(name, &zone, change, &POLICIES);
            } else if (index + number).is_multiple_of(8) || (unusual && index.is_multiple_of(4)) {
                compared += compare(name, &zone, change, &[POLICIES[(index + number) % POLICIES.len()]]);
            } else {
                continue;
            }
            looked_at += 1;
        }
    }
    eprintln!(
        "{zones} zones, {} clocks, {all} changes, {looked_at} of them looked at, {compared} schedules compared",
        seen.len()
    );
    assert!(looked_at > 100);
}
