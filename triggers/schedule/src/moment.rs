//! Single points in time as a configuration writes them: an instant with its offset, a time as the clock of the zone shows it, or a date. What must hold: what a
//! clock never showed is refused or moved as the policy says, never guessed.

use factotum_model::Timestamp;
use factotum_model::trigger::{Dst, Fold, Gap};
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::wall::{WHOLE_DAY_S, offset_s};

/// The longest text taken, in bytes.
const MAX_BYTES: usize = 64;

/// Why a text is not a point in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MomentError {
    /// It cannot be read.
    #[error(
        "`{0}` is not a time; write 2026-12-24T18:00 (a time of the zone), 2026-12-24T17:00:00Z (an instant) or 2026-12-24 (a date)"
    )]
    Form(String),
    /// A date where a time is needed.
    #[error("`{0}` is a date; write the time too: {0}T18:00")]
    Date(String),
    /// The clock jumps over it.
    #[error("`{0}` does not exist: the clocks of the zone jump over it")]
    Missing(String),
}

/// One point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) at: jiff::Timestamp,
    /// It stands for a time that the clock jumped over.
    pub(crate) jumped: bool,
}

/// When something is due once.
pub(crate) fn once(text: &str, zone: &TimeZone, dst: Dst) -> Result<Point, MomentError> {
    match read(text)? {
        Written::Instant(at) => Ok(Point { at, jumped: false }),
        Written::Day(_) => Err(MomentError::Date(shown(text))),
        Written::Local(local) => resolve(text, local, zone, dst),
    }
}

/// From when on: a date begins with its first moment.
pub(crate) fn beginning(text: &str, zone: &TimeZone) -> Result<Timestamp, MomentError> {
    let local = match read(text)? {
        Written::Instant(at) => return Ok(micros(at)),
        Written::Day(date) => date.to_datetime(jiff::civil::Time::midnight()),
        Written::Local(local) => local,
    };
    resolve(text, local, zone, Dst::default()).map(|point| micros(point.at))
}

/// Until when, that moment included: a date ends with its last.
pub(crate) fn ending(text: &str, zone: &TimeZone) -> Result<Timestamp, MomentError> {
    let dst = Dst { overlap: Fold::Second, ..Dst::default() };
    match read(text)? {
        Written::Instant(at) => Ok(micros(at)),
        Written::Local(local) => resolve(text, local, zone, dst).map(|point| micros(point.at)),
        Written::Day(date) => {
            let next = date.tomorrow().map_err(|_| MomentError::Form(shown(text)))?;
            let first = Dst { overlap: Fold::First, ..dst };
            let end = resolve(text, next.to_datetime(jiff::civil::Time::midnight()), zone, first)?;
            Ok(Timestamp::from_micros(end.at.as_microsecond() - 1))
        }
    }
}

enum Written {
    Instant(jiff::Timestamp),
    Local(DateTime),
    Day(Date),
}

fn read(text: &str) -> Result<Written, MomentError> {
    let text = text.trim();
    let wrong = || MomentError::Form(shown(text));
    if text.len() > MAX_BYTES {
        return Err(wrong());
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Written::Instant(at));
    }
    if text.contains(['T', 't', ' ']) {
        // What ends in an offset or a zone and is no instant is a mistake, not a time of the zone.
        let time = text.split(['T', 't', ' ']).nth(1).unwrap_or_default();
        let plain = time.bytes().all(|b| b.is_ascii_digit() || b == b':' || b == b'.');
        return text.parse().ok().filter(|_| plain).map(Written::Local).ok_or_else(wrong);
    }
    text.parse().map(Written::Day).map_err(|_| wrong())
}

fn resolve(text: &str, local: DateTime, zone: &TimeZone, dst: Dst) -> Result<Point, MomentError> {
    let wrong = || MomentError::Form(shown(text));
    let (offset, jumped) = match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => (offset, false),
        AmbiguousOffset::Fold { before, .. } if dst.overlap != Fold::Second => (before, false),
        AmbiguousOffset::Fold { after, .. } => (after, false),
        AmbiguousOffset::Gap { before, .. } if dst.gap == Gap::After => (before, true),
        AmbiguousOffset::Gap { .. } => return Err(MomentError::Missing(shown(text))),
    };
    let at = offset.to_timestamp(local).map_err(|_| wrong())?;
    if !jumped {
        return Ok(Point { at, jumped });
    }
    // Read with the offset of before, the time lies just after the jump: that is where it happens.
    let change = at.checked_add(jiff::SignedDuration::from_nanos(1)).ok();
    let change = change.and_then(|at| zone.preceding(at).next()).ok_or_else(wrong)?;
    let (end, start) =
        (offset.to_datetime(change.timestamp()), change.offset().to_datetime(change.timestamp()));
    if offset_s(start, end) >= WHOLE_DAY_S {
        return Err(MomentError::Missing(shown(text)));
    }
    Ok(Point { at: change.timestamp(), jumped })
}

fn micros(at: jiff::Timestamp) -> Timestamp {
    Timestamp::from_micros(at.as_microsecond())
}

fn shown(text: &str) -> String {
    text.chars().take(MAX_BYTES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, zone: &str) -> String {
        let zone = TimeZone::get(zone).unwrap();
        once(text, &zone, Dst::default()).map_or_else(|e| e.to_string(), |p| format!("{} {}", p.at, p.jumped))
    }

    #[test]
    fn a_time_is_the_zones_unless_it_says_otherwise() {
        for (text, zone, expected) in [
            ("2026-12-24T18:00", "Europe/Berlin", "2026-12-24T17:00:00Z false"),
            ("2026-12-24 18:00:30", "Europe/Berlin", "2026-12-24T17:00:30Z false"),
            ("2026-12-24T18:00:00Z", "Europe/Berlin", "2026-12-24T18:00:00Z false"),
            ("2026-12-24T18:00:00-05:00", "Europe/Berlin", "2026-12-24T23:00:00Z false"),
            ("2027-03-28T02:30", "Europe/Berlin", "2027-03-28T01:00:00Z true"),
            ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30:00Z false"),
            // A leap second is the last second of its minute.
            ("2016-12-31T23:59:60Z", "UTC", "2016-12-31T23:59:59Z false"),
        ] {
            assert_eq!(at(text, zone), expected, "{text} in {zone}");
        }
        assert!(at("2026-12-24", "UTC").contains("write the time too"));
        assert!(at("2011-12-30T09:00", "Pacific/Apia").contains("does not exist"));
        for bad in
            ["", "tomorrow", "2026-13-01T00:00", "2026-12-24T18:00+", "2026-12-24T18:00 CET", "24.12.2026"]
        {
            assert!(at(bad, "UTC").contains("is not a time"), "{bad}: {}", at(bad, "UTC"));
        }
    }

    #[test]
    fn a_date_is_its_whole_day() {
        let santiago = TimeZone::get("America/Santiago").unwrap();
        // That day begins at 01:00.
        assert_eq!(beginning("2026-09-06", &santiago).unwrap().to_string(), "2026-09-06T04:00:00.000000Z");
        assert_eq!(ending("2026-09-05", &santiago).unwrap().to_string(), "2026-09-06T03:59:59.999999Z");
        assert_eq!(ending("2026-09-06T12:00", &santiago).unwrap().to_string(), "2026-09-06T15:00:00.000000Z");
    }

    #[test]
    fn what_the_clock_jumps_over_is_refused_where_it_is_to_be_skipped() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let skip = Dst { gap: Gap::Skip, overlap: Fold::Second };
        assert!(matches!(once("2027-03-28T02:30", &berlin, skip), Err(MomentError::Missing(_))));
        let second = once("2026-10-25T02:30", &berlin, skip).unwrap();
        assert_eq!(second.at.to_string(), "2026-10-25T01:30:00Z");
    }
}
