//! cargo-deny, which checks licences, sources and banned crates.

use std::fs;
use std::path::PathBuf;

use crate::error::{Doing, Error, Result};
use crate::run::{cargo, run};
use crate::workspace::{on_path, tools};

/// The version that `deny.toml` is written for.
const VERSION: &str = "0.20.2";

/// Builds cargo-deny into target/tools, unless the PATH has the same version.
pub(super) fn install() -> Result<()> {
    if find().is_some() {
        return Ok(());
    }
    eprintln!("setup: building cargo-deny {VERSION}; this takes a minute or two");
    let build = tools()?.join("build");
    // Unoptimised: building it takes longer than it will ever run.
    cargo()
        .args(["install", "--quiet", "--locked", "--debug", "--version", VERSION, "cargo-deny"])
        .arg("--root")
        .arg(tools()?)
        .arg("--target-dir")
        .arg(&build)
        .read()?;
    fs::remove_dir_all(&build).doing(format!("remove {}", build.display()))
}

/// The program that `setup` installed or found.
pub(crate) fn cargo_deny() -> Result<PathBuf> {
    if find().is_none() {
        install()?;
    }
    find().ok_or_else(|| Error::new(format!("cargo-deny {VERSION} is not there although it was built")))
}

fn find() -> Option<PathBuf> {
    let ours = tools().ok()?.join("bin/cargo-deny");
    [Some(ours), on_path("cargo-deny")].into_iter().flatten().find(|program| {
        program.is_file()
            && run(program).arg("--version").silent().read().is_ok_and(|said| said.trim().ends_with(VERSION))
    })
}
