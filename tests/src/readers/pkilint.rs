//! PyPI's pkilint, which knows RFC 5280 better than most readers.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::exceptions::Exceptions;
use crate::oracle::venv;
use crate::tool::Tool;

/// pkilint's `lint_pkix_cert` with the known exceptions of `tests/oracles/pkilint-exceptions.txt`.
pub struct Pkilint {
    exceptions: Exceptions,
}

impl Pkilint {
    /// With the exceptions file of the repository.
    #[track_caller]
    pub fn new() -> Self {
        Self { exceptions: Exceptions::read("pkilint-exceptions.txt") }
    }

    /// What pkilint finds at severity ERROR or above in the first certificate of this PEM file, and no exception covers.
    ///
    /// `kind` (`root`, `issuing`, `server`, `device`, ..) is the first word of the exceptions' keys, the code of the
    /// finding the second.
    #[track_caller]
    pub fn unexpected(&self, kind: &str, certificate: &Path) -> Vec<String> {
        findings(certificate).into_iter().filter(|code| !self.exceptions.allows(&format!("{kind} {code}"))).collect()
    }

    /// Stops the test if an exception was not needed by any certificate linted before.
    #[track_caller]
    pub fn assert_all_exceptions_used(&self) {
        self.exceptions.assert_all_used();
    }
}

impl Default for Pkilint {
    fn default() -> Self {
        Self::new()
    }
}

/// The codes of all findings at severity ERROR or above in the first certificate of a PEM file.
#[track_caller]
fn findings(certificate: &Path) -> Vec<String> {
    // It takes the base64 of all blocks of a file for that of one certificate.
    let text = fs::read_to_string(certificate).unwrap();
    let first = text.split_inclusive("-----END CERTIFICATE-----").next().unwrap_or_default();
    let alone = tempfile::NamedTempFile::new().unwrap();
    fs::write(&alone, first).unwrap();
    lint("lint_pkix_cert", &["--document-format", "PEM"], alone.path())
}

/// The codes of all findings of `lint_crl` at severity ERROR or above in a PEM file with one revocation list.
#[track_caller]
pub fn findings_in_list(list: &Path) -> Vec<String> {
    lint("lint_crl", &["--document-format", "PEM", "--profile", "PKIX", "--type", "CRL"], list)
}

#[track_caller]
fn lint(program: &str, args: &[&str], file: &Path) -> Vec<String> {
    // Warnings are mostly advice for the public web, which none of these certificates is for.
    let common = ["lint", "--severity", "ERROR", "--format", "JSON"];
    let tool = Tool::new(venv(program)).args(common).args(args).arg(file);
    // Of a long list it looks at each entry.
    let outcome = tool.patience(Duration::from_secs(3600)).run();
    let report = outcome.json();
    let results = report["results"].as_array().unwrap_or_else(|| panic!("no results from {outcome}"));
    let codes = results.iter().flat_map(|result| result["finding_descriptions"].as_array().into_iter().flatten());
    codes.filter_map(|finding| finding["code"].as_str()).map(str::to_owned).collect()
}
