//! The progress of a job.

use std::collections::BTreeMap;

use crate::job::Phase;
use crate::state::State;

/// The progress of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobProgress {
    /// The shards, by phase in the order of [`Phase::ALL`].
    pub phases: [PhaseProgress; Phase::ALL.len()],
    /// The number of its identities in each state. States of none are missing.
    pub states: BTreeMap<State, u64>,
    /// The number of its identities with a failure as their last event.
    pub failed: u64,
}

/// The progress of a job's shards in one phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PhaseProgress {
    /// Shards without a station that works on them.
    pub open: u64,
    /// A station has them, or had them and died.
    pub claimed: u64,
    /// Done, but for devices that failed.
    pub partly: u64,
    /// Shards that the phase has finished.
    pub done: u64,
}

impl JobProgress {
    /// The number of identities that the job has issued, including those that were voided or revoked later.
    pub fn issued(&self) -> u64 {
        self.states.iter().filter(|(state, _)| **state != State::Intended).map(|(_, count)| count).sum()
    }

    /// The shards of one phase.
    pub fn phase(&self, phase: Phase) -> PhaseProgress {
        let [issue, register, bundle] = self.phases;
        match phase {
            Phase::Issue => issue,
            Phase::Register => register,
            Phase::Bundle => bundle,
        }
    }
}
