//! Archives in systems where nothing is installed.

use std::fs;
use std::path::Path;

use crate::error::{Doing, Result};
use crate::run::run;

use super::super::release::Platform;
use super::system::System;
use super::walk::walk;
use super::{Tried, trial_directory};

/// Unpacks the archive into `/usr/local`, and uses the program there: the static one in an empty system, the one for glibc
/// in the oldest Debian that it is for.
pub(super) fn try_archive(archive: &Path, platform: Platform) -> Result<Tried> {
    const PROGRAM: &str = "/usr/local/bin/tbpki";
    let root = trial_directory()?.join("system");
    let system = if platform.is_static() {
        System::new(root, PROGRAM, platform)?
    } else {
        System::debian("bullseye", root, PROGRAM, platform)?
    };
    let prefix = system.root.join("usr/local");
    fs::create_dir_all(&prefix).doing(format!("make {}", prefix.display()))?;
    let unpack = run("tar").args(["--extract", "--zstd", "--strip-components=1", "--file"]).arg(archive);
    unpack.arg("--directory").arg(&prefix).read()?;
    walk(&system, platform)?;
    Ok(Tried::Works)
}
