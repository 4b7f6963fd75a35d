//! A time as envelopes write it. What must hold: it comes from outside; this crate asks no clock.

/// A civil time, in whatever zone the partner is told times in (UTC unless agreed otherwise).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Such as 2026.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
}

impl Stamp {
    /// Of so many seconds since 1970-01-01T00:00:00Z; before that, and after 9999, the nearest that can be written.
    pub fn from_unix(seconds: i64) -> Self {
        let seconds = seconds.clamp(0, 253_402_300_799);
        let (days, rest) = (seconds / 86_400, seconds % 86_400);
        // Howard Hinnant's civil_from_days, for days since 1970.
        let shifted = days + 719_468;
        let era = shifted / 146_097;
        let of_era = shifted % 146_097;
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self {
            year: year as u16,
            month: month as u8,
            day: day as u8,
            hour: (rest / 3600) as u8,
            minute: (rest % 3600 / 60) as u8,
            second: (rest % 60) as u8,
        }
    }

    /// `YYMMDD`.
    pub fn short_date(&self) -> String {
        format!("{:02}{:02}{:02}", self.year % 100, self.month, self.day)
    }

    /// `YYYYMMDD`.
    pub fn date(&self) -> String {
        format!("{:04}{:02}{:02}", self.year, self.month, self.day)
    }

    /// `HHMM`.
    pub fn time(&self) -> String {
        format!("{:02}{:02}", self.hour, self.minute)
    }
}

#[cfg(test)]
mod tests {
    use super::Stamp;

    #[test]
    fn days_become_dates() {
        for (seconds, date, time) in [
            (0, "19700101", "0000"),
            (951_782_399, "20000228", "2359"),
            (951_782_400, "20000229", "0000"),
            (4_107_542_400, "21000301", "0000"),
            (i64::MAX, "99991231", "2359"),
            (-5, "19700101", "0000"),
        ] {
            let stamp = Stamp::from_unix(seconds);
            assert_eq!((stamp.date().as_str(), stamp.time().as_str()), (date, time), "{seconds}");
        }
    }
}
