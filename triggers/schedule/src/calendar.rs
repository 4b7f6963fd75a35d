//! A schedule: a cron pattern, an interval or a single time, in a time zone, within bounds. What must hold: firings are strictly later one after the other, and
//! depend on the configuration and the zone's rules alone (docs/schedule-dialect.md).

use factotum_model::Timestamp;
use factotum_model::trigger::{Dialect, Dst, ScheduleConfig};
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use serde::{Deserialize, Serialize};

use crate::cron::{CronError, Expression};
use crate::every::{Every, EveryError};
use crate::moment::{self, MomentError, Point};
use crate::wall::{Wall, twice};

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
    /// The interval.
    #[error(transparent)]
    Every(#[from] EveryError),
    /// A single time, in this field.
    #[error("{1}")]
    Moment(&'static str, MomentError),
    /// Nothing says when, or two fields do: this one is too much or missing.
    #[error("one of `cron`, `every` and `at` says when, and only one")]
    When(&'static str),
    /// A dialect where there is no expression.
    #[error("only `cron` has a dialect")]
    Dialect,
    /// It ends before it begins.
    #[error("it lies before `start`")]
    End,
}

/// When a workflow is due.
#[derive(Debug, Clone)]
pub struct Schedule {
    times: Times,
    zone: TimeZone,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

#[derive(Debug, Clone)]
enum Times {
    Wall(Box<Wall>),
    Every(Every),
    At(Point),
}

/// What the change of a clock does to a firing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DstEffect {
    /// The wall clock jumped over the time; it fires right after the jump.
    Gap,
    /// The wall clock shows this time twice.
    Overlap,
    /// The wall clock jumps over the time, and it is left out: no firing, only shown.
    Skipped,
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
    /// Reads what says when, the zone and the bounds.
    pub fn parse(config: &ScheduleConfig) -> Result<Self, ScheduleError> {
        let zone = TimeZone::get(&config.timezone)
            .map_err(|_| ScheduleError::TimeZone(config.timezone.chars().take(64).collect()))?;
        let bound =
            |field, text: Option<&String>, read: fn(&str, &TimeZone) -> Result<Timestamp, MomentError>| {
                text.map(|text| read(text, &zone)).transpose().map_err(|e| ScheduleError::Moment(field, e))
            };
        let start = bound("start", config.start.as_ref(), moment::beginning)?;
        let end = bound("end", config.end.as_ref(), moment::ending)?;
        if start.zip(end).is_some_and(|(start, end)| end < start) {
            return Err(ScheduleError::End);
        }
        if config.cron.is_none() && config.dialect != Dialect::default() {
            return Err(ScheduleError::Dialect);
        }
        let anchor = start.map_or(0, Timestamp::as_micros);
        let times = match (&config.cron, &config.every, &config.at) {
            (Some(cron), None, None) => match interval_of(cron) {
                Some(every) => Times::Every(Every::parse(every, anchor)?),
                None => Times::Wall(Box::new(Wall {
                    expression: Expression::parse(cron, config.dialect)?,
                    zone: zone.clone(),
                    dst: config.dst,
                })),
            },
            (None, Some(every), None) => Times::Every(Every::parse(every, anchor)?),
            (None, None, Some(at)) => {
                Times::At(moment::once(at, &zone, config.dst).map_err(|e| ScheduleError::Moment("at", e))?)
            }
            (None, None, None) => return Err(ScheduleError::When("cron")),
            (Some(_), Some(_), _) => return Err(ScheduleError::When("every")),
            _ => return Err(ScheduleError::When("at")),
        };
        Ok(Self { times, zone, start, end })
    }

    /// The first firing later than `after`; `None` if there is none before the year 5000.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        self.search(after).map(|(at, _)| at)
    }

    /// A point in time as the schedule's configuration would write it: an instant, a time of its zone, or the beginning of a date.
    pub fn moment(&self, text: &str) -> Result<Timestamp, MomentError> {
        moment::beginning(text, &self.zone)
    }

    /// The next `count` firings, at most [`MAX_PREVIEW`].
    pub fn next_firings(&self, after: Timestamp, count: usize) -> Vec<Firing> {
        let mut firings = Vec::new();
        let mut last = after;
        while firings.len() < count.min(MAX_PREVIEW) {
            let Some((at, jumped)) = self.search(last) else { break };
            last = at;
            let Ok(instant) = jiff::Timestamp::from_microsecond(at.as_micros()) else { break };
            let offset = self.zone.to_offset(instant);
            let local = offset.to_datetime(instant);
            let dst = if jumped {
                Some(DstEffect::Gap)
            } else {
                twice(&self.zone, local).map(|_| DstEffect::Overlap)
            };
            firings.push(Firing { at, local: shown(local, offset), dst });
        }
        firings
    }

    /// The first firing within `horizon` after `after` in which a change of the clocks has a part, or the first time that it leaves out: what a preview of the
    /// next few would not show.
    pub fn next_changed(&self, after: Timestamp, horizon: std::time::Duration) -> Option<Firing> {
        let Times::Wall(wall) = &self.times else { return None };
        let from = jiff::Timestamp::from_microsecond(after.as_micros()).ok()?;
        let until = self.end.unwrap_or(Timestamp::from_micros(i64::MAX)).min(after.plus(horizon));
        let mut before = self.zone.to_offset(from);
        for change in self.zone.following(from).take(MAX_CHANGES) {
            let at = micros(change.timestamp());
            if at > until {
                return None;
            }
            let (end, start) =
                (before.to_datetime(change.timestamp()), change.offset().to_datetime(change.timestamp()));
            // A jump is met by the first firing from then on; a repeated time is first met that long before.
            let back_s = u64::try_from(before.seconds() - change.offset().seconds()).unwrap_or(0) + 1;
            before = change.offset();
            if let Some(due) =
                wall.left_out(end, start).filter(|_| self.start.is_none_or(|start| start <= at))
            {
                return Some(Firing { at, local: due.to_string(), dst: Some(DstEffect::Skipped) });
            }
            let back = Timestamp::from_micros(at.as_micros() - 1_000_000 * back_s as i64);
            let met = self.next_firings(after.max(back), 1).pop();
            if let Some(met) = met.filter(|firing| firing.dst.is_some()) {
                return Some(met);
            }
        }
        None
    }

    /// The first firing later than `after`. `true` beside it says that it stands for a time in a gap.
    fn search(&self, after: Timestamp) -> Option<(Timestamp, bool)> {
        let just_before = self.start.map(|start| Timestamp::from_micros(start.as_micros().saturating_sub(1)));
        let after = just_before.map_or(after, |start| after.max(start));
        let after = jiff::Timestamp::from_microsecond(after.as_micros()).ok()?;
        let found = match &self.times {
            Times::Wall(wall) => wall.search(after),
            Times::Every(every) => every.next(after).map(|at| (at, false)),
            Times::At(point) => (point.at > after).then_some((point.at, point.jumped)),
        };
        let found = found.map(|(at, jumped)| (micros(at), jumped));
        found.filter(|(at, _)| self.end.is_none_or(|end| *at <= end))
    }
}

/// `every 90s`, `@every 90s`: an interval that stands where an expression does.
fn interval_of(cron: &str) -> Option<&str> {
    let (word, rest) = cron.trim().split_once(char::is_whitespace)?;
    ["every", "@every"].iter().any(|name| name.eq_ignore_ascii_case(word)).then_some(rest)
}

/// Whether a cron text can be read: for fuzzing, which feeds it anything. Whatever it is given, it ends soon and never panics.
pub fn probe(text: &str, timezone: &str) -> bool {
    let mut any = false;
    for dialect in [Dialect::Croner, Dialect::Cron] {
        let config = ScheduleConfig {
            cron: Some(text.to_owned()),
            every: None,
            at: None,
            dialect,
            timezone: timezone.to_owned(),
            start: None,
            end: None,
            dst: Dst::default(),
            missed: factotum_model::trigger::Missed::default(),
            overlap: factotum_model::trigger::Overlap::default(),
            jitter_s: 0,
        };
        if let Ok(schedule) = Schedule::parse(&config) {
            let firings = schedule.next_firings(Timestamp::from_micros(1_800_000_000_000_000), 10);
            assert!(firings.is_sorted_by(|a, b| a.at < b.at), "firings come in order: {text:?}");
            any = true;
        }
    }
    any
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

fn micros(at: jiff::Timestamp) -> Timestamp {
    Timestamp::from_micros(at.as_microsecond())
}

/// RFC 3339 with the zone's offset.
fn shown(local: DateTime, offset: Offset) -> String {
    let seconds = offset.seconds().abs();
    let sign = if offset.is_negative() { '-' } else { '+' };
    format!("{local}{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60)
}
