//! Rust's libraries for other targets than this machine.

use std::path::Path;

use crate::error::Result;
use crate::run::run;

/// Installs the libraries of those targets that have none.
pub(crate) fn install(targets: &[&'static str]) -> Result<()> {
    for triple in missing(targets)? {
        run("rustup").args(["target", "add", triple]).read()?;
    }
    Ok(())
}

/// The targets that have no library.
pub(crate) fn missing(targets: &[&'static str]) -> Result<Vec<&'static str>> {
    let mut missing = Vec::new();
    for triple in targets {
        let libraries = run("rustc").args(["--print", "target-libdir", "--target", triple]).silent().read()?;
        if !Path::new(libraries.trim()).is_dir() {
            missing.push(*triple);
        }
    }
    Ok(missing)
}
