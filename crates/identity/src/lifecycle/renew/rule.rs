//! When a renewal is due.

use config::Config;
use ledger::{Entry, RevokedCas};
use time::{Duration, OffsetDateTime};

/// When certificates are renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenewalRule {
    /// When less than a third of the lifetime is left, as step and thin-edge.io do it.
    LastThird,
    /// When it ends within this time.
    Within(Duration),
}

impl RenewalRule {
    /// The rule of the configuration: `[renewal] before`, else the last third.
    pub fn of(config: &Config) -> Self {
        let days = config.renewal.before.value.as_ref();
        days.map_or(Self::LastThird, |days| Self::Within(Duration::days(i64::from(days.number()))))
    }

    /// True if a certificate with these dates must be renewed at `now`. One that has expired must.
    pub fn is_due(self, not_before: OffsetDateTime, not_after: OffsetDateTime, now: OffsetDateTime) -> bool {
        now >= due_from(self, not_before, not_after)
    }

    /// As [`RenewalRule::is_due`], for an identity. One below a revoked CA is due whatever its dates are, because peers
    /// refuse it.
    pub fn includes(self, entry: &Entry, revoked: &RevokedCas, now: OffsetDateTime) -> bool {
        revoked.have_issued(entry) || self.is_due(entry.not_before, entry.not_after, now)
    }
}

/// The time from which a certificate with these dates must be renewed: never before its validity begins.
pub fn due_from(rule: RenewalRule, not_before: OffsetDateTime, not_after: OffsetDateTime) -> OffsetDateTime {
    let left = match rule {
        RenewalRule::LastThird => (not_after - not_before) / 3,
        RenewalRule::Within(time) => time,
    };
    not_after.checked_sub(left).unwrap_or(not_before).max(not_before)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_renewal_is_due_in_the_last_third_or_within_the_time_that_was_given() {
        let (from, until) = (datetime!(2026-01-01 0:00 UTC), datetime!(2026-03-31 23:59:59 UTC));
        let third = due_from(RenewalRule::LastThird, from, until);
        assert_eq!(third.date(), time::macros::date!(2026 - 03 - 01));
        assert!(!RenewalRule::LastThird.is_due(from, until, third - Duration::SECOND));
        assert!(RenewalRule::LastThird.is_due(from, until, third));
        let within = RenewalRule::Within(Duration::days(10));
        assert!(!within.is_due(from, until, datetime!(2026-03-21 23:59:58 UTC)));
        assert!(within.is_due(from, until, datetime!(2026-03-21 23:59:59 UTC)));
        let longer = RenewalRule::Within(Duration::days(3000 * 365));
        assert_eq!(due_from(longer, from, until), from, "a time before the validity would be no date of its own");
        for rule in [RenewalRule::LastThird, within] {
            assert!(rule.is_due(from, until, until + Duration::DAY), "expired");
        }
    }
}
