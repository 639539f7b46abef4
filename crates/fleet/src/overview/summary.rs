//! The numbers on the page.

use std::collections::BTreeMap;

use base::timestamp::rfc3339;
use identity::lifecycle::published_lists::PublishedListReport;
use ledger::{Phase, RevocationCount};
use schemars::JsonSchema;
use serde::Serialize;

use super::Overview;
use super::jobs::JobAndProgress;
use super::life::{OpenItem, RolloverSummary};

/// The fleet in numbers. Every device counts once, by its latest generation that is not void.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct OverviewSummary {
    /// When the ledger was looked through (RFC 3339, UTC).
    pub made_at: String,
    /// The number of devices.
    pub devices: u64,
    /// The number of devices in each state; states of none are missing.
    pub states: BTreeMap<String, u64>,
    /// The number with a certificate that is in use or can be: `issued`, `registered` or `bundled`.
    pub usable: u64,
    /// The number of those that the platform knows.
    pub registered: u64,
    /// The number of those that are in a flash image.
    pub bundled: u64,
    /// The number of further devices that log in with an access token; they have no certificate, and count nowhere else.
    pub tokens: u64,
    /// The number of devices with a failure as their last event.
    pub failed: u64,
    /// The number of usable certificates that have expired, those of servers and CAs included.
    pub expired: u64,
    /// The number of those that must be renewed now, by the rule for renewals and without a renewal that waits. CAs count
    /// from the time on from which their certificates end earlier than configured.
    pub due: u64,
    /// The number of certificates in use that expire within 90 days, whatever the rule for renewals is.
    pub expiring_within_90_days: u64,
    /// How many renewals wait for their use.
    pub pending_renewals: u64,
    /// How many steps of renewals and revocations are begun and not done, and how many platforms have earlier certificates of
    /// devices.
    pub open_steps: u64,
    /// What is begun and not done, open jobs included: at most 100 of each sort.
    pub open: Vec<OpenSummary>,
    /// The published revocation lists, one for each generation of a CA.
    pub revocation_lists: Vec<PublishedListReport>,
    /// The rollovers of CAs that are under way.
    pub rollovers: Vec<RolloverSummary>,
    /// The number of revoked certificates by kind and reason, the most frequent first.
    pub revoked: Vec<RevokedSummary>,
    /// Why devices failed, the most frequent cause first.
    pub causes: Vec<CauseSummary>,
    /// The number that failed for other causes.
    pub other_causes: u64,
    /// The jobs, the latest first, at most 100 of them.
    pub jobs: Vec<JobSummary>,
    /// The number of devices that the page lists.
    pub rows: u64,
}

/// Why devices failed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CauseSummary {
    /// The message, without what differs from device to device.
    pub cause: String,
    /// The number that failed so.
    pub devices: u64,
    /// One of them.
    pub example: String,
}

/// Something that is begun and not done.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct OpenSummary {
    /// `revocation`, `crl-after`, `renewal`, `enrolment`, `registration` or `job`.
    pub of: String,
    /// The kind and the name of the identity, the job, or the program.
    pub subject: String,
    /// What was begun and is not done.
    pub step: String,
    /// The error of the last attempt.
    pub error: Option<String>,
    /// The URL of the platform that still has a revoked certificate, or an earlier one of the device, if the ledger knows
    /// several platforms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
}

/// How many certificates of a kind were revoked for one reason.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RevokedSummary {
    /// `ca`, `server` or `device`.
    pub kind: String,
    /// The reason by its name in RFC 5280, section 5.3.1; `null` if none was given.
    pub reason: Option<String>,
    /// The number of certificates.
    pub count: u64,
}

/// The progress of a job.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct JobSummary {
    /// The number.
    pub job: u64,
    /// When its names were staged.
    pub made_at: String,
    /// The number of its names.
    pub names: u64,
    /// The number of its shards.
    pub shards: u32,
    /// True if every one of its names is issued.
    pub done: bool,
    /// The number of its devices with a failure as their last event.
    pub failed: u64,
    /// The progress of its shards: `issue`, `register`, `bundle`.
    pub phases: BTreeMap<String, PhaseSummary>,
}

/// The progress of a job's shards in one phase.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PhaseSummary {
    /// Shards that the phase has finished.
    pub done: u64,
    /// Done, but for devices that failed.
    pub partly: u64,
    /// A station has them.
    pub claimed: u64,
    /// Shards without a station that works on them.
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
            tokens: u64::try_from(self.tokens.len()).unwrap_or(u64::MAX),
            failed: totals.failed,
            expired: totals.expired + totals.others_expired,
            due: totals.due + totals.others_due,
            expiring_within_90_days: totals.expiring + totals.others_expiring,
            pending_renewals: totals.pending,
            open_steps: self.life.open_steps,
            open: self.life.open.iter().map(open_summary).collect(),
            revocation_lists: self.life.lists.iter().map(|list| PublishedListReport::of(list, self.now)).collect(),
            rollovers: self.life.rollovers.clone(),
            revoked: self.life.revoked.iter().map(revoked_summary).collect(),
            causes: causes.collect(),
            other_causes: self.causes.others,
            jobs: self.jobs.latest.iter().map(job_summary).collect(),
            rows: u64::try_from(self.rows.len()).unwrap_or(u64::MAX),
        }
    }
}

fn open_summary(item: &OpenItem) -> OpenSummary {
    OpenSummary {
        of: item.of.as_str().to_owned(),
        subject: item.subject.clone(),
        step: item.step.clone(),
        error: item.error.clone(),
        platform: item.platform.clone(),
    }
}

fn revoked_summary(count: &RevocationCount) -> RevokedSummary {
    let RevocationCount { kind, reason, count } = count.clone();
    RevokedSummary { kind: kind.to_string(), reason, count }
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
