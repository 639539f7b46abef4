//! The report of a step of a rollover.

use base::{Finding, Severity};
use ledger::Kind;
use schemars::JsonSchema;
use serde::Serialize;

use crate::report::{CertificateReport, FileReport};

/// A step of a rollover.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RolloverReport {
    /// The CA, by its name in the ledger.
    pub ca: String,
    /// What was done.
    pub done: RolloverDone,
    /// The generation, from 1; absent in a dry run of `ca prepare`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u32>,
    /// Its certificate; absent in a dry run of `ca prepare`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateReport>,
    /// The files that changed: those of the CA, and those of identities that trust it.
    pub files: Vec<FileReport>,
    /// The servers whose files changed: the services that use them must be restarted.
    pub restart: Vec<String>,
    /// How many devices have other files now.
    pub devices: u64,
    /// Identities whose files could not be brought up to date.
    pub left: Vec<NotRefreshed>,
    /// Devices and brokers that are not confirmed to have the new generation, and were left behind.
    pub left_behind: Vec<String>,
    /// What was noticed.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// The step that a dry run is about.
    #[serde(skip)]
    pub planned: Option<RolloverDone>,
    /// The number of a generation that is prepared, after a step about another one.
    #[serde(skip)]
    pub prepared: Option<u32>,
    /// Whether a generation of the CA signs: after a revocation, none may.
    #[serde(skip)]
    pub has_current: bool,
}

/// What a step of a rollover has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RolloverDone {
    /// The next generation was made, and is trusted together with the present one.
    Prepared,
    /// The next generation signs.
    Activated,
    /// The generations before the present one are out of service.
    Retired,
    /// It was done before.
    Unchanged,
    /// A dry run: it would be done.
    Planned,
}

/// An identity whose files could not be brought up to date.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct NotRefreshed {
    /// `device` or `server`.
    pub kind: String,
    /// The server or device whose files still have the earlier trust.
    pub name: String,
    /// Why, and what to do.
    pub why: Finding,
}

impl RolloverReport {
    pub(super) fn new(ca: String, done: RolloverDone) -> Self {
        Self {
            ca,
            done,
            generation: None,
            certificate: None,
            files: Vec::new(),
            restart: Vec::new(),
            devices: 0,
            left: Vec::new(),
            left_behind: Vec::new(),
            findings: Vec::new(),
            planned: None,
            prepared: None,
            has_current: true,
        }
    }
}

impl NotRefreshed {
    /// An identity, and what went wrong with it.
    pub fn of(kind: Kind, name: &str, error: base::Error) -> Self {
        let mut why = error.into_finding();
        why.severity = Severity::Warning;
        Self { kind: kind.as_str().to_owned(), name: name.to_owned(), why }
    }
}
