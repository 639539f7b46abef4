//! Names into the ledger, all of them or none.

use base::Result;
use ledger::{Ledger, NewJob, Staged, StagedName};

use super::{Faults, NameFault};

/// What has become of a list of names.
#[derive(Debug)]
pub enum Spooled {
    /// They are a job.
    Kept(Staged),
    /// They could be one, of so many names; nothing was written.
    Rehearsed(u64),
    /// They cannot be one; nothing was written.
    Refused(Faults),
}

/// Reads all names and makes them a job. Memory does not grow with their number.
///
/// # Errors
/// Those of the ledger. What is wrong with the names is no error here: see [`Spooled::Refused`].
pub fn stage(
    ledger: &mut Ledger,
    job: &NewJob,
    names: impl Iterator<Item = Result<StagedName, NameFault>>,
    dry_run: bool,
) -> Result<Spooled> {
    let mut staging = ledger.stage(job)?;
    let mut faults = Faults::default();
    for name in names {
        match name {
            Ok(name) => staging.add(&name)?,
            Err(fault) => faults.push(fault),
        }
    }
    faults.add_duplicates(&staging.duplicates(Faults::LIMIT)?);
    if !faults.is_empty() {
        return Ok(Spooled::Refused(faults));
    }
    if dry_run {
        let known = staging.known_job()?;
        return Ok(known.map_or(Spooled::Rehearsed(staging.size()), |job| Spooled::Kept(Staged::Known(job))));
    }
    staging.keep().map(Spooled::Kept)
}
