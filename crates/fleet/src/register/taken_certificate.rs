//! Certificates that the platform has for another device, and whose they are in the ledger.

use std::fmt::Display;

use base::{Code, Error, Result};

/// The failures of a run whose devices are looked up: as many as a report lists. Each question reads the whole ledger.
const EXPLAINED: usize = 20;

/// The explanations of a run.
#[derive(Debug)]
pub(super) struct TakenCertificates {
    /// The failures that may still be explained.
    left: usize,
}

impl TakenCertificates {
    pub(super) fn new() -> Self {
        Self { left: EXPLAINED }
    }

    /// Names the device that has the certificate of `own` already, if the ledger knows it: the platform does not tell.
    /// `find` asks the ledger for the other device of the certificate. Other errors, and those after the first ones, stay
    /// as they are.
    ///
    /// # Errors
    /// Those of `find`.
    pub(super) fn explain(
        &mut self,
        error: Error,
        own: impl Display,
        find: impl FnOnce() -> Result<Option<String>>,
    ) -> Result<Error> {
        if error.code() != Code::CertificateTaken || self.left == 0 {
            return Ok(error);
        }
        self.left -= 1;
        let known = find()?;
        let why = error.finding().why.clone().unwrap_or_default();
        Ok(match known {
            Some(other) => error.because(format!("{why}; in this store it is the one of {other}")),
            None => error.because(format!("{why}; the ledger has it for {own} alone")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken() -> Error {
        Code::CertificateTaken.error("another device has the certificate").because("the platform refuses it")
    }

    #[test]
    fn a_run_reads_the_ledger_for_the_first_failures_alone() {
        let (mut explanations, mut asked) = (TakenCertificates::new(), 0);
        for number in 0..100 {
            let explained = explanations.explain(taken(), "pump-1", || {
                asked += 1;
                Ok(Some("pump-2".to_owned()))
            });
            let is_explained = explained.unwrap().finding().why.as_deref().unwrap().ends_with("the one of pump-2");
            assert_eq!(is_explained, number < EXPLAINED, "{number}");
        }
        assert_eq!(asked, EXPLAINED);
    }

    #[test]
    fn other_errors_ask_nothing() {
        let error = Code::OtherCredential.error("it has a token");
        let find = || -> Result<Option<String>> { panic!("the ledger was asked") };
        let same = TakenCertificates::new().explain(error, "pump-1", find).unwrap();
        assert_eq!((same.code(), same.finding().why.as_deref()), (Code::OtherCredential, None));
    }

    #[test]
    fn a_ledger_that_cannot_be_read_is_an_error_and_no_answer() {
        let find = || Err(Code::LedgerUnreadable.error("the disk is gone"));
        let error = TakenCertificates::new().explain(taken(), "pump-1", find).unwrap_err();
        assert_eq!(error.code(), Code::LedgerUnreadable);
    }
}
