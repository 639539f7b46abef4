//! What the page says, in numbers.

use std::collections::BTreeMap;

use ledger::Phase;
use schemars::JsonSchema;
use serde::Serialize;

use super::Overview;
use super::jobs::JobAndProgress;
use identity::report::rfc3339;

/// The fleet in numbers. Every device counts once, by its latest generation that is not void.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct OverviewSummary {
    /// When the ledger was looked through (RFC 3339, UTC).
    pub made_at: String,
    /// How many devices there are.
    pub devices: u64,
    /// How many of them are in each state; states of none are missing.
    pub states: BTreeMap<String, u64>,
    /// How many have a certificate that is in use or can be: `issued`, `registered` or `bundled`.
    pub usable: u64,
    /// How many of those the platform knows.
    pub registered: u64,
    /// How many of those are in a flash image.
    pub bundled: u64,
    /// How many devices have a failure as their last event.
    pub failed: u64,
    /// How many of the usable certificates have expired, those of servers and CAs included.
    pub expired: u64,
    /// How many more expire within 90 days.
    pub expiring_within_90_days: u64,
    /// Why devices failed, the most frequent cause first.
    pub causes: Vec<CauseSummary>,
    /// How many failed for causes that are not among these.
    pub other_causes: u64,
    /// The jobs, the latest first, at most 100 of them.
    pub jobs: Vec<JobSummary>,
    /// How many devices the page shows one by one.
    pub rows: u64,
}

/// Why devices failed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CauseSummary {
    /// The message, without what differs from device to device.
    pub cause: String,
    /// How many failed so.
    pub devices: u64,
    /// One of them.
    pub example: String,
}

/// How far a job is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct JobSummary {
    /// Its number.
    pub job: u64,
    /// When its names were staged.
    pub made_at: String,
    /// How many names it has.
    pub names: u64,
    /// How many shards it has.
    pub shards: u32,
    /// Whether every one of its names is issued.
    pub done: bool,
    /// How many of its devices have a failure as their last event.
    pub failed: u64,
    /// How far its shards are: `issue`, `register`, `bundle`.
    pub phases: BTreeMap<String, PhaseSummary>,
}

/// How far the shards of a job are in one phase.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PhaseSummary {
    /// Done.
    pub done: u64,
    /// Done, but for devices that failed.
    pub partly: u64,
    /// A station has them.
    pub claimed: u64,
    /// Nobody has them.
    pub open: u64,
}

impl Overview {
    /// The fleet in numbers.
    pub fn summary(&self) -> OverviewSummary {
        let totals = &self.totals;
        let causes = self.causes.by_frequency().into_iter().map(|(_, cause)| CauseSummary {
            cause: cause.text.clone(),
            devices: cause.devices,
            example: cause.example.clone(),
        });
        OverviewSummary {
            made_at: rfc3339(self.now),
            devices: totals.devices,
            states: totals.states.iter().map(|(state, count)| (state.to_string(), *count)).collect(),
            usable: totals.usable,
            registered: totals.registered,
            bundled: totals.bundled,
            failed: totals.failed,
            expired: totals.expired + totals.others_expired,
            expiring_within_90_days: totals.expiring + totals.others_expiring,
            causes: causes.collect(),
            other_causes: self.causes.others,
            jobs: self.jobs.latest.iter().map(job_summary).collect(),
            rows: u64::try_from(self.rows.len()).unwrap_or(u64::MAX),
        }
    }
}

fn job_summary(JobAndProgress { job, progress }: &JobAndProgress) -> JobSummary {
    let phases = Phase::ALL.map(|phase| {
        let shards = progress.phase(phase);
        let summary =
            PhaseSummary { done: shards.done, partly: shards.partly, claimed: shards.claimed, open: shards.open };
        (phase.to_string(), summary)
    });
    JobSummary {
        job: job.id.number(),
        made_at: rfc3339(job.made_at),
        names: job.size,
        shards: job.shards,
        done: job.done,
        failed: progress.failed,
        phases: phases.into(),
    }
}
