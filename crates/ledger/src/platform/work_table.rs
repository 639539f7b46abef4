//! The table with the shards of a phase: those to be registered have a row for each platform.

use base::Result;

use crate::job::{JobId, Phase};
use crate::platform::PlatformId;
use crate::transaction::Transaction;
use crate::value::values;
use crate::view::View;

/// The table of the shards of a phase at the platform in focus.
pub(crate) struct WorkTable {
    /// The name of the table.
    pub(crate) name: &'static str,
    /// The condition that ends a statement about it.
    pub(crate) of_platform: String,
}

impl View {
    pub(crate) fn work_table(&self, phase: Phase) -> WorkTable {
        let platform = self.columns().platform;
        if phase != Phase::Register || platform == PlatformId::FIRST {
            return WorkTable { name: "work", of_platform: String::new() };
        }
        WorkTable { name: "platform_work", of_platform: format!(" AND platform = {}", platform.0) }
    }
}

impl Transaction<'_> {
    /// Records the shards of a job as open for a phase at the platform in focus, unless they are recorded. The first platform
    /// has them since the job was staged.
    pub(crate) fn open_work(&self, job: JobId, phase: Phase) -> Result<()> {
        if phase != Phase::Register {
            return Ok(());
        }
        let platform = self.platform()?;
        if platform == PlatformId::FIRST {
            return Ok(());
        }
        self.execute(
            "INSERT INTO platform_work (platform, job, phase, shard, state, fence) \
             SELECT CAST(?1 AS BIGINT), job, phase, shard, 'open', 0 FROM work WHERE job = ?2 AND phase = 'register' \
             AND NOT EXISTS (SELECT 1 FROM platform_work AS there WHERE there.platform = CAST(?1 AS BIGINT) \
             AND there.job = work.job AND there.phase = work.phase AND there.shard = work.shard) \
             ON CONFLICT (platform, job, phase, shard) DO NOTHING",
            values![platform.0, job.0],
        )
        .map(drop)
    }
}
