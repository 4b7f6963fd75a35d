//! The dialect `cron`: expressions as the crate of that name reads them, as wall clock patterns. What must hold: the crate says what the fields mean, and no
//! more: its own search skips whole days where a clock jumps and fires twice where it goes back, so days and zones are walked here.

use std::str::FromStr as _;

use cron::TimeUnitSpec;
use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Span};

/// A wall clock pattern: all fields must match.
#[derive(Debug, Clone)]
pub(crate) struct Plain {
    seconds: Vec<i8>,
    minutes: Vec<i8>,
    hours: Vec<i8>,
    days: Vec<i8>,
    months: Vec<i8>,
    /// 1 is Sunday.
    weekdays: Vec<i8>,
    years: Vec<i16>,
}

impl Plain {
    /// Reads six or seven fields, or a name.
    ///
    /// # Errors
    /// The crate's own words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let read = cron::Schedule::from_str(text).map_err(|e| e.to_string())?;
        Ok(Self {
            seconds: small(read.seconds()),
            minutes: small(read.minutes()),
            hours: small(read.hours()),
            days: small(read.days_of_month()),
            months: small(read.months()),
            weekdays: small(read.days_of_week()),
            years: read.years().iter().filter_map(|n| i16::try_from(n).ok()).collect(),
        })
    }

    /// Whether it names every hour.
    pub(crate) fn every_hour(&self) -> bool {
        self.hours.len() == 24
    }

    /// The first second that matches, from `from` on or, unless `inclusive`, after it.
    pub(crate) fn next(&self, from: DateTime, inclusive: bool) -> Option<DateTime> {
        let from = if inclusive { from } else { from.checked_add(SignedDuration::from_secs(1)).ok()? };
        if self.is_day(from.date())
            && let Some(time) = self.time(from.time())
        {
            return Some(from.date().to_datetime(time));
        }
        let first = self.time(Time::midnight())?;
        let tomorrow = from.date().checked_add(Span::new().days(1)).ok()?;
        self.day(tomorrow).map(|date| date.to_datetime(first))
    }

    fn is_day(&self, date: Date) -> bool {
        self.years.binary_search(&date.year()).is_ok()
            && self.months.binary_search(&date.month()).is_ok()
            && self.days.binary_search(&date.day()).is_ok()
            && self.weekdays.binary_search(&(date.weekday().to_sunday_zero_offset() + 1)).is_ok()
    }

    /// The first day that matches, from a date on.
    fn day(&self, from: Date) -> Option<Date> {
        let years = self.years.iter().copied().filter(|year| *year >= from.year());
        let months = years.flat_map(|year| self.months.iter().map(move |month| (year, *month)));
        let months = months.filter(|month| *month >= (from.year(), from.month()));
        months
            .flat_map(|(year, month)| {
                self.days.iter().filter_map(move |day| Date::new(year, month, *day).ok())
            })
            .find(|date| *date >= from && self.is_day(*date))
    }

    /// The first time of a day that matches, from a time on.
    fn time(&self, from: Time) -> Option<Time> {
        let hours = self.hours.iter().copied().filter(|hour| *hour >= from.hour());
        let minutes = hours.flat_map(|hour| self.minutes.iter().map(move |minute| (hour, *minute)));
        let minutes = minutes.filter(|minute| *minute >= (from.hour(), from.minute()));
        let mut seconds = minutes
            .flat_map(|(hour, minute)| self.seconds.iter().map(move |second| (hour, minute, *second)))
            .filter(|second| *second >= (from.hour(), from.minute(), from.second()));
        let (hour, minute, second) = seconds.next()?;
        Time::new(hour, minute, second, 0).ok()
    }
}

fn small(unit: &impl TimeUnitSpec) -> Vec<i8> {
    unit.iter().filter_map(|n| i8::try_from(n).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_the_crate_says() {
        for (text, from, expected) in [
            ("0 30 9 * * *", "2026-11-22T10:00:00", "2026-11-23T09:30:00"),
            // Day of month and day of week: both. 1 is Sunday.
            ("0 0 0 13 * Fri", "2026-11-22T10:00:00", "2027-08-13T00:00:00"),
            ("0 0 0 * * 1", "2026-11-22T10:00:00", "2026-11-29T00:00:00"),
            ("0 0 0 1 1 * 2030/5", "2026-11-22T10:00:00", "2030-01-01T00:00:00"),
            ("@daily", "2026-11-22T10:00:00", "2026-11-23T00:00:00"),
            ("59 59 23 31 12 *", "2026-11-22T10:00:00", "2026-12-31T23:59:59"),
            ("*/20 * * * * *", "2026-12-31T23:59:40", "2027-01-01T00:00:00"),
        ] {
            let found = Plain::parse(text).unwrap().next(from.parse().unwrap(), false).unwrap();
            assert_eq!(found.to_string(), expected, "{text}");
        }
        assert_eq!(
            Plain::parse("0 0 0 30 2 *").unwrap().next("1970-01-01T00:00:00".parse().unwrap(), true),
            None
        );
    }
}
