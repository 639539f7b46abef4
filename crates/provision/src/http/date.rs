//! Dates in HTTP headers (RFC 9110, section 5.6.7).

use base::{Code, Result};
use reqwest::header::{DATE, HeaderMap};
use time::format_description::FormatItem;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, PrimitiveDateTime};

const FORM: &[FormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// How much the clock of the platform may differ.
const TOLERANCE: Duration = Duration::DAY;

/// Fails if the date of an answer differs from the clock of this machine by more than a day. An answer without a date, or
/// with one that cannot be read, is no reason to stop.
///
/// # Errors
/// [`Code::ClockImplausible`].
pub(super) fn check_clock(headers: &HeaderMap, now: OffsetDateTime) -> Result<()> {
    let date = headers.get(DATE).and_then(|date| date.to_str().ok()).and_then(parse);
    let Some(date) = date.filter(|date| (*date - now).abs() > TOLERANCE) else { return Ok(()) };
    Err(Code::ClockImplausible
        .error("the clocks of this machine and of the platform differ by more than a day")
        .because(format!("this machine has {}, and the platform {}", now.date(), date.date()))
        .fix("correct the wrong one; if this machine is right, use --accept-clock"))
}

/// The date of a header in IMF-fixdate, the only format that servers may send.
pub(crate) fn parse(text: &str) -> Option<OffsetDateTime> {
    PrimitiveDateTime::parse(text.trim(), FORM).ok().map(PrimitiveDateTime::assume_utc)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_platform_whose_clock_is_a_day_off_is_refused_with_both_dates() {
        let with = |text: &'static str| HeaderMap::from_iter([(DATE, HeaderValue::from_static(text))]);
        let now = datetime!(2026-11-06 08:49:37 UTC);
        // A date that cannot be read is no reason to stop.
        for near in ["Fri, 06 Nov 2026 08:49:37 GMT", "Sat, 07 Nov 2026 08:49:37 GMT", "yesterday"] {
            check_clock(&with(near), now).unwrap();
        }
        check_clock(&HeaderMap::new(), now).unwrap();
        for (far, shown) in
            [("Wed, 04 Nov 2026 08:49:36 GMT", "2026-11-04"), ("Sun, 08 Nov 2026 08:49:38 GMT", "2026-11-08")]
        {
            let error = check_clock(&with(far), now).unwrap_err();
            assert_eq!(error.code(), Code::ClockImplausible);
            assert!(error.to_string().contains(shown) && error.to_string().contains("2026-11-06"), "{error}");
        }
    }
}
