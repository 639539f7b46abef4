//! From when until when a certificate holds.

use base::text::counted;
use base::{Code, Finding, Result};
use time::{Date, Duration, Month, OffsetDateTime, Time};

use super::chain_period::ChainPeriod;

/// The longest lifetime in days that is not taken for a typing error: 100 years.
pub const MAX_DAYS: u32 = 36_525;

/// The time by which notBefore lies in the past, so that a peer whose clock is a little behind accepts the certificate.
const BACKDATED: Duration = Duration::HOUR;

/// A period whose beginning lies before its end, in whole seconds (RFC 5280, section 4.1.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
}

/// The lifetime of a certificate in days, and whether the user chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// Days from now.
    pub days: u32,
    /// True if a person named this number. One that is only a default may be shortened to fit the issuer.
    pub explicit: bool,
}

/// The ways to a CA that lives longer.
const REPLACE: &str = "replace that CA: `tbpki ca prepare`, then `tbpki ca activate`; `tbpki ca prepare --import` takes the new certificate of an imported one";

impl Validity {
    /// From `not_before` until `not_after`, both cut to whole seconds.
    ///
    /// # Errors
    /// [`Code::BadValidity`] unless it begins before it ends and ends before the year 10000.
    pub fn new(not_before: OffsetDateTime, not_after: OffsetDateTime) -> Result<Self> {
        // Dates in certificates have whole seconds, and a comparison with one that is read back must not differ.
        let whole = |at: OffsetDateTime| at.to_offset(time::UtcOffset::UTC).replace_nanosecond(0).unwrap_or(at);
        let (not_before, not_after) = (whole(not_before), whole(not_after));
        if not_before >= not_after {
            return Err(Code::BadValidity.error("the validity ends before it begins").fix("name a later end"));
        }
        // UTCTime begins at 1950, and 9999 is the last year of GeneralizedTime (RFC 5280, 4.1.2.5).
        if not_after > last_moment() || not_before.year() < 1950 {
            return Err(Code::BadValidity.error("the validity reaches beyond the years 1950 to 9999"));
        }
        Ok(Self { not_before, not_after })
    }

    /// A lifetime that begins now (an hour ago, to be exact) and ends no later than `issuer` and all CAs above it. The
    /// finding contains the number of days to which a default lifetime was shortened, and the CA that limits it.
    ///
    /// # Errors
    /// [`Code::BadValidity`] for 0 days and for more than [`MAX_DAYS`], [`Code::IssuerExpired`] where the issuer or a CA
    /// above it does not hold now, [`Code::OutlivesIssuer`] where an explicit lifetime does not fit.
    pub fn starting(
        now: OffsetDateTime,
        lifetime: Lifetime,
        issuer: Option<&ChainPeriod>,
    ) -> Result<(Self, Option<Finding>)> {
        let Lifetime { days, explicit } = lifetime;
        if days == 0 || days > MAX_DAYS {
            return Err(Code::BadValidity
                .error(format!("a lifetime of {days} days makes no sense"))
                .fix(format!("name 1 to {MAX_DAYS} days")));
        }
        let not_before = now.checked_sub(BACKDATED).unwrap_or(now);
        // From now and not from the backdated beginning, so that the certificate lives all of its days.
        // A clock of the year 9990 is a wrong clock, and no reason to panic.
        let not_after = now.checked_add(Duration::days(i64::from(days))).unwrap_or_else(last_moment).min(last_moment());
        let Some(issuer) = issuer else {
            return Ok((Self::new(not_before, not_after)?, None));
        };
        issuer.check_issuing(now)?;
        // A chain in which the leaf begins before its CA is refused by some verifiers.
        let not_before = not_before.max(issuer.not_before());
        if not_after <= issuer.not_after() {
            return Ok((Self::new(not_before, not_after)?, None));
        }
        let left = (issuer.not_after() - now).whole_days();
        if explicit {
            return Err(Code::OutlivesIssuer
                .error(format!(
                    "{} from now the CA {} will have expired",
                    counted(days, "day", "days"),
                    issuer.ends_with()
                ))
                .fix(match left {
                    // A lifetime of 0 days would be refused in its turn.
                    ..1 => format!("leave the days out, and the certificate ends with the CA; or {REPLACE}"),
                    left => format!("name at most {}, or {REPLACE}", counted(left, "day", "days")),
                }));
        }
        let shortened = Code::Shortened
            .note(format!(
                "the lifetime was shortened from {days} to {}, when the CA {} expires",
                counted(left, "day", "days"),
                issuer.ends_with()
            ))
            .fix(REPLACE);
        Ok((Self::new(not_before, issuer.not_after())?, Some(shortened)))
    }

    /// The first second at which the certificate holds.
    pub fn not_before(&self) -> OffsetDateTime {
        self.not_before
    }

    /// The last second at which the certificate holds.
    pub fn not_after(&self) -> OffsetDateTime {
        self.not_after
    }
}

/// When a certificate was made, from its dates: it lives whole days from then on ([`Validity::starting`]). If it ends with
/// its CA or comes from elsewhere, this is an hour after its beginning.
pub fn begin_of_lifetime(not_before: OffsetDateTime, not_after: OffsetDateTime) -> OffsetDateTime {
    let lifetime = not_after - not_before;
    let beyond_days = lifetime.saturating_sub(Duration::days(lifetime.whole_days()));
    not_before.checked_add(beyond_days.min(BACKDATED)).unwrap_or(not_before)
}

/// 9999-12-31 23:59:59 UTC, the last moment that a certificate can name.
fn last_moment() -> OffsetDateTime {
    let date = Date::from_calendar_date(9999, Month::December, 31).unwrap_or(Date::MAX);
    let time = Time::from_hms(23, 59, 59).unwrap_or(Time::MIDNIGHT);
    date.with_time(time).assume_utc()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-06-01 12:00:00 UTC);

    fn ca(not_before: OffsetDateTime, not_after: OffsetDateTime) -> ChainPeriod {
        ChainPeriod::of_dates([(not_before, not_after, "CN=Issuing".to_owned())]).unwrap()
    }

    fn ca_until(not_after: OffsetDateTime) -> ChainPeriod {
        ca(datetime!(2026-01-01 00:00:00 UTC), not_after)
    }

    fn days(days: u32, explicit: bool) -> Lifetime {
        Lifetime { days, explicit }
    }

    #[test]
    fn no_advice_names_a_lifetime_of_no_days() {
        let end = ca_until(NOW + Duration::hours(5));
        let error = Validity::starting(NOW, days(1, true), Some(&end)).unwrap_err();
        assert!(error.finding().what.starts_with("1 day from now"), "{error}");
        let fix = error.finding().fix.clone().unwrap();
        assert!(fix.starts_with("leave the days out") && !fix.contains("0 days"), "{fix}");
        let end = ca_until(NOW + Duration::hours(30));
        let error = Validity::starting(NOW, days(2, true), Some(&end)).unwrap_err();
        assert!(error.finding().fix.as_ref().unwrap().starts_with("name at most 1 day, or"), "{error}");
    }

    #[test]
    fn the_dates_of_a_certificate_show_when_it_was_made() {
        let days = |days| Lifetime { days, explicit: false };
        let made = |validity: Validity| begin_of_lifetime(validity.not_before(), validity.not_after());
        assert_eq!(made(Validity::starting(NOW, days(825), None).unwrap().0), NOW);
        // An imported CA can be younger than an hour.
        let young = Validity::new(NOW - Duration::minutes(10), NOW + Duration::days(3)).unwrap();
        assert_eq!(made(young), NOW);
        let ends_with_its_ca = Validity::new(NOW - Duration::HOUR, NOW + Duration::hours(30)).unwrap();
        assert_eq!(made(ends_with_its_ca), NOW);
    }

    #[test]
    fn a_lifetime_is_backdated_an_hour() {
        let (validity, note) = Validity::starting(NOW, days(10, true), None).unwrap();
        assert_eq!(validity.not_before(), datetime!(2026-06-01 11:00:00 UTC));
        assert_eq!(validity.not_after(), datetime!(2026-06-11 12:00:00 UTC));
        assert_eq!(note, None);
    }

    #[test]
    fn a_default_is_shortened_and_a_wish_is_refused() {
        let ca = ca_until(datetime!(2026-06-11 12:00:00 UTC));
        let (validity, note) = Validity::starting(NOW, days(3650, false), Some(&ca)).unwrap();
        assert_eq!(validity.not_after(), ca.not_after());
        let note = note.unwrap();
        assert_eq!(note.code, Code::Shortened);
        assert_eq!(note.what, "the lifetime was shortened from 3650 to 10 days, when the CA CN=Issuing expires");

        let error = Validity::starting(NOW, days(11, true), Some(&ca)).unwrap_err();
        assert_eq!(error.code(), Code::OutlivesIssuer);
        assert!(error.finding().fix.as_ref().unwrap().contains("at most 10 days"));
        assert!(Validity::starting(NOW, days(10, true), Some(&ca)).is_ok());
    }

    #[test]
    fn a_root_that_ends_before_its_issuing_ca_limits_the_lifetime() {
        let [start, end] = [datetime!(2026-01-01 00:00:00 UTC), datetime!(2026-06-11 12:00:00 UTC)];
        let issuing = (start, end.replace_year(2040).unwrap(), "CN=Issuing".to_owned());
        let chain = ChainPeriod::of_dates([issuing, (start, end, "CN=Root".to_owned())]).unwrap();
        let (validity, note) = Validity::starting(NOW, days(3650, false), Some(&chain)).unwrap();
        assert_eq!(validity.not_after(), end);
        let note = note.unwrap();
        assert_eq!(note.what, "the lifetime was shortened from 3650 to 10 days, when the CA CN=Root expires");
        let error = Validity::starting(NOW, days(11, true), Some(&chain)).unwrap_err();
        assert_eq!(error.code(), Code::OutlivesIssuer);
        assert_eq!(error.finding().what, "11 days from now the CA CN=Root will have expired");
    }

    #[test]
    fn nothing_begins_before_its_issuer() {
        let ca = ca(NOW - Duration::MINUTE, NOW + Duration::days(100));
        let (validity, _) = Validity::starting(NOW, days(1, true), Some(&ca)).unwrap();
        assert_eq!(validity.not_before(), ca.not_before());
    }

    #[test]
    fn an_expired_ca_signs_nothing() {
        let expired = ca_until(datetime!(2026-05-31 00:00:00 UTC));
        let error = Validity::starting(NOW, days(1, true), Some(&expired)).unwrap_err();
        assert_eq!(error.code(), Code::IssuerExpired);
        let future = ca(NOW + Duration::DAY, NOW + Duration::WEEK);
        let error = Validity::starting(NOW, days(1, true), Some(&future)).unwrap_err();
        assert_eq!(error.code(), Code::IssuerExpired);
    }

    #[test]
    fn absurd_periods_are_refused() {
        for wrong in [0, MAX_DAYS + 1, u32::MAX] {
            assert_eq!(Validity::starting(NOW, days(wrong, true), None).unwrap_err().code(), Code::BadValidity);
        }
        assert_eq!(Validity::new(NOW, NOW).unwrap_err().code(), Code::BadValidity);
        assert_eq!(Validity::new(NOW, NOW - Duration::DAY).unwrap_err().code(), Code::BadValidity);
    }
}
