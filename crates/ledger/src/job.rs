//! A fleet's names as one job, and the shards that it is done by.

pub(crate) mod attempt;
mod bulk;
pub(crate) mod candidate;
pub(crate) mod claim;
pub(crate) mod job_stage;
pub(crate) mod jobs;
pub(crate) mod progress;
pub(crate) mod reservation;
pub(crate) mod shard_state;
pub(crate) mod staging;
mod work;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use base::{Result, random};
use serde::Serialize;
use time::OffsetDateTime;

use crate::parameters::Parameters;

/// The number of a job in its ledger, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct JobId(pub(crate) i64);

impl JobId {
    /// The job of this number. Whether there is one is for [`View::job`](crate::View::job) to say.
    pub fn new(number: u64) -> Self {
        // A number beyond what is stored is the number of no job.
        Self(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// The number that users type, from 1 on.
    pub fn number(self) -> u64 {
        self.0.unsigned_abs()
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The random identifier of a job: 128 bits, written as 32 hexadecimal digits.
///
/// A job's number counts from 1 in each ledger, so that two stores have a job of the same number. Directories and
/// archives are marked with this identifier instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobUid(pub(crate) [u8; 16]);

impl JobUid {
    /// A new random identifier.
    ///
    /// # Errors
    /// [`Code::Internal`](base::Code::Internal) if the random generator fails.
    pub fn random() -> Result<Self> {
        Ok(Self(*random::bytes()?))
    }
}

impl fmt::Display for JobUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// The properties of a new job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// The order, the same for every name.
    pub parameters: Parameters,
    /// The number of names in a shard; the last one may have fewer.
    pub shard_size: u32,
    /// Whether it issues the next generation of devices that have one: it waits for its use.
    pub renews: bool,
}

/// A name of a job, with the values of its line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StagedName {
    /// The line that it came from, from 1.
    pub line: u64,
    /// The device's name.
    pub name: String,
    /// The label of the device on the platform.
    pub label: Option<String>,
    /// The profile of the device on the platform.
    pub profile: Option<String>,
    /// Further names of its certificate, as they were written.
    pub sans: Vec<String>,
    /// The attributes of the device on the platform.
    pub attributes: BTreeMap<String, String>,
}

/// A job: names that were staged together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The number of the job.
    pub id: JobId,
    /// The order, the same for every name.
    pub parameters: Parameters,
    /// The number of its names.
    pub size: u64,
    /// The number of names in a shard.
    pub shard_size: u32,
    /// The number of its shards.
    pub shards: u32,
    /// The random identifier by which the job is known outside of this ledger: numbers repeat from store to store.
    pub uid: JobUid,
    /// True if nothing is left to issue: every name is issued, or the job was canceled.
    pub done: bool,
    /// The time at which it was canceled; `None` if it was not.
    pub canceled_at: Option<OffsetDateTime>,
    /// When it was staged.
    pub made_at: OffsetDateTime,
    /// Whether it renews: what it issues is pending.
    pub renews: bool,
}

impl Job {
    /// The number of the first name of a shard, from 0, and how many names it has.
    pub fn range(&self, shard: u32) -> (u64, u32) {
        range(self.size, self.shard_size, shard)
    }
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn range(size: u64, shard_size: u32, shard: u32) -> (u64, u32) {
    // A shard beyond the end of the job is empty; without the limit the subtraction below would fail.
    let first = (u64::from(shard) * u64::from(shard_size)).min(size);
    let count = (size - first).min(u64::from(shard_size));
    (first, u32::try_from(count).unwrap_or(shard_size))
}

/// A step that is done with each shard of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Keys and certificates are made and put in their place.
    Issue,
    /// The platform is told of them.
    Register,
    /// They are put into flash images.
    Bundle,
}

impl Phase {
    /// Every phase, in the order in which a shard goes through them.
    pub const ALL: [Self; 3] = [Self::Issue, Self::Register, Self::Bundle];

    /// The word that is stored and printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Register => "register",
            Self::Bundle => "bundle",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_shard_has_what_is_left() {
        assert_eq!(range(2500, 1000, 0), (0, 1000));
        assert_eq!(range(2500, 1000, 2), (2000, 500));
        assert_eq!(range(2000, 1000, 1), (1000, 1000));
        assert_eq!(range(2500, 1000, 3), (2500, 0));
    }
}
