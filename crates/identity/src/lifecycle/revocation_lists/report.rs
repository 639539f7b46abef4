//! What a command that writes revocation lists reports.

use base::Finding;
use schemars::JsonSchema;
use serde::Serialize;

use super::unmade::UnmadeList;
use crate::report::FileReport;

/// The written lists.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RevocationListsReport {
    /// True if nothing was written.
    pub dry_run: bool,
    /// The files with the lists.
    pub files: Vec<FileReport>,
    /// One for each CA key.
    pub lists: Vec<RevocationListReport>,
    /// True if the program of `[crl] after` failed. `tbpki revoke --open` and the next lists run it again.
    pub hook_failed: bool,
    /// Whether a file has changed, so that the program has to run.
    #[serde(skip)]
    pub(super) is_hook_due: bool,
    /// True if a file still has the list of a CA that is out of service, because it would be empty without it.
    #[serde(skip)]
    pub keeps_replaced: bool,
    /// True if the program of `[crl] after` has run, so that the broker has the lists.
    #[serde(skip)]
    pub hook_done: bool,
    /// The lists that could not be made although the keys are in the store.
    #[serde(skip)]
    pub unmade: Vec<UnmadeList>,
    /// Warnings and hints.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// The revocation list of one CA key.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RevocationListReport {
    /// The CA: its name in the ledger.
    pub ca: String,
    /// The generation of the CA, from 1.
    pub generation: u32,
    /// The CRL number; `null` in a dry run.
    pub number: Option<String>,
    /// When it was made (RFC 3339, UTC).
    pub this_update: Option<String>,
    /// The latest time at which the next one is made (RFC 3339, UTC).
    pub next_update: Option<String>,
    /// The number of revoked certificates in the list.
    pub revoked: usize,
    /// True if it is the list of an earlier run, because the key of the CA is not in this store or cannot be used, or because
    /// that list is later than the clock.
    pub kept: bool,
}

impl RevocationListsReport {
    /// Whether a file has changed, so that the program of `[crl] after` has to run.
    pub fn is_hook_due(&self) -> bool {
        self.is_hook_due
    }

    /// Of a run that has done nothing yet.
    pub(super) fn new(dry_run: bool) -> Self {
        Self {
            dry_run,
            files: Vec::new(),
            lists: Vec::new(),
            hook_failed: false,
            is_hook_due: false,
            keeps_replaced: false,
            hook_done: false,
            unmade: Vec::new(),
            findings: Vec::new(),
        }
    }
}
