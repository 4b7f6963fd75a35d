//! The day that a firing is about. What must hold: it depends on the nominal time alone.

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// The day before an instant, in UTC: `2026-11-22`.
pub fn before(nominal_time_ms: i64) -> String {
    let (year, month, day) = civil(nominal_time_ms.div_euclid(DAY_MS) - 1);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Year, month and day of a number of days since 1970-01-01, in the Gregorian calendar: years begin in March here, so that a leap day is the last of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    let since_march_of_0 = days + 719_468;
    let era = since_march_of_0.div_euclid(146_097);
    let of_era = since_march_of_0.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (20_779, (2026, 11, 22)),
            (-1, (1969, 12, 31)),
        ] {
            assert_eq!(civil(days), expected, "{days}");
        }
        assert_eq!(before(1_795_397_400_000), "2026-11-22");
    }
}
