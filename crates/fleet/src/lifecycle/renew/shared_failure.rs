//! Failures that several identities of a run have in common: each is met once, and not once for each identity.

use std::collections::HashMap;

use base::{Error, Finding, Result};

/// The failures after which further attempts of a run are left out.
#[derive(Default)]
pub(super) struct SharedFailures {
    /// By the name of the CA: a store can have the key of one CA and not that of another.
    of_issuers: HashMap<String, Finding>,
    of_platform: Option<Finding>,
}

impl SharedFailures {
    /// Fails as the identity before did, if the CA cannot issue in this run.
    ///
    /// # Errors
    /// The failure of the other identity.
    pub(super) fn check_issuer(&self, issuer: &str) -> Result<()> {
        self.of_issuers.get(issuer).map_or(Ok(()), |failure| Err(Error::new(failure.clone())))
    }

    /// Fails as the device before did, if nothing can be registered in this run.
    ///
    /// # Errors
    /// The failure of the other device.
    pub(super) fn check_platform(&self) -> Result<()> {
        self.of_platform.as_ref().map_or(Ok(()), |failure| Err(Error::new(failure.clone())))
    }

    /// Notes a failure of an identity of this CA, if the next ones would have it as well.
    pub(super) fn note_issuer(&mut self, issuer: &str, error: &Error) {
        if !error.is_of_one() {
            self.of_issuers.entry(issuer.to_owned()).or_insert_with(|| error.finding().clone());
        }
    }

    /// Notes a failure of a registration, if the next ones would have it as well.
    pub(super) fn note_platform(&mut self, error: &Error) {
        if !error.is_of_one() {
            self.of_platform.get_or_insert_with(|| error.finding().clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use base::Code;

    use super::*;

    #[test]
    fn a_failure_of_all_is_repeated_and_one_of_a_single_identity_or_of_another_ca_is_not() {
        let mut failures = SharedFailures::default();
        failures.note_issuer("devices-issuing", &Code::NotRenewable.error("x"));
        failures.note_platform(&Code::OtherCredential.error("x"));
        assert!(failures.check_issuer("devices-issuing").is_ok() && failures.check_platform().is_ok());
        failures.note_issuer("devices-issuing", &Code::WrongPassphrase.error("x"));
        failures.note_platform(&Code::Unreachable.error("x"));
        let code = |failed: Result<()>| failed.map_err(|error| error.code());
        assert_eq!(code(failures.check_issuer("devices-issuing")), Err(Code::WrongPassphrase));
        assert_eq!(code(failures.check_issuer("server-issuing")), Ok(()));
        assert_eq!(code(failures.check_platform()), Err(Code::Unreachable));
    }
}
