//! Bundles without certificates on their way into a directory: the mark, the shards and their passwords.

use std::path::Path;

use base::{Result, Secret};
use identity::lifecycle::one_time_password;
use store::Store;
use store::shard::Attempt;

use super::listed::ListedName;
use crate::bundle::Enrolment;
use crate::mass::bundle::bundler::Bundler;
use crate::mass::bundle::enrolment_mark::{EnrolmentMark, EnrolmentRun};
use crate::mass::bundle::output::{BundleOutput, WrittenBundles};
use crate::mass::progress::ProgressCounter;
use crate::stop::Stop;

/// What writes the bundles of a run.
pub(super) struct KeylessWriter<'a> {
    pub(super) store: &'a mut Store,
    pub(super) bundler: &'a Bundler,
    pub(super) enrolment: &'a Enrolment,
    pub(super) output: &'a BundleOutput,
    pub(super) keeper: MarkKeeper<'a>,
}

impl KeylessWriter<'_> {
    /// Prepares the directory for the shards that get bundles, `missing`.
    pub(super) fn begin(&mut self, missing: &[u32]) -> Result<()> {
        if !missing.is_empty() {
            // First the mark: with the parameters of a new run, it tells that the bundles that are there are of another one.
            self.keeper.run.reopen(missing);
            self.keeper.write()?;
            self.output.remove_leftovers()?;
        }
        if !missing.is_empty() || !self.output.has_common_files(self.bundler)? {
            self.output.write_common(self.bundler)?;
        }
        Ok(())
    }

    /// Writes the bundles of these shards until `stop`. Returns the number of bundles.
    pub(super) fn write(
        &mut self,
        missing: &[(Attempt, &[ListedName])],
        stop: &Stop<'_>,
        progress: &mut ProgressCounter<'_>,
    ) -> Result<u64> {
        let anchors = self.bundler.anchors()?;
        let mut written = 0;
        for (attempt, names) in missing {
            if stop.is_asked() {
                break;
            }
            let shard = self.write_shard(&anchors, *attempt, names)?;
            self.publish(*attempt, &shard)?;
            written += names.len() as u64;
            progress.advance(names.len() as u64);
        }
        Ok(written)
    }

    /// Makes the bundles of 1,000 names, with new passwords.
    fn write_shard<'n>(&self, anchors: &str, attempt: Attempt, names: &'n [ListedName]) -> Result<WrittenShard<'n>> {
        let password = |listed: &'n ListedName| Ok((listed.name.as_str(), one_time_password::random()?));
        let passwords: Vec<(&str, Secret)> = names.iter().map(password).collect::<Result<_>>()?;
        let mut writing = self.output.begin(attempt, attempt.fence)?;
        for (name, password) in &passwords {
            let added = self
                .bundler
                .bundle_without_certificate(name, anchors, password)
                .and_then(|bytes| writing.add(name, &bytes)?.map_or(Ok(()), Err));
            if let Err(error) = added {
                writing.discard();
                return Err(error.item(*name));
            }
        }
        Ok(WrittenShard { bundles: writing.finish()?, passwords })
    }

    /// Records the passwords of a shard, and publishes its bundles.
    ///
    /// In between, a bundle that is there has passwords that the service refuses. So an earlier one is moved away first, and the
    /// mark has the shard: after a kill, a bundle that is there is the new one.
    fn publish(&mut self, attempt: Attempt, written: &WrittenShard<'_>) -> Result<()> {
        let (output, keeper) = (self.output, &mut self.keeper);
        let earlier = match output.set_aside(attempt) {
            Ok(earlier) => earlier,
            Err(error) => {
                output.discard(&written.bundles);
                return Err(error);
            }
        };
        keeper.run.begin(attempt.shard);
        let rows: Vec<_> = written.passwords.iter().map(|(name, it)| self.enrolment.new_password(name, it)).collect();
        let recorded = keeper.write().and_then(|()| self.store.ledger.new_passwords(&rows));
        if let Err(error) = recorded {
            output.discard(&written.bundles);
            // The ledger still has the passwords of the earlier bundles. They must not pass as those of this run.
            keeper.run.give_up();
            if keeper.write().is_ok() {
                output.put_back(&earlier);
            }
            return Err(error);
        }
        if let Err(error) = output.settle(&written.bundles) {
            output.discard(&written.bundles);
            return Err(error);
        }
        let made = match written.passwords.first() {
            Some((name, _)) => self.store.ledger.password_of(name)?.map(|password| password.made_at),
            None => None,
        };
        keeper.run.publish(attempt.shard, made);
        keeper.write()?;
        output.discard(&earlier);
        Ok(())
    }

    /// Records that every shard of the run has its bundles.
    pub(super) fn end(&mut self) -> Result<()> {
        if !self.keeper.run.is_open {
            return Ok(());
        }
        self.keeper.run.is_open = false;
        self.keeper.write()
    }
}

/// The mark of the directory, and the run in it.
pub(super) struct MarkKeeper<'a> {
    pub(super) dir: &'a Path,
    pub(super) mark: EnrolmentMark,
    pub(super) run: EnrolmentRun,
}

impl MarkKeeper<'_> {
    /// Writes the mark with the run as it is.
    pub(super) fn write(&mut self) -> Result<()> {
        self.mark.run = Some(self.run.clone());
        self.mark.write(self.dir)
    }
}

/// The bundles of a shard next to their names, and their passwords.
struct WrittenShard<'n> {
    bundles: WrittenBundles,
    passwords: Vec<(&'n str, Secret)>,
}
