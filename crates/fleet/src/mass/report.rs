//! The report about a fleet, for people and for programs.

use std::path::{Path, PathBuf};
use std::time::Instant;

use base::Finding;
use ledger::{Job, View};
use schemars::JsonSchema;
use serde::Serialize;

use super::bundle::BundlesReport;
use super::phase::PhaseCount;
use super::register::RegistrationReport;
use super::results;
use crate::job_order::JobOrder;
use store::shard::Layout;
use store::shard::ShardStore;

/// The report about a job.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FleetReport {
    /// The number of the job; absent in a dry run of names that are no job yet, and for devices without certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<u64>,
    /// The number of its names.
    pub names: u64,
    /// True if nothing was changed.
    pub dry_run: bool,
    /// The layout of its identities.
    pub layout: Layout,
    /// The directory that they are in.
    pub out: PathBuf,
    /// The archive, once it is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<PathBuf>,
    /// The index of the archive, once it is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<PathBuf>,
    /// The progress of the phases that this run has worked on.
    pub phases: Vec<PhaseReport>,
    /// The changes in the platform, if this run registered devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration: Option<RegistrationReport>,
    /// The places of bundles, if this run made them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundles: Option<BundlesReport>,
    /// The files with a line for each device.
    pub results: Vec<PathBuf>,
    /// The error that ended the run early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Finding>,
    /// Warnings and hints.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// True if the files with a line for each device could not be written.
    #[serde(skip)]
    pub lacks_results: bool,
    /// True if the job renews the devices of another one.
    #[serde(skip)]
    pub renews: bool,
    /// Where the rest of an unfinished phase is.
    #[serde(skip)]
    pub rest: Rest,
}

/// Where the devices are that a phase has left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rest {
    /// Here: the same command does the rest.
    #[default]
    Here,
    /// Nowhere: they are not issued.
    NotIssued,
    /// In places that this station cannot reach.
    Elsewhere,
}

impl Rest {
    /// Where the rest of a phase is that uses identities. `is_elsewhere` if shards of the job are out of reach.
    pub(crate) fn of(job: &Job, count: PhaseCount, failed: u64, is_elsewhere: bool) -> Self {
        match (count.left, job.done) {
            (0, false) => Self::NotIssued,
            // What failed is here, and is tried again by the same command.
            (_, true) if is_elsewhere && failed == 0 => Self::Elsewhere,
            _ => Self::Here,
        }
    }
}

/// The progress of a phase of a job.
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
    /// Devices that are skipped, because they were unregistered.
    pub skipped: u64,
    /// Devices that are skipped, because they were revoked.
    pub revoked: u64,
    /// Devices that are skipped, because they have another certificate now.
    pub replaced: u64,
    /// The time that this run took for it, in milliseconds.
    pub milliseconds: u64,
}

impl PhaseReport {
    /// The report of issuing: `done` devices of `names` are issued, `now` of them since `begun`.
    pub(crate) fn of_issuing(names: u64, done: u64, now: u64, begun: Instant) -> Self {
        Self::of_phase(PhaseName::Issue, names.saturating_sub(done), [done, 0, 0, 0], now, 0, begun)
    }

    /// The report of bundling names without certificates: `done` of `names`, `now` of them since `begun`.
    pub(crate) fn of_bundling(names: u64, done: u64, now: u64, begun: Instant) -> Self {
        Self::of_phase(PhaseName::Bundle, names.saturating_sub(done), [done, 0, 0, 0], now, 0, begun)
    }

    /// The report of a phase that uses identities, as `count` has it; `now` devices were done since `begun`.
    pub(crate) fn new(phase: PhaseName, names: u64, count: PhaseCount, now: u64, failed: u64, begun: Instant) -> Self {
        let aside = count.done + count.skipped + count.revoked + count.replaced;
        let left = names.saturating_sub(aside);
        Self::of_phase(phase, left, [count.done, count.skipped, count.revoked, count.replaced], now, failed, begun)
    }

    fn of_phase(
        phase: PhaseName,
        left: u64,
        [done, skipped, revoked, replaced]: [u64; 4],
        now: u64,
        failed: u64,
        begun: Instant,
    ) -> Self {
        let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Self { phase, done, now, failed, left, skipped, revoked, replaced, milliseconds }
    }
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
    /// That of a job before anything was done; `place` is where it goes, as far as that is known.
    pub(crate) fn of(job: &Job, order: &JobOrder, place: Option<&ShardStore>) -> Self {
        let out = place.map_or_else(PathBuf::new, |place| place.dir.clone());
        Self { job: Some(job.id.number()), renews: job.renews, ..Self::of_names(job.size, order.layout, out) }
    }

    /// That of so many names that are no job yet.
    pub(crate) fn of_names(names: u64, layout: Layout, out: PathBuf) -> Self {
        Self {
            job: None,
            names,
            dry_run: false,
            layout,
            out,
            archive: None,
            index: None,
            phases: Vec::new(),
            registration: None,
            bundles: None,
            results: Vec::new(),
            stopped: None,
            findings: Vec::new(),
            lacks_results: false,
            renews: false,
            rest: Rest::Here,
        }
    }

    /// Writes the files with a line for each device of a job: in the requested directory, else next to the shards
    /// when some failed. An error is a finding: the work is done, and the report must not be lost with it.
    pub(crate) fn write_results(&mut self, view: &View, job: &Job, wished: Option<&Path>, failed: u64) {
        // Without failures the ledger has the same information, and nothing is written without a request.
        let dir = wished.or((failed > 0).then_some(self.out.as_path()));
        let Some(dir) = dir.filter(|_| !self.dry_run) else { return };
        match results::write(view, job, dir) {
            Ok(written) => self.results = written,
            Err(error) => {
                self.lacks_results = true;
                self.findings.push(error.into_finding());
            }
        }
    }

    /// True if nothing has failed in a dry run, in which devices are left by its nature.
    pub fn could_succeed(&self) -> bool {
        self.stopped.is_none() && self.phases.iter().all(|phase| phase.failed == 0)
    }

    /// True if everything is done that was asked for.
    pub fn is_complete(&self) -> bool {
        self.stopped.is_none()
            && !self.lacks_results
            && self.phases.iter().all(|phase| phase.left == 0 && phase.failed == 0)
    }
}
