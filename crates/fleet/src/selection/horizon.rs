//! A span of time from now: `90d`, `12w`, `6 months`, `2y`.

use std::str::FromStr;

use base::text::quote;
use base::{Code, Error, Result};
use time::macros::datetime;
use time::{Date, Duration, OffsetDateTime, util};

/// The last moment of certificates (RFC 5280, section 4.1.2.5).
const END: OffsetDateTime = datetime!(9999-12-31 23:59:59 UTC);

/// A time from now on, as people say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Horizon {
    /// So many days of 24 hours.
    Days(u32),
    /// So many months of the calendar.
    Months(u32),
}

impl Horizon {
    /// The moment that lies so far behind `now`, no later than the year 9999.
    pub fn after(self, now: OffsetDateTime) -> OffsetDateTime {
        let then = match self {
            Self::Days(days) => now.checked_add(Duration::days(i64::from(days))),
            Self::Months(months) => months_later(now.date(), months).map(|date| now.replace_date(date)),
        };
        then.map_or(END, |then| then.min(END))
    }
}

/// The same day of a later month, or its last day where it is shorter.
fn months_later(date: Date, months: u32) -> Option<Date> {
    // Months since the year 0, counted from 0, so that the quotient is the year. In 64 bits, since `months` alone fills
    // 32.
    let count = i64::from(date.year()) * 12 + i64::from(u8::from(date.month())) - 1 + i64::from(months);
    let year = i32::try_from(count.div_euclid(12)).ok()?;
    let month = u8::try_from(count.rem_euclid(12) + 1).ok()?.try_into().ok()?;
    // A year that is too late for a `Date` is none: the caller then takes the last moment of certificates.
    Date::from_calendar_date(year, month, date.day().min(util::days_in_month(month, year))).ok()
}

impl FromStr for Horizon {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        // Digits are looked for here, because `u32` would take a plus sign, too.
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let number = number.parse::<u32>().ok();
        let horizon = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "d" | "day" | "days" => number.map(Self::Days),
            "w" | "week" | "weeks" => number.and_then(|weeks| weeks.checked_mul(7)).map(Self::Days),
            "m" | "month" | "months" => number.map(Self::Months),
            "y" | "year" | "years" => number.and_then(|years| years.checked_mul(12)).map(Self::Months),
            _ => None,
        };
        horizon.ok_or_else(|| {
            Code::BadValue
                .error(format!("{} is no time", quote(text)))
                .fix("write a number of days, weeks, months or years: 90d, 12w, 6m, 2y")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, horizon) in [
            ("90", Horizon::Days(90)),
            ("90d", Horizon::Days(90)),
            (" 1 day ", Horizon::Days(1)),
            ("12w", Horizon::Days(84)),
            ("6 Months", Horizon::Months(6)),
            ("2y", Horizon::Months(24)),
        ] {
            assert_eq!(text.parse::<Horizon>().unwrap(), horizon, "{text}");
        }
        for text in ["", "d", "-1", "1.5y", "3 fortnights", "99999999999", "4294967295w", "١d"] {
            assert_eq!(text.parse::<Horizon>().unwrap_err().code(), Code::BadValue, "{text}");
        }
    }

    #[test]
    fn months_are_those_of_the_calendar_and_end_with_certificates() {
        let now = datetime!(2027-10-31 12:00 UTC);
        assert_eq!(Horizon::Months(4).after(now), datetime!(2028-02-29 12:00 UTC));
        assert_eq!(Horizon::Months(2).after(now), datetime!(2027-12-31 12:00 UTC));
        assert_eq!(Horizon::Days(1).after(now), datetime!(2027-11-01 12:00 UTC));
        for far in [Horizon::Days(u32::MAX), Horizon::Months(u32::MAX)] {
            assert_eq!(far.after(now), END);
        }
    }
}
