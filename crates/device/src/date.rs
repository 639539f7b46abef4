//! Unix times as calendar dates.

use core::fmt;

/// A Unix time in seconds, displayed as `2026-11-25 04:10:00 UTC`.
#[derive(Clone, Copy)]
pub(crate) struct Date(pub(crate) u64);

impl Date {
    /// Year, month and day (days from civil, H. Hinnant). The computation uses years that begin in March, so that the leap
    /// day is the last day of a year.
    pub(crate) fn civil(self) -> (u64, u64, u64) {
        let days = self.0 / 86_400 + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        (era * 400 + year_of_era + next, month, day)
    }

    /// Hour, minute and second.
    pub(crate) fn time(self) -> (u64, u64, u64) {
        (self.0 / 3_600 % 24, self.0 / 60 % 60, self.0 % 60)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((year, month, day), (hour, minute, second)) = (self.civil(), self.time());
        write!(f, "{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn dates_match_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            // 2000 is a leap year and 2100 is none: the two exceptions of the calendar.
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_795_579_199, "2026-11-25 03:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(Date(seconds).to_string(), text);
        }
    }
}
