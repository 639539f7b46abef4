//! Attributes that the platform would store as other values than they are written.

use base::text::{counted, quote};
use base::{Code, Error, Result};
use ledger::{Job, StagedName, View};
use provision::stored_otherwise;

/// The number of lines that an error lists.
const LISTED: usize = 10;

/// The advice for such attributes.
pub(crate) const ADVICE: &str =
    "add a letter to values that must stay texts, or accept the numbers with --accept-number-attributes";

/// The error for a name whose attributes would be stored as other values.
///
/// # Errors
/// [`Code::NumberAttribute`].
pub(crate) fn check_name(name: &StagedName) -> Result<()> {
    changes(name).map_or(Ok(()), |changes| {
        Err(Code::NumberAttribute.error(format!("ThingsBoard would change {changes}")).fix(ADVICE))
    })
}

/// The same for all names of a job, before anything is sent.
///
/// # Errors
/// [`Code::NumberAttribute`], with the first lines.
pub(crate) fn check_job(view: &View, job: &Job) -> Result<()> {
    let (mut lines, mut total) = (Vec::new(), 0_u64);
    for shard in 0..job.shards {
        for name in view.names(job.id, shard)? {
            let Some(changes) = changes(&name) else { continue };
            total += 1;
            if lines.len() < LISTED {
                lines.push(format!("line {}, {}: {changes}", name.line, quote(&name.name)));
            }
        }
    }
    if total == 0 { Ok(()) } else { Err(refusal(job, total, lines)) }
}

fn refusal(job: &Job, total: u64, mut lines: Vec<String>) -> Error {
    let devices = counted(total, "device", "devices");
    let more = total.saturating_sub(u64::try_from(lines.len()).unwrap_or(u64::MAX));
    if more > 0 {
        lines.push(format!("{more} more"));
    }
    Code::NumberAttribute
        .error(format!("ThingsBoard would change attributes of {devices} of job {}", job.id))
        .because(lines.join("; "))
        .fix(ADVICE)
}

/// The attributes of a name that would be stored as other values.
fn changes(name: &StagedName) -> Option<String> {
    let changed: Vec<String> = name
        .attributes
        .iter()
        .filter_map(|(key, text)| {
            let stored = stored_otherwise(text)?;
            Some(format!("the attribute {} from {} to {stored}", quote(key), quote(text)))
        })
        .collect();
    (!changed.is_empty()).then(|| changed.join(" and "))
}
