//! Who asks: the client certificate, the one-time password, or the CA of a maker.

use base::error::Severity;
use base::{Code, Result};
use config::EnrolmentPolicy;
use identity::lifecycle::enrol;
use ledger::{Entry, Kind, Password, Role, SerialNumber, State, Transaction};
use pki::Certificate;
use pki::verify::{Purpose, VerifyRequest};
use time::{Duration, OffsetDateTime};

use super::{End, Rules};
use crate::est::Refusal;

/// What a client certificate is shown for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ShownFor {
    Use,
    Renew,
}

impl Rules<'_> {
    /// The row of a certificate, if its holder may use the service.
    pub(super) fn known(
        &self,
        transaction: &Transaction<'_>,
        certificate: &Certificate,
        purpose: ShownFor,
    ) -> Result<Entry, End> {
        let Ok(serial) = SerialNumber::new(certificate.serial()) else {
            return Err(Refusal::UnknownCertificate.into());
        };
        let fingerprint = certificate.fingerprint();
        // A serial number is unique below one CA only, so the whole certificate decides.
        let found = transaction.by_serial(&serial)?.into_iter().find(|entry| entry.fingerprint == Some(fingerprint));
        let entry = found.ok_or(Refusal::UnknownCertificate)?;
        match entry.key.kind {
            Kind::Device => {}
            Kind::Server if self.cas.serves_servers() => {}
            Kind::Server => return Err(Refusal::ServersOff.into()),
            Kind::Ca => return Err(Refusal::NotADevice.into()),
        }
        // The role before the dates: the holder of a revoked certificate is told so, also after it has expired.
        match entry.role {
            Role::Current | Role::Pending => {}
            // Its holder may come back until the next one has been used: the answer with that one may never have
            // arrived.
            Role::Superseded
                if transaction.is_later_one_used(&entry.key)?
                    && !(purpose == ShownFor::Renew && self.is_in_grace(transaction, &entry)?) =>
            {
                return Err(Refusal::Superseded.into());
            }
            Role::Superseded => {}
            Role::Revoked => return Err(Refusal::Revoked.into()),
            Role::Retired => return Err(Refusal::Retired.into()),
            Role::Intended | Role::Void => return Err(Refusal::UnknownCertificate.into()),
        }
        // An expired certificate can be renewed as long as the policy allows it, and is used nowhere any more.
        let days = match purpose {
            ShownFor::Renew => self.config.serve.renew_expired.value.map_or(0, |days| i64::from(days.number())),
            ShownFor::Use => 0,
        };
        if self.now < entry.not_before {
            return Err(Refusal::NotYetValid.into());
        }
        if !is_within(self.now, entry.not_after, Duration::days(days)) {
            return Err(Refusal::Expired.into());
        }
        Ok(entry)
    }

    /// Whether the holder of a superseded certificate may still renew with it. A client that never confirms may have
    /// connected with its next certificate before it had stored it.
    fn is_in_grace(&self, transaction: &Transaction<'_>, entry: &Entry) -> Result<bool, End> {
        if self.policy(label_of(entry)?.as_deref()) == EnrolmentPolicy::Confirm {
            return Ok(false);
        }
        let grace = Duration::days(self.config.serve.grace.value.number().into());
        // Unset for one that an operator has issued: that one replaces all that the service has sent.
        let used = transaction.first_use_of_later(&entry.key)?;
        Ok(used.is_some_and(|used| is_within(self.now, used, grace)))
    }

    /// Fails unless the label is the profile below whose CA the identity was issued.
    pub(super) fn check_label(&self, entry: &Entry, label: Option<&str>) -> Result<(), End> {
        let own = label_of(entry)?;
        if own.as_deref() == label {
            return Ok(());
        }
        // An unknown label is told apart from that of others.
        self.cas.of_label(label)?;
        Err(Refusal::OtherLabel.into())
    }

    /// The password of a device, if it is the given one and this key can use it.
    pub(super) fn check_password(
        &self,
        transaction: &Transaction<'_>,
        device: &str,
        label: Option<&str>,
        given: &[u8; 32],
        public: &[u8; 32],
    ) -> Result<Password, End> {
        // Nothing about a password is told before its value is right: the answers would show which names have one.
        let password = transaction.password_of(device)?.ok_or(Refusal::WrongPassword)?;
        // Hashes of 128 random bits: how long the comparison takes tells nothing about the password.
        if password.hash != *given {
            return Err(Refusal::WrongPassword.into());
        }
        if password.is_spent {
            return Err(Refusal::SpentPassword.into());
        }
        // In use, it lives as long as its request or its certificate: an operator may decide after its end, and an answer can
        // get lost.
        if self.now >= password.expires_at
            && !(password.key == Some(*public) && transaction.is_password_in_use(device, self.now)?)
        {
            return Err(Refusal::ExpiredPassword.into());
        }
        if password.label.as_deref() != label {
            return Err(Refusal::PasswordOfOtherLabel.into());
        }
        if password.key.is_some_and(|key| key != *public) {
            return Err(Refusal::BoundPassword.into());
        }
        Ok(password)
    }

    /// The name for which a CA of `serve.enroll_with` vouches.
    pub(super) fn vouched_for(&self, certificate: &Certificate) -> Result<String, End> {
        let is_issuer = |ca: &Certificate| certificate.names_as_issuer(ca) && certificate.verify_signed_by(ca).is_ok();
        if !self.bootstrap.iter().any(is_issuer) {
            return Err(Refusal::UnknownCertificate.into());
        }
        if certificate.is_ca() {
            return Err(Refusal::NotADevice.into());
        }
        // As a broker would: purposes, name constraints and dates, also those of the CA. An expired CA of a maker vouches for
        // nothing.
        let verification = pki::verify::verify(&VerifyRequest {
            chain: std::slice::from_ref(certificate),
            extra: &[],
            anchors: self.bootstrap,
            key: None,
            host: None,
            purpose: Some(Purpose::Device),
            time: self.now,
            crls: &[],
        });
        let mut faults = verification.findings.iter().filter(|finding| finding.severity == Severity::Fault);
        match faults.next() {
            Some(fault) => Err(match fault.code {
                Code::NotYetValid => Refusal::NotYetValid,
                Code::Expired => Refusal::Expired,
                _ => Refusal::Untrusted(fault.to_string()),
            }
            .into()),
            None if !verification.trusted => Err(Refusal::UnknownCertificate.into()),
            None => {
                let unnamed = || Refusal::Request("the client certificate has no common name".to_owned());
                Ok(certificate.common_name().ok_or_else(unnamed)?)
            }
        }
    }
}

/// Whether `now` is at most `time` after `from`.
fn is_within(now: OffsetDateTime, from: OffsetDateTime, time: Duration) -> bool {
    // Not `from + time`: certificates without an end have the last second of the year 9999 (RFC 5280, section 4.1.2.5), and
    // a later time is a panic.
    now.saturating_sub(time) <= from
}

/// The label of an identity ([`enrol::label_of`]).
pub(super) fn label_of(entry: &Entry) -> Result<Option<String>, Refusal> {
    // Self-signed, or made elsewhere and imported.
    enrol::label_of(&entry.issuer).ok_or(Refusal::OtherIssuer)
}

/// Fails if the device uses a certificate below another CA that was issued after the password was made. A password that was made
/// after it is for the move: `tbpki enroll password` makes none without a consent.
pub(super) fn check_same_ca(
    transaction: &Transaction<'_>,
    name: &str,
    label: Option<&str>,
    password: &Password,
) -> Result<(), End> {
    let Some(used) = transaction.current(Kind::Device, name)? else { return Ok(()) };
    let is_later = used.reached(State::Issued).is_some_and(|issued| issued > password.made_at);
    // One that was made elsewhere and imported has no label, and the devices' issuing CA replaces it.
    match label_of(&used) {
        Ok(own) if is_later && own.as_deref() != label => Err(Refusal::OtherLabel.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_certificate_without_an_end_can_be_renewed_with_every_policy() {
        let end = datetime!(9999-12-31 23:59:59 UTC);
        for days in [0, 1, 36_525, i64::from(u32::MAX)] {
            assert!(is_within(datetime!(2026-11-30 00:00 UTC), end, Duration::days(days)), "{days}");
            assert!(is_within(end, end, Duration::days(days)), "{days}");
        }
    }

    #[test]
    fn the_last_moment_of_a_policy_counts_and_the_next_one_does_not() {
        let (end, days) = (datetime!(2026-11-30 00:00 UTC), Duration::days(30));
        assert!(is_within(end + days, end, days));
        assert!(!is_within(end + days + Duration::SECOND, end, days));
        assert!(!is_within(end + Duration::SECOND, end, Duration::ZERO));
    }
}
