//! The files of a job that is done.

use base::{Code, Error, Finding, Result, Severity};
use ledger::Job;
use store::Store;
use store::shard::{Attempt, Layout, ShardStore, check_shard};

use crate::mass::report::FleetReport;

/// Joins the archive of a job that is done, where all of its parts are here, and looks for the files of one that was done
/// before.
///
/// # Errors
/// [`Code::PlaceMissing`] for files that are gone; those of the ledger and of joining.
pub(super) fn complete(report: &mut FleetReport, store: &Store, job: &Job, place: &ShardStore) -> Result<()> {
    if report.layout == Layout::Directories || !job.done {
        return Ok(());
    }
    // All attempts or none: a station without all parts leaves them as they are.
    let attempts = (0..job.shards).map(|shard| place.attempt(&store.ledger, job.id, shard));
    let attempts = attempts.collect::<Result<Vec<Option<Attempt>>>>()?;
    if report.layout == Layout::Shards {
        let shards = attempts.into_iter().flatten().map(|attempt| check_shard(place, attempt));
        return shards.collect::<Result<()>>().or_else(|error| unless_destroyed(report, store, job, error));
    }
    match attempts.into_iter().collect::<Option<Vec<Attempt>>>() {
        Some(attempts) => match store::shard::complete(store.dir(), place, &attempts) {
            Ok(whole) => {
                report.archive = whole.archive;
                report.index = Some(whole.index);
            }
            Err(error) => unless_destroyed(report, store, job, error)?,
        },
        None if !store.ledger.is_shared() => report.findings.push(
            Code::PlaceMissing
                .warning("some parts of the archive are not here, so it was not joined")
                .at(&place.dir)
                .fix("bring them back to where they were written"),
        ),
        None => report.findings.push(
            Code::PlaceMissing
                .note("some parts of the archive lie at other stations, so that those here stay by themselves")
                .at(&place.dir),
        ),
    }
    Ok(())
}

/// Passes on the error of files that are gone, unless no certificate of the job is in use or waits: its owner may have
/// destroyed them, as `forget` advises.
fn unless_destroyed(report: &mut FleetReport, store: &Store, job: &Job, error: Error) -> Result<()> {
    if error.code() != Code::PlaceMissing {
        return Err(error);
    }
    for shard in 0..job.shards {
        if store.ledger.shard(job.id, shard)?.iter().any(|row| row.role.is_in_use()) {
            return Err(error);
        }
    }
    let note = Finding { severity: Severity::Note, ..error.into_finding() };
    report.findings.push(note.because("none of its certificates is in use or waits as a renewal"));
    Ok(())
}
