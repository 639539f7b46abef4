//! What was done with a fleet, for people and for programs.

use std::path::PathBuf;

use pki::Finding;
use schemars::JsonSchema;
use serde::Serialize;

use super::bundle::BundlesReport;
use super::layout::Layout;
use super::register::RegistrationReport;

/// What was done with a job.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FleetReport {
    /// The number of the job; absent in a dry run of names that are no job yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<u64>,
    /// How many names it has.
    pub names: u64,
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// How its identities are laid out.
    pub layout: Layout,
    /// The directory that they are in.
    pub out: PathBuf,
    /// The archive, once it is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<PathBuf>,
    /// The index of the archive, once it is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<PathBuf>,
    /// How far its phases are, those that this run had to do with.
    pub phases: Vec<PhaseReport>,
    /// What was done in the platform, where this run registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration: Option<RegistrationReport>,
    /// Where bundles are, where this run made them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundles: Option<BundlesReport>,
    /// The files with a line for each device.
    pub results: Vec<PathBuf>,
    /// What ended the run before it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Finding>,
    /// What was noticed on the way.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// How far a phase of a job is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PhaseReport {
    /// Which one.
    pub phase: PhaseName,
    /// Devices that are done, earlier runs included.
    pub done: u64,
    /// Devices that this run has done.
    pub now: u64,
    /// Devices that failed.
    pub failed: u64,
    /// Devices that are left, those that failed included.
    pub left: u64,
    /// How long this run took for it, in milliseconds.
    pub milliseconds: u64,
}

/// A phase of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PhaseName {
    /// Keys and certificates.
    Issue,
    /// The platform.
    Register,
    /// Flash images.
    Bundle,
}

impl FleetReport {
    /// Whether everything is done that was asked for.
    pub fn is_complete(&self) -> bool {
        self.stopped.is_none() && self.phases.iter().all(|phase| phase.left == 0 && phase.failed == 0)
    }
}
