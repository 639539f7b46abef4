//! The attempts at issuing a shard. Each has serial numbers of its own.

use base::Result;

use crate::job::JobId;
use crate::job::claim::Claim;
use crate::transaction::Transaction;
use crate::value::{one_of, values};

/// The end of an attempt, as the ledger keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AttemptOutcome {
    /// Its identities count.
    Issued,
    /// It was given up. What it has signed counts for nothing.
    Void,
}

impl AttemptOutcome {
    pub(crate) const ALL: [Self; 2] = [Self::Issued, Self::Void];

    /// The word in the ledger.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Void => "void",
        }
    }
}

impl Transaction<'_> {
    /// The outcome of the attempt; `None` while it goes on.
    pub(super) fn outcome(&self, claim: &Claim) -> Result<Option<AttemptOutcome>> {
        let row = self.one(
            "SELECT outcome FROM attempt WHERE job = ?1 AND shard = ?2 AND fence = ?3",
            values![claim.job.0, claim.shard, claim.fence],
        )?;
        let stored: Option<String> = row.map_or(Ok(None), |row| row.get(0))?;
        stored.map(|stored| one_of(&AttemptOutcome::ALL, AttemptOutcome::as_str, &stored)).transpose()
    }

    /// Ends the attempt at a shard that is going on, if one is.
    pub(super) fn end_attempt(&self, job: JobId, shard: u32, outcome: AttemptOutcome) -> Result<()> {
        self.execute(
            // An index allows one attempt at a shard that is going on, so this meets at most one row.
            "UPDATE attempt SET outcome = ?3, ended_at = ?4 WHERE job = ?1 AND shard = ?2 AND outcome IS NULL",
            values![job.0, shard, outcome.as_str(), self.now()],
        )?;
        Ok(())
    }

    /// Gives up every attempt of a job that is going on.
    pub(super) fn void_attempts(&self, job: JobId) -> Result<()> {
        self.execute(
            "UPDATE attempt SET outcome = ?2, ended_at = ?3 WHERE job = ?1 AND outcome IS NULL",
            values![job.0, AttemptOutcome::Void.as_str(), self.now()],
        )?;
        Ok(())
    }
}
