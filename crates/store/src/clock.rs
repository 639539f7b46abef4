//! Whether the clock of this machine fits the entries of the ledger, and the note about when it last did.
//!
//! A server's certificate lives longer than a clock may be ahead of the newest entry. A station that issues nothing
//! meanwhile would refuse its own timer; so each command that looks at the clock notes that it was used.

use std::path::Path;

use base::{Code, Error, Result, file};
use time::{Duration, OffsetDateTime};

/// How much earlier than the newest entry the clock may be: stations of one ledger can differ.
const BEHIND: Duration = Duration::DAY;
/// How much later than the newest entry, or the last use, the clock may be: a store that is not used for a year is normal.
const AHEAD: Duration = Duration::days(400);
/// How much later than both the clock is before a use is noted. A verb that is refused must not write a thing, and the
/// note is written by verbs that only read.
const NOTE_AFTER: Duration = Duration::days(30);

/// The first plausible time for a new store, in seconds since 1970: 2026-01-01, before the first version of tbpki. A board
/// without a battery has 1970, or the date of its image.
const EARLIEST: i64 = 1_767_225_600;

/// Fails for a new store if the clock is earlier than tbpki itself: the certificates of its CAs would expire early.
///
/// # Errors
/// [`Code::ClockImplausible`].
pub fn check_of_new_store(now: OffsetDateTime) -> Result<()> {
    if now.unix_timestamp() >= EARLIEST {
        return Ok(());
    }
    Err(Code::ClockImplausible
        .error("the clock of this machine is earlier than this version of tbpki")
        .because(format!("the clock has {}", now.date()))
        .fix("correct the clock; if it is right, use --accept-clock"))
}

/// The note in a store.
const NOTE: &str = "clock.note";
/// The digits of its time. They hold every time, so that a later note overwrites an earlier one completely.
const DIGITS: usize = 20;
/// The largest note that is read.
const LIMIT: usize = 1 << 10;

/// The error for a clock that does not fit the newest entry and the last use of the store.
pub(crate) fn fault(now: OffsetDateTime, newest: OffsetDateTime, used: Option<OffsetDateTime>) -> Option<Error> {
    let last = used.map_or(newest, |used| used.max(newest));
    let (what, fix) = if newest - now > BEHIND {
        ("the clock of this machine is earlier than the newest entry of the ledger", "correct the clock")
    } else if now - last > AHEAD {
        ("the clock of this machine is much later than the newest entry of the ledger", "look at the clock")
    } else {
        return None;
    };
    let used =
        used.filter(|used| *used > newest).map(|used| format!(", and the store was last used on {}", used.date()));
    let used = used.unwrap_or_default();
    let dates = format!("the clock has {}, and the newest entry is of {}{used}", now.date(), newest.date());
    Some(Code::ClockImplausible.error(what).because(dates).fix(format!("{fix}; if it is right, use --accept-clock")))
}

/// The last use of a store that is noted. A note of a later time than now is of a clock that was wrong, and does not count.
pub(crate) fn last_use(store: &Path, now: OffsetDateTime) -> Option<OffsetDateTime> {
    let note = match file::read_optional(store.join(NOTE), LIMIT) {
        Ok(note) => note?,
        Err(error) => {
            tracing::debug!(%error, "the note about the clock cannot be read");
            return None;
        }
    };
    let seconds = std::str::from_utf8(&note).ok()?.trim_end();
    // A time that was cut would be another one.
    let seconds = (seconds.len() == DIGITS).then(|| seconds.parse().ok()).flatten()?;
    let used = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
    (used - now <= BEHIND).then_some(used)
}

/// Notes that a store is used now, unless there is an entry or a note of this month. A note that cannot be written is no
/// error: the user of a timer may only read the store.
pub(crate) fn note_use(store: &Path, now: OffsetDateTime, newest: OffsetDateTime, used: Option<OffsetDateTime>) {
    if now - used.map_or(newest, |used| used.max(newest)) <= NOTE_AFTER {
        return;
    }
    let note = format!("{:0DIGITS$}\n", now.unix_timestamp());
    if let Err(error) = file::write_note(store, NOTE, note.as_bytes()) {
        tracing::debug!(%error, "the use of the store was not noted");
    }
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
            let fault = fault(now, newest, None);
            assert_eq!(fault.is_none(), fits, "{now}");
            if let Some(error) = fault {
                assert_eq!(error.code(), Code::ClockImplausible);
                let text = error.to_string();
                assert!(text.contains("2026-11-01") && text.contains(&now.date().to_string()), "{text}");
            }
        }
    }

    #[test]
    fn a_new_store_needs_a_clock_that_is_not_earlier_than_tbpki() {
        for (now, fits) in [
            (datetime!(1970-01-01 0:02 UTC), false),
            (datetime!(2025-12-31 23:59:59 UTC), false),
            (datetime!(2026-01-01 0:00 UTC), true),
            (datetime!(9999-12-31 23:59:59 UTC), true),
        ] {
            let code = check_of_new_store(now).err().map(|error| error.code());
            assert_eq!(code, (!fits).then_some(Code::ClockImplausible), "{now}");
        }
    }

    #[test]
    fn a_store_that_is_used_may_have_old_entries() {
        let newest = datetime!(2026-11-01 12:00 UTC);
        let used = newest + Duration::days(390);
        assert!(fault(used + Duration::days(400), newest, Some(used)).is_none());
        let text = fault(used + Duration::days(401), newest, Some(used)).unwrap().to_string();
        for date in ["2028-12-31", "2026-11-01", "2027-11-26"] {
            assert!(text.contains(date), "{text}");
        }
        // A use does not excuse a clock that is behind the newest entry.
        assert!(fault(newest - Duration::days(2), newest, Some(newest - Duration::days(3))).is_some());
    }

    #[test]
    fn uses_are_noted_once_a_month_and_those_of_a_wrong_clock_do_not_count() {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path();
        let newest = datetime!(2026-11-01 12:00 UTC);
        let use_at = |now: OffsetDateTime| {
            note_use(store, now, newest, last_use(store, now));
            last_use(store, now)
        };
        assert_eq!(use_at(newest + Duration::days(30)), None);
        let first = newest + Duration::days(31);
        assert_eq!(use_at(first), Some(first));
        assert_eq!(use_at(first + Duration::days(30)), Some(first));
        assert_eq!(use_at(first + Duration::days(31)), Some(first + Duration::days(31)));
        let far = newest + Duration::days(9_000);
        assert_eq!(use_at(far), Some(far));
        assert_eq!(last_use(store, first), None);
        // A damaged note is none.
        base::file::write_note(store, NOTE, b"a note of another length").unwrap();
        assert_eq!(last_use(store, far), None);
    }
}
