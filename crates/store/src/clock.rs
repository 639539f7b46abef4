//! Whether the clock of this machine fits the entries of the ledger.

use base::{Code, Error};
use time::{Duration, OffsetDateTime};

/// How much earlier than the newest entry the clock may be: stations of one ledger can differ.
const BEHIND: Duration = Duration::DAY;
/// How much later than the newest entry the clock may be: a store that is not used for a year is normal.
const AHEAD: Duration = Duration::days(400);

/// The error for a clock that does not fit the newest entry.
pub(crate) fn fault(now: OffsetDateTime, newest: OffsetDateTime) -> Option<Error> {
    let (what, fix) = if newest - now > BEHIND {
        ("the clock of this machine is earlier than the newest entry of the ledger", "correct the clock")
    } else if now - newest > AHEAD {
        ("the clock of this machine is much later than the newest entry of the ledger", "look at the clock")
    } else {
        return None;
    };
    let dates = format!("the clock has {}, and the newest entry is of {}", now.date(), newest.date());
    Some(Code::ClockImplausible.error(what).because(dates).fix(format!("{fix}; if it is right, use --accept-clock")))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_day_earlier_and_400_days_later_are_the_limits() {
        let newest = datetime!(2026-11-01 12:00 UTC);
        for (now, fits) in [
            (newest - Duration::DAY, true),
            (newest - Duration::DAY - Duration::SECOND, false),
            (newest + Duration::days(400), true),
            (newest + Duration::days(400) + Duration::SECOND, false),
        ] {
            let fault = fault(now, newest);
            assert_eq!(fault.is_none(), fits, "{now}");
            if let Some(error) = fault {
                assert_eq!(error.code(), Code::ClockImplausible);
                let text = error.to_string();
                assert!(text.contains("2026-11-01") && text.contains(&now.date().to_string()), "{text}");
            }
        }
    }
}
