//! A schedule: a wall clock pattern in a time zone. What must hold: firings are strictly later one after the other; a
//! fixed time that the clock jumps over fires right after the jump, one that it repeats fires the first time only;
//! intervals run through both. Zones and their changes come from jiff alone (docs/schedule-dialect.md).

use factotum_model::Timestamp;
use factotum_model::trigger::ScheduleConfig;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use serde::{Deserialize, Serialize};

use crate::cron::{CronError, Expression};

/// A civil time that the clock jumped over by a day or more belongs to a date that the place never had, such as
/// 30 December 2011 in Apia: it has no firing, like 30 February.
const WHOLE_DAY_S: i32 = 86_400;
/// How many changes of a zone's clock are looked at.
const MAX_CHANGES: usize = 16;
/// The most firings that a preview shows.
pub const MAX_PREVIEW: usize = 100;

/// Why a configuration is not a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The expression.
    #[error(transparent)]
    Cron(#[from] CronError),
    /// The zone.
    #[error("`{0}` is not a known time zone; give an IANA name such as `Europe/Berlin` or `UTC`")]
    TimeZone(String),
}

/// When a workflow is due.
#[derive(Debug, Clone)]
pub struct Schedule {
    expression: Expression,
    zone: TimeZone,
}

/// What the change of a clock does to a firing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DstEffect {
    /// The wall clock jumped over the time; it fires right after the jump.
    Gap,
    /// The wall clock shows this time twice.
    Overlap,
}

/// One firing of a preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Firing {
    /// When, in UTC.
    pub at: Timestamp,
    /// When, as the clock in the zone shows it, with its offset: `2026-03-29T03:00:00+02:00`.
    pub local: String,
    /// Whether the zone changes its clock there.
    pub dst: Option<DstEffect>,
}

impl Schedule {
    /// Reads the expression and the zone.
    pub fn parse(config: &ScheduleConfig) -> Result<Self, ScheduleError> {
        let expression = Expression::parse(&config.cron)?;
        let zone = TimeZone::get(&config.timezone)
            .map_err(|_| ScheduleError::TimeZone(config.timezone.chars().take(64).collect()))?;
        Ok(Self { expression, zone })
    }

    /// The first firing later than `after`; `None` if there is none before the year 5000.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        self.search(after).map(|(at, _)| Timestamp::from_micros(at.as_microsecond()))
    }

    /// The next `count` firings, at most [`MAX_PREVIEW`].
    pub fn next_firings(&self, after: Timestamp, count: usize) -> Vec<Firing> {
        let mut firings = Vec::new();
        let mut last = after;
        while firings.len() < count.min(MAX_PREVIEW) {
            let Some((at, jumped)) = self.search(last) else { break };
            last = Timestamp::from_micros(at.as_microsecond());
            let offset = self.zone.to_offset(at);
            let local = offset.to_datetime(at);
            let dst = if jumped {
                Some(DstEffect::Gap)
            } else {
                self.second_time(local).map(|_| DstEffect::Overlap)
            };
            firings.push(Firing { at: last, local: shown(local, offset), dst });
        }
        firings
    }

    /// The first firing within `horizon` after `after` in which a change of the clocks has a part: what a preview of the next few would not show.
    pub fn next_changed(&self, after: Timestamp, horizon: std::time::Duration) -> Option<Firing> {
        let from = jiff::Timestamp::from_microsecond(after.as_micros()).ok()?;
        let until = after.plus(horizon);
        let mut before = self.zone.to_offset(from);
        for change in self.zone.following(from).take(MAX_CHANGES) {
            let at = Timestamp::from_micros(change.timestamp().as_microsecond());
            if at > until {
                return None;
            }
            // A jump is met by the first firing from then on; a repeated time is first met that long before.
            let back_s = u64::try_from(before.seconds() - change.offset().seconds()).unwrap_or(0) + 1;
            before = change.offset();
            let start = after.max(Timestamp::from_micros(at.as_micros() - 1_000_000 * back_s as i64));
            let met = self.next_firings(start, 1).pop().filter(|firing| firing.dst.is_some());
            if met.is_some() {
                return met;
            }
        }
        None
    }

    /// Walks the wall clock through the zone's periods of constant offset. `true` beside the instant says that it stands
    /// for a time in a gap.
    fn search(&self, after: Timestamp) -> Option<(jiff::Timestamp, bool)> {
        let nature = self.expression.nature;
        let after = jiff::Timestamp::from_microsecond(after.as_micros()).ok()?;
        let mut changes = self.zone.following(after);
        let mut offset = self.zone.to_offset(after);
        let from = whole_second(offset.to_datetime(after));
        let mut next = self.expression.next(from, false);
        loop {
            let change = changes.next();
            let end = change.as_ref().map(|c| offset.to_datetime(c.timestamp()));
            while let Some(due) = next.filter(|due| end.is_none_or(|end| *due < end)) {
                if nature.interval || self.second_time(due) != Some(offset) {
                    return offset.to_timestamp(due).ok().map(|at| (at, false));
                }
                next = self.expression.next(due, false);
            }
            let (change, end) = change.zip(end)?;
            offset = change.offset();
            let start = offset.to_datetime(change.timestamp());
            if start <= from && nature.interval {
                // The clock goes back over what was searched already.
                next = self.expression.next(start, true);
            } else if let Some(due) = next.filter(|due| end <= *due && *due < start) {
                // The clock jumps over what is due.
                let jump_s = offset_s(start, end);
                if jump_s < WHOLE_DAY_S && !nature.every_hour {
                    return Some((change.timestamp(), due != start));
                }
                next = self.expression.next(start, true);
            }
            next?;
        }
    }

    /// For a wall clock time that comes twice, the offset of its second coming.
    fn second_time(&self, local: DateTime) -> Option<Offset> {
        match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Fold { after, .. } => Some(after),
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => None,
        }
    }
}

/// The names of all zones that are known here, in order.
pub fn zones() -> Vec<String> {
    let known = jiff::tz::db().available().map(|name| name.as_str().to_owned());
    // Those without a region are old names, but for UTC.
    let mut names: Vec<String> = known.filter(|name| name == "UTC" || name.contains('/')).collect();
    names.retain(|name| {
        !["Etc/", "SystemV/", "US/", "posix/", "right/"].iter().any(|old| name.starts_with(old))
    });
    names.sort_unstable();
    names.dedup();
    names
}

/// Cron knows whole seconds: the second that has begun.
fn whole_second(time: DateTime) -> DateTime {
    time.with().subsec_nanosecond(0).build().unwrap_or(time)
}

/// By how much the clock jumps, in seconds.
fn offset_s(start: DateTime, end: DateTime) -> i32 {
    i32::try_from(start.duration_since(end).as_secs()).unwrap_or(i32::MAX)
}

/// RFC 3339 with the zone's offset.
fn shown(local: DateTime, offset: Offset) -> String {
    let seconds = offset.seconds().abs();
    let sign = if offset.is_negative() { '-' } else { '+' };
    format!("{local}{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(cron: &str, timezone: &str) -> Schedule {
        let config = serde_json::json!({"cron": cron, "timezone": timezone});
        Schedule::parse(&serde_json::from_value(config).unwrap()).unwrap()
    }

    /// The firings after `after`, as the zone's clock shows them.
    fn firings(cron: &str, timezone: &str, after: &str, count: usize) -> Vec<String> {
        let firings = schedule(cron, timezone).next_firings(after.parse().unwrap(), count);
        let mark = |dst| match dst {
            None => "",
            Some(DstEffect::Gap) => " gap",
            Some(DstEffect::Overlap) => " overlap",
        };
        firings.into_iter().map(|f| format!("{}{}", f.local, mark(f.dst))).collect()
    }

    #[test]
    fn a_preview_has_its_published_form() {
        let firings =
            schedule("0 9 * * *", "Europe/Berlin").next_firings("2026-11-22T10:00:00Z".parse().unwrap(), 1);
        assert_eq!(
            serde_json::to_value(firings).unwrap(),
            serde_json::json!([{"at": "2026-11-23T08:00:00.000000Z", "local": "2026-11-23T09:00:00+01:00", "dst": null}])
        );
    }

    #[test]
    fn an_unknown_zone_is_refused() {
        for zone in ["Europe/Berlim", "", "+02:00", "CEST2", "../etc/passwd"] {
            let config = serde_json::json!({"cron": "* * * * *", "timezone": zone});
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
        assert_eq!(
            over.next_after("2019-11-22T10:00:00Z".parse().unwrap()),
            "2019-12-31T23:00:00Z".parse().ok()
        );
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
        assert_eq!(
            next("30 2 * * *", "Europe/Berlin", "2026-11-22T10:00:00Z"),
            gap("2027-03-28T03:00:00+02:00")
        );
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
}
