//! The files of a user, which packages must leave alone.

use std::path::Path;

use crate::error::{Error, Result};
use crate::run::run;

/// What the walk writes into the root directory of a system: the configuration, the store, and the files for others.
const FILES: [&str; 6] = ["keygen.toml", "pki", "fleet", "server", "pump-2", "root"];

/// The hashes of the files of a user in a system.
pub(super) fn state(system: &Path) -> Result<String> {
    let files = run("find").directory(system).args(FILES).args(["-type", "f"]).silent().read()?;
    let mut files: Vec<&str> = files.lines().collect();
    // find lists in the order of the directory, which an upgrade may change.
    files.sort_unstable();
    run("sha256sum").directory(system).args(files).silent().read()
}

/// Runs `change`, and fails if the files of the user are others afterwards.
pub(super) fn unchanged_by(what: &str, system: &Path, change: impl FnOnce() -> Result<()>) -> Result<()> {
    let before = state(system)?;
    change()?;
    let after = state(system)?;
    if before == after {
        return Ok(());
    }
    let differ: Vec<&str> = before.lines().filter(|line| !after.lines().any(|other| other == *line)).collect();
    Err(Error::new(format!("{what} has changed files of the user:\n{}", differ.join("\n"))))
}
