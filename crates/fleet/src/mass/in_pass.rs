//! Bundles of devices whose keys this station will never read again: made in the pass that makes the keys, and sealed
//! for the same recipients before they reach the disk.
//!
//! They are on the disk before the ledger counts their shard as issued. So there is no moment in which a device is
//! issued and its bundle could not be made any more.

use base::{Code, Result};
use ledger::{Entry, Job, Key, Phase};
use pki::key::KeyFormat;

use super::progress::ProgressCounter;
use super::runner::{PhaseRunner, RunEnd, ShardEnd};
use crate::mass::bundle::bundler::Bundler;
use crate::mass::bundle::output::{BundleOutput, WrittenBundles};
use crate::mass::issue::issued_leaf::IssuedLeaf;
use crate::stop::Stop;
use identity::files::output::pem_of;
use store::Store;
use store::shard::Attempt;
use store::shard::ShardStore;

/// Makes and seals the bundles of shards that are being issued.
pub(crate) struct InPassBundler {
    pub(crate) bundler: Bundler,
    pub(crate) output: BundleOutput,
    /// The trust anchors of devices, in PEM.
    pub(crate) anchors: String,
}

impl InPassBundler {
    /// Writes the bundles of a shard next to their names, without waiting for the disk.
    ///
    /// # Errors
    /// What a device's record and the disk can refuse.
    pub(crate) fn write(&self, attempt: Attempt, made: &[IssuedLeaf]) -> Result<WrittenBundles> {
        // The fence of the claim, so that a second attempt at the shard never meets the files of the first.
        let mut writing = self.output.begin(attempt, attempt.fence)?;
        for device in made {
            let bundle = || {
                let chain = [device.leaf_text(), pem_of(&device.issuer.certificates)].concat();
                let key = device.key.to_pem(KeyFormat::Pkcs8)?;
                self.bundler.bundle(&device.name, &self.anchors, chain, &key)
            };
            let added = bundle().and_then(|bytes| writing.add(&device.name, &bytes)?.map_or(Ok(()), Err));
            // The shard is issued with all of its bundles or not at all: without a key no bundle could follow.
            if let Err(error) = added {
                writing.discard();
                return Err(error.item(&device.name));
            }
        }
        writing.finish()
    }

    /// Removes the bundles of attempts that count for nothing.
    ///
    /// # Errors
    /// Those of the ledger and of the disk.
    pub(crate) fn remove_leftovers(&self, store: &Store, job: &Job, place: &ShardStore) -> Result<()> {
        self.output.remove_leftovers()?;
        // Bundles of an attempt that the ledger gave up belong to keys that no device has.
        self.output.keep_only(|attempt| Ok(place.attempt(&store.ledger, job.id, attempt.shard)? == Some(attempt)))
    }

    /// Records what was bundled. Shards that were issued without their bundles will never have them.
    ///
    /// # Errors
    /// [`Code::Internal`]; those of the ledger and of the disk are in the end of the run.
    pub(crate) fn record(
        &self,
        store: &mut Store,
        job: &Job,
        place: &ShardStore,
        stop: &Stop<'_>,
        progress: &mut ProgressCounter<'_>,
    ) -> Result<RunEnd> {
        let mut runner = PhaseRunner::new(&mut store.ledger, job.id, Phase::Bundle, place, stop)?;
        runner.run(|runner, lease| {
            let number = lease.claim.shard;
            let committed = runner.ledger.committed(job.id, number)?;
            let fence = committed.map(|committed| committed.fence);
            // The file decides, because a run may have been killed after the ledger had the shard.
            let there = fence.map_or(Ok(false), |fence| self.output.holds(Attempt { shard: number, fence }))?;
            let mut count = 0;
            for entry in runner.ledger.shard(job.id, number)?.into_iter().filter(Entry::is_for_bulk) {
                let key: Key = entry.key;
                if there {
                    count += 1;
                    lease.done(key);
                } else {
                    let error = Code::Sealed.error("it was issued without a bundle, and its key is sealed");
                    lease.failed(key, &error);
                }
            }
            progress.advance(count);
            Ok(ShardEnd::Done)
        });
        Ok(runner.into_end())
    }
}
