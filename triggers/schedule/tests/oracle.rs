//! The search for the next firing against a plain walk over every minute. What must hold: in any zone and across any change of
//! its clock, both find the same firings, in the same order.

use std::collections::BTreeSet;

use factotum_model::Timestamp;
use factotum_model::trigger::ScheduleConfig;
use factotum_schedule::Schedule;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use proptest::prelude::*;
use proptest::sample::select;

const MINUTE_US: i64 = 60_000_000;
const DAY_MINUTES: i64 = 1_440;

/// A field: how it is written, which values it has, whether it is an interval.
#[derive(Debug, Clone)]
struct Field {
    text: String,
    values: BTreeSet<i8>,
    interval: bool,
}

fn field(max: i8) -> impl Strategy<Value = Field> {
    let list = prop::collection::btree_set(0..=max, 1..4).prop_map(|values| Field {
        text: values.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        values,
        interval: false,
    });
    let step = (1..=max).prop_map(move |every| Field {
        text: format!("*/{every}"),
        values: (0..=max).step_by(every as usize).collect(),
        interval: true,
    });
    let range = (0..=max, 0..=max).prop_map(move |(from, to)| Field {
        text: format!("{from}-{to}"),
        values: (0..=max)
            .filter(|v| if from <= to { (from..=to).contains(v) } else { *v >= from || *v <= to })
            .collect(),
        interval: true,
    });
    let all = Just(Field { text: "*".into(), values: (0..=max).collect(), interval: true });
    prop_oneof![3 => list, 1 => step, 1 => range, 1 => all]
}

/// Places and days on which the clock changes: by an hour, by half an hour, at midnight, by a whole day, and not at all.
const CHANGES: [(&str, &str); 12] = [
    ("America/New_York", "2026-03-08T00:00:00Z"),
    ("America/New_York", "2026-11-01T00:00:00Z"),
    ("Europe/Berlin", "2026-03-29T00:00:00Z"),
    ("Europe/Berlin", "2026-10-25T00:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T00:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T00:00:00Z"),
    ("America/Santiago", "2026-04-05T00:00:00Z"),
    ("America/Santiago", "2026-09-06T00:00:00Z"),
    ("Pacific/Apia", "2011-12-30T00:00:00Z"),
    ("Africa/Casablanca", "2026-02-15T00:00:00Z"),
    ("Antarctica/Troll", "2026-03-29T00:00:00Z"),
    ("UTC", "2026-03-29T00:00:00Z"),
];

struct Oracle {
    zone: TimeZone,
    minute: Field,
    hour: Field,
}

impl Oracle {
    fn shows(&self, local: DateTime) -> bool {
        self.minute.values.contains(&local.minute()) && self.hour.values.contains(&local.hour())
    }

    /// Every firing of some days, minute by minute.
    fn firings(&self, from: jiff::Timestamp, minutes: i64) -> Vec<i64> {
        let interval = self.minute.interval || self.hour.interval;
        let mut firings = Vec::new();
        for minute in 1..=minutes {
            let at = from.as_microsecond() + minute * MINUTE_US;
            let instant = jiff::Timestamp::from_microsecond(at).expect("in range");
            let offset = self.zone.to_offset(instant);
            let local = offset.to_datetime(instant);
            let again = match self.zone.to_ambiguous_timestamp(local).offset() {
                AmbiguousOffset::Fold { after, .. } => after == offset,
                _ => false,
            };
            let shown = self.shows(local) && (interval || !again);
            if shown || self.jumped_over(at) {
                firings.push(at);
            }
        }
        firings
    }

    /// Whether the clock, on its way to this minute, jumped over a time that does not come again within the hour.
    fn jumped_over(&self, at: i64) -> bool {
        let local = |at| {
            let instant = jiff::Timestamp::from_microsecond(at).expect("in range");
            self.zone.to_offset(instant).to_datetime(instant)
        };
        let (before, after) = (local(at - MINUTE_US), local(at));
        let jump_minutes = after.duration_since(before).as_mins();
        let every_hour = self.hour.values.len() == 24;
        (2..DAY_MINUTES).contains(&jump_minutes)
            && !every_hour
            && (1..jump_minutes).any(|m| {
                self.shows(before.checked_add(jiff::SignedDuration::from_mins(m)).expect("in range"))
            })
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn the_search_finds_what_a_walk_finds(
        minute in field(59),
        hour in field(23),
        (zone, around) in select(&CHANGES[..]),
        start in 0..DAY_MINUTES,
    ) {
        let config: ScheduleConfig = serde_json::from_value(serde_json::json!({
            "cron": format!("{} {} * * *", minute.text, hour.text), "timezone": zone,
        })).expect("a config");
        let schedule = Schedule::parse(&config).expect("a schedule");
        let around: jiff::Timestamp = around.parse().expect("a time");
        let from = jiff::Timestamp::from_microsecond(around.as_microsecond() - start * MINUTE_US).expect("in range");
        let oracle = Oracle { zone: TimeZone::get(zone).expect("a zone"), minute, hour };
        let expected = oracle.firings(from, 3 * DAY_MINUTES);
        let until = Timestamp::from_micros(from.as_microsecond() + 3 * DAY_MINUTES * MINUTE_US);
        let mut found = Vec::new();
        let mut last = Timestamp::from_micros(from.as_microsecond());
        while let Some(next) = schedule.next_after(last).filter(|next| *next <= until) {
            prop_assert!(next > last);
            found.push(next.as_micros());
            last = next;
        }
        prop_assert_eq!(&found, &expected);
        // Wherever one asks from, also within a repeated hour, the answer is the next of these.
        for minute in (start % 7..3 * DAY_MINUTES).step_by(7) {
            let asked = from.as_microsecond() + minute * MINUTE_US;
            let next = schedule.next_after(Timestamp::from_micros(asked)).filter(|next| *next <= until);
            let due = expected.iter().copied().find(|at| *at > asked);
            prop_assert_eq!(next.map(Timestamp::as_micros), due);
        }
    }
}
