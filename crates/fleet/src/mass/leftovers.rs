//! What runs before this one have left in a place: finished where the ledger has it, removed where it has not.

use base::Result;
use ledger::{JobId, View};

use super::layout::Attempt;
use super::output::Output;

/// Settles what is in the place of a job. Nobody else works there: its lock is ours.
///
/// # Errors
/// Those of the ledger and of the disk.
pub(crate) fn settle(view: &View, job: JobId, output: &Output) -> Result<()> {
    let place = output.place();
    for name in output.names()? {
        let Some(attempt) = Attempt::of_name(&name, job.number()) else { continue };
        let counts = place.attempt(view, job, attempt.shard)? == Some(attempt);
        if counts && !Attempt::is_partial(&name) {
            output.deliver(job.number(), attempt)?;
        } else {
            tracing::debug!(name, "removed what an earlier run left");
            output.remove(&name)?;
        }
    }
    Ok(())
}
