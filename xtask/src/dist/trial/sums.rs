//! The hashes and the signature of a release, as a user checks them.

use std::path::Path;

use crate::error::Result;
use crate::run::run;
use crate::workspace::on_path;

use super::Tried;

/// Checks every file of the list, and the signature of the list.
pub(super) fn try_sums(sums: &Path) -> Result<Tried> {
    let directory = sums.parent().unwrap_or(sums);
    run("sha256sum").args(["--check", "--strict", "--quiet"]).arg(sums).directory(directory).read()?;
    if on_path("minisign").is_none() {
        return Ok(Tried::Not("minisign is not installed".to_owned()));
    }
    run("minisign").args(["-V", "-p", "minisign.pub", "-m"]).arg(sums).directory(directory).read()?;
    Ok(Tried::Works)
}
