//! What earlier runs left in the place of a job: finished if the ledger has it, removed if it was given up.
//!
//! Files are written under a name that nothing looks for, recorded in the ledger, and only then published under their
//! own name. So whatever has its own name is recorded somewhere: if it is not in this ledger, this ledger is older than
//! the files, and removing them could destroy keys in use.

use std::path::PathBuf;

use base::{Code, Error, Result};
use ledger::{Job, JobId, View};

use super::place_files::PlaceFiles;
use store::shard::{Attempt, Layout, ShardStore};

/// Settles what is in the place of a job. The caller holds the lock of the place, so that nothing in it is in progress.
///
/// # Errors
/// [`Code::LedgerOlder`] if the place holds a shard that this ledger does not know; then nothing was changed. Those of
/// the ledger and of the disk.
pub(crate) fn settle(view: &View, job: &Job, files: &PlaceFiles) -> Result<()> {
    if files.place().layout() == Layout::Archive {
        check_knows_joined(view, job, files)?;
    }
    // All steps are decided before the first one is done: an error must leave the place untouched.
    let names = files.names()?;
    let mut steps = Vec::new();
    for name in &names {
        steps.extend(step_for(view, job, files, name)?.map(|step| (name, step)));
    }
    for (name, step) in steps {
        match step {
            Step::Publish(attempt) if files.place().layout() == Layout::Directories => {
                tracing::debug!(name, ?attempt, "delivered what an earlier run recorded");
                files.deliver(name)?;
            }
            Step::Publish(_) => files.publish_partial(name)?,
            Step::Remove => {
                tracing::debug!(name, "removed what an earlier run gave up");
                files.remove(name)?;
            }
        }
    }
    Ok(())
}

/// Fails if a place has shards that the ledger does not have there: it is older than the files. The caller goes on with the
/// job in another place, and would issue the names of these shards a second time.
///
/// # Errors
/// [`Code::LedgerOlder`], and those of the ledger and of the disk.
pub(crate) fn check_has_all(view: &View, job: &Job, place: &ShardStore) -> Result<()> {
    place.check_ledger(view)?;
    for attempt in place.published()? {
        let recorded = place.attempt(view, job.id, attempt.shard)?;
        // A joined archive does not keep the fencing numbers of its parts.
        let is_recorded = match place.layout() {
            Layout::Archive => recorded.is_some(),
            _ => recorded == Some(attempt),
        };
        if !is_recorded {
            return Err(older(job.id, &format!("shard {}", attempt.shard), place.dir.clone()));
        }
    }
    Ok(())
}

/// Fails where the archive holds parts of shards that the ledger does not have in this place.
fn check_knows_joined(view: &View, job: &Job, files: &PlaceFiles) -> Result<()> {
    let place = files.place();
    // The archive may contain more shards than the ledger has, if the ledger is a restored backup.
    for shard in 0..store::shard::shards_in(place)?.min(job.shards) {
        if place.attempt(view, job.id, shard)?.is_none() {
            return Err(older(job.id, &format!("shard {shard}"), place.archive().unwrap_or_else(|| place.dir.clone())));
        }
    }
    Ok(())
}

enum Step {
    /// The ledger has it.
    Publish(Attempt),
    /// The ledger knows the attempt, and it came to nothing.
    Remove,
}

fn step_for(view: &View, job: &Job, files: &PlaceFiles, name: &str) -> Result<Option<Step>> {
    let place = files.place();
    let counts = |attempt: Attempt| Ok(place.attempt(view, job.id, attempt.shard)? == Some(attempt));
    if place.layout() == Layout::Directories {
        if let Some(attempt) = Attempt::of_waiting_by_number(name, job.id) {
            // Another store numbers its jobs alike: what is in it decides.
            // Version 0.1.0 did not record the random identifier, so the first certificate is compared with the ledger.
            let ours = counts(attempt)?
                && store::shard::waits_for(view, job.id, attempt.shard, &place.dir_of_devices(), name)?;
            return Ok(ours.then_some(Step::Publish(attempt)));
        }
        let Some(attempt) = Attempt::of_waiting(name, job.uid) else { return Ok(None) };
        return if counts(attempt)? {
            Ok(Some(Step::Publish(attempt)))
        } else {
            given_up(view, job, files, name, attempt)
        };
    }
    let Some(attempt) = Attempt::of_file(name) else { return Ok(None) };
    // Four cases: recorded or not, complete or not. Only one of them proves that the ledger is older than the files.
    match (counts(attempt)?, Attempt::is_partial(name)) {
        (true, true) => Ok(Some(Step::Publish(attempt))),
        (true, false) => Ok(None),
        (false, true) => given_up(view, job, files, name, attempt),
        // A complete name without a record cannot come from a crash, because the record is written first.
        (false, false) => Err(older(job.id, name, files.path_of(name))),
    }
}

/// The ledger records each attempt before its first file is written.
fn given_up(view: &View, job: &Job, files: &PlaceFiles, name: &str, attempt: Attempt) -> Result<Option<Step>> {
    if view.knows_attempt(job.id, attempt.shard, attempt.fence)? {
        Ok(Some(Step::Remove))
    } else {
        Err(older(job.id, name, files.path_of(name)))
    }
}

fn older(job: JobId, what: &str, path: PathBuf) -> Error {
    Code::LedgerOlder
        .error(format!("the ledger does not know {what} of job {job}, so it is older than the files"))
        .at(path)
        .fix(
            "run `tbpki store repair`, which takes over complete shards; if that is not enough, restore the newest backup \
             of the ledger; if these identities were never delivered, move the directory away and run the same command \
             again",
        )
}
