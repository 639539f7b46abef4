//! Directories of the workspace and programs on the PATH.

mod places;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Doing, Error, Result};

pub(crate) use places::Places;

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Cargo's target directory. It is the one that contains this program, whatever the configuration is.
pub(crate) fn target() -> Result<PathBuf> {
    // Not from CARGO_TARGET_DIR: it can also be set in a configuration file or by an option, which xtask does not see.
    let program = env::current_exe().map_err(|error| Error::new(format!("cannot find the path of xtask: {error}")))?;
    program
        .ancestors()
        .find(|directory| directory.join("CACHEDIR.TAG").is_file())
        .map(Path::to_path_buf)
        .ok_or_else(|| Error::new("xtask is not in a target directory").fix("start it as `cargo xtask`"))
}

/// The directory of foreign programs that read tbpki's output in tests. `setup` fills it.
pub(crate) fn oracles() -> Result<PathBuf> {
    Ok(target()?.join("oracles"))
}

/// The directory of Rust programs that `setup` builds for this workspace alone.
pub(crate) fn tools() -> Result<PathBuf> {
    Ok(target()?.join("tools"))
}

/// Makes an empty directory; what was there is removed.
pub(crate) fn empty_directory(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory).doing(format!("remove {}", directory.display()))?;
    }
    fs::create_dir_all(directory).doing(format!("make {}", directory.display()))
}

/// The first program of that name on the PATH.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|directory| directory.join(program)).find(|file| file.is_file())
}
