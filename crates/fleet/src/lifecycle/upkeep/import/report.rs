//! The result of an import.

use std::path::PathBuf;

use base::Finding;
use schemars::JsonSchema;
use serde::Serialize;

/// What was imported.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct ImportReport {
    /// True if nothing was changed.
    pub dry_run: bool,
    /// One for each certificate.
    pub imported: Vec<ImportedDevice>,
    /// Files without another certificate of a device or server.
    pub skipped: Vec<SkippedFile>,
    /// Warnings and hints.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// A certificate that was made elsewhere.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ImportedDevice {
    /// `device` or `server`.
    pub kind: String,
    /// The name of the device or server.
    pub name: String,
    /// The file that it was read from.
    pub file: PathBuf,
    /// The change.
    pub done: ImportOutcome,
    /// The generation, from 1; `null` in a dry run.
    pub generation: Option<u32>,
    /// The serial number in hexadecimal.
    pub serial: String,
    /// The CA of this store that issued it, or the subject of another issuer (RFC 4514).
    pub issuer: String,
    /// The last second of its validity (RFC 3339, UTC).
    pub not_after: String,
    /// True if it has expired.
    pub expired: bool,
    /// SHA-256 of the certificate, in hexadecimal.
    pub fingerprint: String,
    /// ThingsBoard's credentials id.
    pub credentials_id: String,
    /// True if its private key was imported too.
    pub key: bool,
}

/// A file that was left out.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SkippedFile {
    /// The file that was not imported.
    pub file: PathBuf,
    /// The reason.
    pub why: String,
}

/// A change to the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ImportOutcome {
    /// It was not there and is now.
    Imported,
    /// The ledger had it already.
    Unchanged,
    /// A dry run: it would be imported.
    Planned,
}
