//! The result of an issuance, for people and for programs.

use std::path::PathBuf;

use base::Finding;
use base::file::{WriteOutcome, WrittenFile};
use base::timestamp::rfc3339;
use pki::Certificate;
use schemars::JsonSchema;
use serde::Serialize;

/// The result for one identity.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct IdentityReport {
    /// `server` or `device`.
    pub kind: String,
    /// The name in the store.
    pub name: String,
    /// The change.
    pub done: IdentityOutcome,
    /// Which issue of this name it is, from 1; absent in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u32>,
    /// The leaf; absent in a dry run that would issue one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateReport>,
    /// The names that it vouches for, each with its kind.
    pub names: Vec<String>,
    /// The files, in the store and in the directory that was named.
    pub files: Vec<FileReport>,
    /// Warnings and hints.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// A change to an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IdentityOutcome {
    /// A certificate was issued.
    Issued,
    /// It was there; files that were missing were added.
    Completed,
    /// It was there; files that follow from what is trusted, or from settings, were written again for the same leaf.
    Refreshed,
    /// It was there, and so was every file.
    Unchanged,
    /// A dry run: a certificate would be issued, or files of one that is there would be written.
    Planned,
}

/// The leaf of an identity.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CertificateReport {
    /// The subject (RFC 4514).
    pub subject: String,
    /// The issuer (RFC 4514).
    pub issuer: String,
    /// The serial number in hexadecimal.
    pub serial: String,
    /// The key algorithm.
    pub algorithm: String,
    /// The first second at which it holds (RFC 3339, UTC).
    pub not_before: String,
    /// The last second at which it holds (RFC 3339, UTC).
    pub not_after: String,
    /// The SHA-256 of the certificate's DER, in hexadecimal.
    pub fingerprint: String,
    /// ThingsBoard's credentials id: SHA3-256 of the base64 of the certificate's DER, in hexadecimal.
    pub credentials_id: String,
}

/// The result for one file.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// The change.
    pub done: FileOutcome,
    /// The backup of the file that was there before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<PathBuf>,
}

/// A change to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FileOutcome {
    /// It was not there and is now.
    Written,
    /// It was there with the same contents.
    Unchanged,
    /// It was there with the same contents, and has another owner now.
    Given,
    /// It replaces another one, which is kept.
    Replaced,
    /// A dry run: it would be written.
    Planned,
}

impl CertificateReport {
    /// Takes out what people ask for.
    pub fn of(certificate: &Certificate) -> Self {
        Self {
            subject: certificate.subject(),
            issuer: certificate.issuer(),
            serial: certificate.serial_hex(),
            algorithm: certificate.algorithm_name(),
            not_before: rfc3339(certificate.not_before()),
            not_after: rfc3339(certificate.not_after()),
            fingerprint: certificate.fingerprint_hex(),
            credentials_id: certificate.credentials_id(),
        }
    }
}

impl FileReport {
    /// A file that was there.
    pub fn unchanged(path: PathBuf) -> Self {
        Self { path, done: FileOutcome::Unchanged, kept: None }
    }

    /// The result of a dry run for a file.
    pub fn expected(would_be: WrittenFile) -> Self {
        match Self::from(would_be) {
            unchanged if unchanged.done == FileOutcome::Unchanged => unchanged,
            written => Self { done: FileOutcome::Planned, ..written },
        }
    }

    /// A file that would be written.
    pub fn planned(path: PathBuf) -> Self {
        Self { path, done: FileOutcome::Planned, kept: None }
    }
}

impl From<WrittenFile> for FileReport {
    fn from(written: WrittenFile) -> Self {
        let (done, kept) = match written.outcome {
            WriteOutcome::Written => (FileOutcome::Written, None),
            WriteOutcome::Unchanged => (FileOutcome::Unchanged, None),
            WriteOutcome::Given => (FileOutcome::Given, None),
            WriteOutcome::Replaced(kept) => (FileOutcome::Replaced, Some(kept)),
        };
        Self { path: written.path, done, kept }
    }
}
