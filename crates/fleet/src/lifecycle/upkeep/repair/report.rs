//! The result of a repair.

use base::text::counted;
use base::{Code, Finding};
use ledger::JobId;
use schemars::JsonSchema;
use serde::Serialize;

use crate::lifecycle::upkeep::check::PlatformCompared;
use crate::lifecycle::upkeep::parts::Problem;

/// What nothing shows of names whose lines are lost.
pub(in crate::lifecycle::upkeep) const LOST_LINES: &str = "labels, attributes and profiles in the lists of names of the \
    jobs: name the profile with `tbpki fleet register --profile`";

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
    /// The jobs whose renewals are pending, each with the number of them.
    #[serde(skip)]
    pub(super) pending: Vec<(JobId, u64)>,
    /// The number of certificates in use that have no private key next to them.
    #[serde(skip)]
    pub(super) keys_elsewhere: u64,
    /// What was noticed.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

impl RepairReport {
    /// Lists what nothing shows. `without_list` are generations of CAs out of service of which there is no list, and
    /// `without_line` is the number of names of jobs whose lines are lost.
    pub(super) fn describe_unknown(&mut self, without_list: &[(String, u32)], without_line: u64) {
        if self.identities > 0 {
            for (ca, generation) in without_list {
                self.unknown.push(format!("revocations below generation {generation} of {ca}, which has no list"));
            }
            self.unknown.push("flash images, failures and copies of the certificates that were taken over".to_owned());
            if self.keys_elsewhere > 0 {
                let keys = counted(self.keys_elsewhere, "private key", "private keys");
                let (are, of) = if self.keys_elsewhere == 1 {
                    ("is", "its certificate counts")
                } else {
                    ("are", "their certificates count")
                };
                self.unknown.push(format!(
                    "where {keys} without a file {are}: {of} as issued for a signing request, so that `tbpki renew` makes no \
                     new key"
                ));
            }
            for (job, count) in &self.pending {
                let renewals = counted(*count, "renewal", "renewals");
                let are = if *count == 1 { "is" } else { "are" };
                self.unknown.push(format!(
                    "whether {renewals} of job {job} {are} in use: if the devices have them, run \
                     `tbpki register --pending --job {job}`"
                ));
            }
            if self.platform != PlatformCompared::Compared {
                self.unknown.push("registrations: the platform was not asked".to_owned());
            }
        }
        if without_line > 0 {
            self.unknown.push(LOST_LINES.to_owned());
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
