//! The report of a revocation.

use base::Finding;
use identity::lifecycle::revocation_lists::RevocationListsReport;
use identity::report::rfc3339;
use ledger::{Entry, OpenRevocation};
use schemars::JsonSchema;
use serde::Serialize;

/// The revoked identities, and the open steps.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RevokeReport {
    /// True if nothing was changed.
    pub dry_run: bool,
    /// One for each generation.
    pub revoked: Vec<RevokedReport>,
    /// The revocation lists that were written; `null` if none was.
    pub lists: Option<RevocationListsReport>,
    /// Steps that are not done.
    pub open: Vec<OpenReport>,
    /// Warnings and hints.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// A generation of an identity.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RevokedReport {
    /// `device` or `server`.
    pub kind: String,
    /// The name.
    pub name: String,
    /// The generation, from 1.
    pub generation: u32,
    /// The serial number in hexadecimal.
    pub serial: String,
    /// The CA that issued it.
    pub issuer: String,
    /// The last second of its validity (RFC 3339, UTC).
    pub not_after: String,
    /// The change.
    pub done: RevokeOutcome,
}

/// A change to a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RevokeOutcome {
    /// It was revoked.
    Revoked,
    /// It was revoked before.
    Unchanged,
    /// It has expired, so that nothing accepts it any more.
    Expired,
    /// A dry run: it would be revoked.
    Planned,
}

/// A step of a revocation that is not done.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct OpenReport {
    /// `device` or `server`.
    pub kind: String,
    /// The name.
    pub name: String,
    /// The generation, from 1.
    pub generation: u32,
    /// The serial number in hexadecimal.
    pub serial: String,
    /// `platform`: the certificate is the device's credential. `list`: no revocation list has it. `profile-ca`: the CA
    /// of the device profile must be replaced.
    pub step: String,
    /// Why the step failed last.
    pub error: Option<String>,
}

impl RevokeReport {
    pub(super) fn new(dry_run: bool) -> Self {
        Self { dry_run, revoked: Vec::new(), lists: None, open: Vec::new(), findings: Vec::new() }
    }
}

impl RevokedReport {
    pub(super) fn of(entry: &Entry, done: RevokeOutcome) -> Self {
        Self {
            kind: entry.key.kind.as_str().to_owned(),
            name: entry.key.name.clone(),
            generation: entry.generation().number(),
            serial: entry.serial.to_string(),
            issuer: entry.issuer.clone(),
            not_after: rfc3339(entry.not_after),
            done,
        }
    }
}

impl OpenReport {
    pub(super) fn of(open: &OpenRevocation, entry: &Entry) -> Self {
        Self {
            kind: open.key.kind.as_str().to_owned(),
            name: open.key.name.clone(),
            generation: open.key.generation.number(),
            serial: entry.serial.to_string(),
            step: open.step.as_str().to_owned(),
            error: open.error.clone(),
        }
    }
}
