//! Names into the ledger, all of them or none.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use base::Result;
use ledger::{Job, Ledger, NewJob, Parameters, StagedName, StagingOutcome};

use super::{Faults, NameFault};
use crate::stop::check_goes_on;

/// The result for a list of names.
#[derive(Debug)]
pub enum StagingResult {
    /// They are a job.
    Kept(StagingOutcome),
    /// They could be one, of so many names; nothing was written.
    Rehearsed(u64),
    /// They cannot be one; nothing was written.
    Refused(Faults),
}

/// Reads all names and makes them a job. Memory does not grow with their number.
///
/// # Errors
/// Those of the ledger; [`StoppedEarly`](base::Code::StoppedEarly) if `stop` becomes true before all names are read. What is wrong with the
/// names is no error here: see [`StagingResult::Refused`].
pub fn stage(
    ledger: &mut Ledger,
    job: &NewJob,
    names: impl Iterator<Item = Result<StagedName, NameFault>>,
    dry_run: bool,
    stop: &AtomicBool,
) -> Result<StagingResult> {
    stage_prepared(ledger, job, names, dry_run, stop, |_, _| Ok(None))
}

/// As [`stage`]; when all names are read, `prepare` gets the profiles that they have, and the job that they are already,
/// and returns what is kept in place of the parameters of a new job. Its error leaves the ledger as it was. A job waits for no setting that could have been checked before.
///
/// # Errors
/// Those of [`stage`] and of `prepare`.
pub fn stage_prepared(
    ledger: &mut Ledger,
    job: &NewJob,
    names: impl Iterator<Item = Result<StagedName, NameFault>>,
    dry_run: bool,
    stop: &AtomicBool,
    prepare: impl FnOnce(&BTreeSet<String>, Option<&Job>) -> Result<Option<Parameters>>,
) -> Result<StagingResult> {
    let mut staging = ledger.stage(job)?;
    let mut faults = Faults::default();
    let mut profiles = BTreeSet::new();
    for name in names {
        check_goes_on(stop)?;
        match name {
            Ok(name) => {
                if let Some(profile) = name.profile.as_ref().filter(|profile| !profiles.contains(*profile)) {
                    profiles.insert(profile.clone());
                }
                staging.add(&name)?;
            }
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() {
        // Before the comparison with the store, which makes other stations wait.
        if let Some(parameters) = prepare(&profiles, staging.known_job()?.as_ref())? {
            staging.keep_parameters(&parameters)?;
        }
    }
    faults.add_duplicates(&staging.duplicates(Faults::LIMIT)?);
    if !faults.is_empty() {
        return Ok(StagingResult::Refused(faults));
    }
    if dry_run {
        let known = staging.known_job()?;
        return Ok(known
            .map_or(StagingResult::Rehearsed(staging.size()), |job| StagingResult::Kept(StagingOutcome::Known(job))));
    }
    staging.keep().map(StagingResult::Kept)
}
