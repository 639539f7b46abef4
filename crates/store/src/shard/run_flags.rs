//! The flags of the run of a job, for a run that continues it.

use std::path::Path;

use base::{Code, Result, file};

use super::shard_store::keep;
use crate::paths::{FILE_LIMIT, PLACES};

fn name(job: u64) -> String {
    format!("{PLACES}/job-{job}.flags")
}

/// Keeps the flags of the run of a job in the store, as JSON. They have paths, and no secrets.
///
/// # Errors
/// Those of the disk.
pub fn keep_run_flags(store: &Path, job: u64, flags: &[String]) -> Result<()> {
    let bytes = serde_json::to_vec(flags)
        .map_err(|error| Code::Internal.error("flags cannot be written as JSON").caused_by(error))?;
    keep(store, &name(job), bytes)
}

/// The flags that are kept for a job; none for a job of another verb, or of another station.
///
/// # Errors
/// [`Code::FileUnreadable`].
pub fn run_flags(store: &Path, job: u64) -> Result<Vec<String>> {
    let path = store.join(name(job));
    let Some(bytes) = file::read_optional(&path, FILE_LIMIT)? else { return Ok(Vec::new()) };
    serde_json::from_slice(&bytes).map_err(|error| {
        Code::FileUnreadable
            .error("the file does not contain the flags of a job")
            .at(&path)
            .caused_by(error)
            .fix("move the file away, and give the flags of the first run again")
    })
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test damages the file")]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_as_they_were_kept() {
        let store = tempfile::tempdir().unwrap();
        let flags = |flags: &[&str]| flags.iter().map(|flag| (*flag).to_owned()).collect::<Vec<String>>();
        assert!(run_flags(store.path(), 7).unwrap().is_empty());
        for kept in [flags(&["--chip=esp32c3", "--wifi-ssid=a \"b\""]), flags(&[])] {
            keep_run_flags(store.path(), 7, &kept).unwrap();
            assert_eq!(run_flags(store.path(), 7).unwrap(), kept);
        }
        assert!(run_flags(store.path(), 8).unwrap().is_empty());
        std::fs::write(store.path().join(name(7)), "no JSON").unwrap();
        assert_eq!(run_flags(store.path(), 7).unwrap_err().code(), Code::FileUnreadable);
    }
}
