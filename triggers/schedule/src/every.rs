//! Intervals: `90s`, `1h30m`. What must hold: the firings are the anchor and whole multiples of the interval later, on every node and after every restart alike;
//! the clock of no zone has a part in them.

use jiff::Timestamp;

/// The longest interval: ten years, in seconds.
const MAX_S: u64 = 10 * 366 * 86_400;
const SECOND_US: i64 = 1_000_000;

/// Why a text is not an interval.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EveryError {
    /// It cannot be read.
    #[error("`{0}` is not an interval; write 90s, 15m, 1h30m, 2d or 1w")]
    Form(String),
    /// Nothing, or more than ten years.
    #[error("an interval is 1 second to ten years")]
    Bounds,
}

/// An interval with where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Every {
    every_us: i64,
    anchor_us: i64,
}

impl Every {
    /// Reads an interval. It counts from the anchor: a schedule's start, or the epoch.
    pub(crate) fn parse(text: &str, anchor_us: i64) -> Result<Self, EveryError> {
        let wrong = || EveryError::Form(text.chars().take(64).collect());
        let (mut rest, mut seconds, mut smallest) = (text.trim(), 0_u64, u64::MAX);
        if rest.is_empty() {
            return Err(wrong());
        }
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
            let unit = match rest.as_bytes().get(digits) {
                Some(b's') => 1,
                Some(b'm') => 60,
                Some(b'h') => 3_600,
                Some(b'd') => 86_400,
                Some(b'w') => 7 * 86_400,
                _ => return Err(wrong()),
            };
            // `30m1h` and `1h1h` are mistakes rather than sums.
            if unit >= smallest {
                return Err(wrong());
            }
            smallest = unit;
            seconds =
                number.checked_mul(unit).and_then(|s| s.checked_add(seconds)).ok_or(EveryError::Bounds)?;
            rest = rest[digits + 1..].trim_start();
        }
        if !(1..=MAX_S).contains(&seconds) {
            return Err(EveryError::Bounds);
        }
        let every_us = i64::try_from(seconds).map_err(|_| EveryError::Bounds)? * SECOND_US;
        Ok(Self { every_us, anchor_us })
    }

    /// The first firing later than `after`.
    pub(crate) fn next(self, after: Timestamp) -> Option<Timestamp> {
        let passed = after.as_microsecond().checked_sub(self.anchor_us)?.div_euclid(self.every_us);
        let since = passed.checked_add(1)?.checked_mul(self.every_us)?;
        Timestamp::from_microsecond(self.anchor_us.checked_add(since)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(text: &str, anchor: &str, after: &str) -> String {
        let anchor: Timestamp = anchor.parse().unwrap();
        let every = Every::parse(text, anchor.as_microsecond()).unwrap();
        every.next(after.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn intervals_count_from_their_anchor() {
        let epoch = "1970-01-01T00:00:00Z";
        for (text, anchor, after, expected) in [
            ("90s", epoch, "2026-11-22T10:00:00Z", "2026-11-22T10:01:30Z"),
            ("90s", epoch, "2026-11-22T10:01:29.999999Z", "2026-11-22T10:01:30Z"),
            ("1h30m", epoch, "2026-11-22T10:00:00Z", "2026-11-22T10:30:00Z"),
            ("1w", "2026-11-23T06:00:00Z", "2026-11-23T06:00:00Z", "2026-11-30T06:00:00Z"),
            ("2d 12h", "2026-11-23T06:00:00Z", "2026-11-23T05:00:00Z", "2026-11-23T06:00:00Z"),
            // Before the anchor they go back from it.
            ("10m", "2026-11-23T06:03:00Z", "2026-11-23T05:00:00Z", "2026-11-23T05:03:00Z"),
            // 24 hours, whatever the clocks of a zone do.
            ("1d", "2027-03-27T07:00:00Z", "2027-03-28T00:00:00Z", "2027-03-28T07:00:00Z"),
        ] {
            assert_eq!(next(text, anchor, after), expected, "{text} from {anchor} after {after}");
        }
    }

    #[test]
    fn what_is_no_interval_is_refused() {
        for text in ["", "90", "s", "1.5h", "-5m", "5 minutes", "30m1h", "1h1h", "5M", "é"] {
            assert!(matches!(Every::parse(text, 0), Err(EveryError::Form(_))), "{text}");
        }
        for text in ["0s", "0h0m", "600w", "99999999999999999999s", "18446744073709551615w"] {
            assert!(Every::parse(text, 0).is_err(), "{text}");
        }
    }
}
