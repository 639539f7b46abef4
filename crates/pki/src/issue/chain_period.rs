//! The period in which a CA and all CAs above it are valid.

use base::timestamp::rfc3339;
use base::{Code, Result};
use time::OffsetDateTime;

use super::validity::Validity;
use crate::read::certificate::Certificate;

/// The period in which each certificate of the chain of a CA is valid. A leaf that lives longer is refused when the first
/// certificate above it expires, which can be a root before its issuing CA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainPeriod {
    /// The latest beginning, and the name of that CA.
    from: (OffsetDateTime, String),
    /// The earliest end, and the name of that CA.
    until: (OffsetDateTime, String),
}

impl ChainPeriod {
    /// The period of a chain, the issuing CA first.
    ///
    /// # Errors
    /// [`Code::CertificateUnreadable`] if there is no certificate, [`Code::BadValidity`] if one ends before it begins.
    pub fn of(chain: &[Certificate]) -> Result<Self> {
        for ca in chain {
            Validity::new(ca.not_before(), ca.not_after()).map_err(|error| error.item(ca.label()))?;
        }
        Self::of_dates(chain.iter().map(|ca| (ca.not_before(), ca.not_after(), ca.label())))
            .ok_or_else(|| Code::CertificateUnreadable.error("a CA needs its certificate"))
    }

    /// The period of CAs with these first and last moments and names; none without a CA.
    pub(crate) fn of_dates(dates: impl IntoIterator<Item = (OffsetDateTime, OffsetDateTime, String)>) -> Option<Self> {
        dates.into_iter().fold(None, |period, (from, until, name)| {
            Some(match period {
                None => Self { from: (from, name.clone()), until: (until, name) },
                // On the same date the nearer CA is named, which is the one that is replaced first.
                Some(Self { from: latest, until: earliest }) => Self {
                    from: if from > latest.0 { (from, name.clone()) } else { latest },
                    until: if until < earliest.0 { (until, name) } else { earliest },
                },
            })
        })
    }

    /// The first second at which all of them are valid.
    pub fn not_before(&self) -> OffsetDateTime {
        self.from.0
    }

    /// The last second at which all of them are valid.
    pub fn not_after(&self) -> OffsetDateTime {
        self.until.0
    }

    /// The name of the CA that expires first. Safe to print.
    pub fn ends_with(&self) -> &str {
        &self.until.1
    }

    /// Fails with [`Code::IssuerExpired`] unless all of them are valid at `now`.
    pub fn check_issuing(&self, now: OffsetDateTime) -> Result<()> {
        let ((from, begins_last), (until, ends_first)) = (&self.from, &self.until);
        let error = if now > *until {
            Code::IssuerExpired
                .error(format!("the CA expired on {}", rfc3339(*until)))
                .item(ends_first)
                .fix(
                    "use a CA that is valid: `tbpki ca list` shows those of the store, and `tbpki ca prepare` with `tbpki ca \
                     activate` replaces one; for an imported CA, add `--import` with the new certificate of its owner",
                )
        } else if now < *from {
            Code::IssuerExpired
                .error(format!("the CA is not valid before {}", rfc3339(*from)))
                .item(begins_last)
                .fix("check the clock of this machine; if it is right, wait until then or use another CA")
        } else {
            return Ok(());
        };
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::read::certificate::testing;

    const START: OffsetDateTime = datetime!(2026-01-01 00:00:00 UTC);

    fn period(dates: &[(OffsetDateTime, OffsetDateTime, &str)]) -> ChainPeriod {
        ChainPeriod::of_dates(dates.iter().map(|(from, until, name)| (*from, *until, (*name).to_owned()))).unwrap()
    }

    #[test]
    fn the_first_end_and_the_last_beginning_count() {
        let (short, long) = (datetime!(2027-01-01 00:00:00 UTC), datetime!(2040-01-01 00:00:00 UTC));
        let late = datetime!(2026-03-01 00:00:00 UTC);
        for (chain, end, name) in [
            (vec![(START, long, "issuing"), (START, short, "root")], short, "root"),
            (vec![(START, short, "issuing"), (START, long, "root")], short, "issuing"),
            (vec![(START, long, "issuing"), (START, short, "middle"), (START, long, "root")], short, "middle"),
            (vec![(START, long, "issuing"), (START, long, "root")], long, "issuing"),
        ] {
            let found = period(&chain);
            assert_eq!((found.not_after(), found.ends_with()), (end, name));
        }
        assert_eq!(period(&[(START, long, "issuing"), (late, long, "root")]).not_before(), late);
        assert_eq!(ChainPeriod::of(&[]).unwrap_err().code(), Code::CertificateUnreadable);
    }

    #[test]
    fn a_ca_that_ends_before_it_begins_has_no_period() {
        let mut params = testing::ca("Inverted", None);
        std::mem::swap(&mut params.not_before, &mut params.not_after);
        let error = ChainPeriod::of(&[testing::self_signed(&params).certificate]).unwrap_err();
        assert_eq!(error.code(), Code::BadValidity);
        assert_eq!(error.finding().location.item.as_deref(), Some("CN=Inverted"));
    }

    #[test]
    fn a_ca_whose_root_expired_signs_nothing() {
        let (short, long) = (datetime!(2027-01-01 00:00:00 UTC), datetime!(2040-01-01 00:00:00 UTC));
        let chain = period(&[(START, long, "CN=Issuing"), (START, short, "CN=Root")]);
        assert!(chain.check_issuing(short).is_ok());
        let error = chain.check_issuing(short + time::Duration::SECOND).unwrap_err();
        assert_eq!(error.code(), Code::IssuerExpired);
        assert_eq!(error.finding().location.item.as_deref(), Some("CN=Root"));
        assert_eq!(error.finding().what, "the CA expired on 2027-01-01T00:00:00Z");
        // The same words during `init`, when there is no CA in the store that could be replaced.
        assert!(error.finding().fix.as_deref().unwrap().starts_with("use a CA that is valid: "));
        let early = chain.check_issuing(START - time::Duration::SECOND).unwrap_err();
        assert_eq!(early.code(), Code::IssuerExpired);
        assert_eq!(early.finding().what, "the CA is not valid before 2026-01-01T00:00:00Z");
    }
}
