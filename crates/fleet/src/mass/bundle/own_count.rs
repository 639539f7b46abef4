//! The progress of the bundles of a job itself.

use base::Result;
use ledger::{Job, Phase, State};
use store::Store;
use store::shard::{Layout, ShardStore};

use super::bundler::Bundler;
use super::output::{BundleOutput, FirmwareOwner};
use crate::mass::phase::{self, PhaseCount};

/// The bundles of a job at its place.
pub(super) struct OwnCount<'a> {
    pub(super) bundler: &'a Bundler,
    pub(super) place: &'a ShardStore,
    pub(super) owner: &'a FirmwareOwner,
}

impl OwnCount<'_> {
    /// The progress of bundling. The ledger also counts a device as bundled if `bundle-firmware` has made an image of it,
    /// and such an image is no bundle of the job: a shard that is not finished has no bundles, and in directories the
    /// file of the device decides.
    ///
    /// # Errors
    /// Those of the ledger and of the disk.
    pub(super) fn of(&self, store: &Store, job: &Job) -> Result<PhaseCount> {
        let count = phase::count(&store.ledger, job.id, Phase::Bundle)?;
        if count.done == 0 {
            return Ok(count);
        }
        let output = match self.place.layout() {
            Layout::Directories => BundleOutput::existing(store.dir(), self.place, self.bundler, self.owner)?,
            Layout::Shards | Layout::Archive => None,
        };
        let finished = store.ledger.finished_shards(job.id, Phase::Bundle)?;
        let mut unmade = 0;
        for shard in (0..job.shards).filter(|shard| finished.binary_search(shard).is_err()) {
            for entry in store.ledger.shard(job.id, shard)? {
                let is_counted = entry.is_for_job() && entry.reached(State::Bundled).is_some();
                let is_made = match output.as_ref().filter(|_| is_counted) {
                    Some(output) => output.has_devices(std::iter::once(entry.key.name.as_str()))?,
                    None => false,
                };
                unmade += u64::from(is_counted && !is_made);
            }
        }
        Ok(PhaseCount { done: count.done.saturating_sub(unmade), left: count.left + unmade, ..count })
    }
}
