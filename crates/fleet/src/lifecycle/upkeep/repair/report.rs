//! The result of a repair.

use base::{Code, Finding};
use schemars::JsonSchema;
use serde::Serialize;

use crate::lifecycle::upkeep::check::PlatformCompared;
use crate::lifecycle::upkeep::parts::Problem;

/// The result of a repair.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct RepairReport {
    /// True if nothing was written: the numbers are what would be taken over.
    pub dry_run: bool,
    /// Certificates that the ledger did not have and has now.
    pub identities: u64,
    /// Jobs that the ledger did not have and has now.
    pub jobs: u64,
    /// Revocations that were taken over from published lists.
    pub revocations: u64,
    /// Registrations that were corrected as the platform shows them.
    pub registrations: u64,
    /// Names with two certificates in use that were settled.
    pub settled: u64,
    /// Whether the platform was asked.
    pub platform: PlatformCompared,
    /// What could not be known.
    pub unknown: Vec<String>,
    /// What is left.
    pub open: Vec<Problem>,
    /// What was noticed.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

impl RepairReport {
    /// Lists what nothing shows. `without_list` are generations of CAs out of service of which there is no list.
    pub(super) fn describe_unknown(&mut self, without_list: &[(String, u32)]) {
        if self.identities > 0 {
            for (ca, generation) in without_list {
                self.unknown.push(format!("revocations below generation {generation} of {ca}, which has no list"));
            }
            self.unknown.push("flash images, failures and copies of the certificates that were taken over".to_owned());
            if self.platform != PlatformCompared::Compared {
                self.unknown.push("registrations: the platform was not asked".to_owned());
            }
        }
        if self.jobs > 0 {
            self.unknown.push("labels, attributes and profiles in the lists of names of the jobs".to_owned());
        }
        if !self.open.is_empty() {
            self.findings.push(
                Code::StoreDiffers
                    .warning("some differences are left")
                    .because(format!("differences: {}", self.open.len())),
            );
        }
    }
}
