//! What a check and a repair have in common: differences, and certificates looked up in the ledger.

use base::{Error, Finding, Result};
use ledger::{Entry, Kind, Role, SerialNumber, State, View};
use pki::Certificate;
use schemars::JsonSchema;
use serde::Serialize;

use super::scan::Found;

/// The sort of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// The ledger is older than the files.
    Older,
    /// A CA of the ledger is missing in the store, or is another one.
    Ca,
    /// A certificate in use is in no file.
    Missing,
    /// A file holds another certificate than the ledger has for the name.
    Changed,
    /// The ledger does not have the certificate of a file.
    Foreign,
    /// A name has two certificates in use.
    Twice,
    /// A private key does not belong to its certificate.
    Key,
    /// A file cannot be read.
    Unreadable,
    /// Others may read a private file.
    Mode,
    /// The directory or archive with shards is not where the store last saw it.
    Place,
    /// A revocation list revokes a certificate that the ledger has not revoked.
    Revocation,
    /// The platform has another credential than the ledger records.
    Platform,
}

impl ProblemKind {
    /// The word that is printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Older => "older",
            Self::Ca => "ca",
            Self::Missing => "missing",
            Self::Changed => "changed",
            Self::Foreign => "foreign",
            Self::Twice => "twice",
            Self::Key => "key",
            Self::Unreadable => "unreadable",
            Self::Mode => "mode",
            Self::Place => "place",
            Self::Revocation => "revocation",
            Self::Platform => "platform",
        }
    }
}

/// A difference between the ledger and the files.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Problem {
    /// Its sort.
    pub problem: ProblemKind,
    /// `ca`, `server` or `device`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The name of the identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The serial number of the certificate, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The file or directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The difference.
    pub what: String,
    /// Whether `store repair` cannot remove it, because the ledger is right about it.
    #[serde(skip)]
    pub(super) stays: bool,
}

impl Problem {
    pub(super) fn new(problem: ProblemKind, what: impl Into<String>) -> Self {
        let stays = matches!(problem, ProblemKind::Missing | ProblemKind::Place);
        Self { problem, kind: None, name: None, serial: None, path: None, what: what.into(), stays }
    }

    /// Marks it as one that no repair removes.
    pub(super) fn staying(mut self, stays: bool) -> Self {
        self.stays = stays;
        self
    }

    pub(super) fn of(mut self, kind: Kind, name: &str) -> Self {
        self.kind = Some(kind.as_str().to_owned());
        self.name = Some(name.to_owned());
        self
    }

    pub(super) fn entry(self, entry: &Entry) -> Self {
        let mut problem = self.of(entry.key.kind, &entry.key.name);
        problem.serial = Some(entry.serial.to_string());
        problem
    }

    pub(super) fn at(mut self, path: impl AsRef<std::path::Path>) -> Self {
        self.path = Some(path.as_ref().to_string_lossy().into_owned());
        self
    }

    pub(super) fn serial(mut self, leaf: &Certificate) -> Self {
        self.serial = SerialNumber::new(leaf.serial()).ok().map(|serial| serial.to_string());
        self
    }

    pub(super) fn of_error(problem: ProblemKind, error: &Error) -> Self {
        let finding: &Finding = error.finding();
        let why = finding.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        Self::new(problem, format!("{}{why}", finding.what))
    }
}

/// What the ledger knows of a certificate in a file.
pub(super) enum Known {
    /// Its row.
    Row(Box<Entry>),
    /// A row that was not completed: the next run of the verb that made it settles it.
    Unfinished,
    /// Nothing.
    Foreign,
}

/// Looks a certificate up.
///
/// # Errors
/// Those of the ledger.
pub(super) fn look_up(view: &View, found: &Found) -> Result<Known> {
    let fingerprint = found.leaf.fingerprint();
    let history = view.history(found.kind, &found.name)?;
    let mut rows = history.into_iter();
    if let Some(row) = rows.find(|row| row.fingerprint == Some(fingerprint) && row.role != Role::Void) {
        return Ok(Known::Row(Box::new(row)));
    }
    // The directory can have another name than the row, for example after a user moved it.
    let serial = SerialNumber::new(found.leaf.serial())?;
    for row in view.by_serial(&serial)? {
        // Its fingerprint is not recorded yet: the row is from before the certificate was made.
        if row.state == State::Intended && row.key.name == found.name {
            return Ok(Known::Unfinished);
        }
        if row.fingerprint == Some(fingerprint) && row.role != Role::Void {
            return Ok(Known::Row(Box::new(row)));
        }
    }
    Ok(Known::Foreign)
}
