//! Bundles that the ledger counts as made, and that are not there any more.

use base::text::counted;
use base::{Code, Finding, Result};
use ledger::{Entry, Job, Phase, State};
use store::Store;
use store::shard::{Layout, ShardStore};

use super::attempt;
use super::output::BundleOutput;
use crate::mass::control::RunControl;

/// The shards at a place whose bundles are not all there.
#[derive(Default)]
pub(super) struct LostShards {
    pub(super) shards: Vec<u32>,
    /// The number of their devices.
    pub(super) devices: u64,
}

impl LostShards {
    /// The shards at `place` whose bundles are not there, or not whole. The ledger alone would count them as done. There is
    /// no `output` if the directory with all bundles is gone.
    ///
    /// # Errors
    /// [`Code::OtherBundles`] if bundles are there and nothing tells with which parameters they were made; those of the
    /// ledger and of the disk.
    pub(super) fn find(store: &Store, job: &Job, place: &ShardStore, output: Option<&BundleOutput>) -> Result<Self> {
        let mut lost = Self::default();
        let mut are_some_there = false;
        for shard in store.ledger.finished_shards(job.id, Phase::Bundle)? {
            if store.ledger.committed(job.id, shard)?.is_none_or(|committed| committed.place != place.id()) {
                continue;
            }
            let mut devices = store.ledger.shard(job.id, shard)?;
            devices.retain(|entry: &Entry| entry.is_for_job() && entry.reached(State::Bundled).is_some());
            let names = devices.iter().map(|entry| entry.key.name.as_str());
            let is_there = match (place.layout(), output) {
                (_, None) => false,
                (Layout::Directories, Some(output)) => output.has_devices(names)?,
                (Layout::Shards | Layout::Archive, Some(output)) => {
                    output.has_shard(attempt(&store.ledger, job, shard)?, names)?
                }
            };
            if is_there {
                are_some_there = true;
            } else {
                lost.devices += devices.len() as u64;
                lost.shards.push(shard);
            }
        }
        match output.filter(|_| are_some_there) {
            Some(output) if !output.has_common()? => Err(Code::OtherBundles
                .error("the description of the bundles of this job is missing")
                .at(output.firmware())
                .because("without bundle.json the parameters of the others are unknown")
                .fix(format!(
                    "restore the directory, or make all of them again with `tbpki fleet bundle --job {} --again` and the \
                     other options of this command",
                    job.id
                ))),
            _ => Ok(lost),
        }
    }

    /// Tells what happens to them: in a dry run as a finding, otherwise at once.
    pub(super) fn tell(&self, place: &ShardStore, dry_run: bool, control: &mut RunControl<'_>) -> Option<Finding> {
        let text = self.text()?;
        if dry_run {
            return Some(Code::PlaceMissing.note(text).at(&place.dir));
        }
        (control.say)(&text);
        None
    }

    /// What happens to them; none if there are none.
    fn text(&self) -> Option<String> {
        let shards = counted(self.shards.len() as u64, "shard", "shards");
        (!self.shards.is_empty()).then(|| format!("the bundles of {shards} are missing and are made again"))
    }
}
