//! `cargo xtask setup`: everything that the tests need in addition to Rust.

pub(crate) mod debian;
mod go;
mod java;
mod python;
pub(crate) mod risc_v;
pub(crate) mod rust_target;
pub(crate) mod tool;

use std::fs;
use std::path::Path;

use clap::Args;

use crate::error::{Doing, Result};
use crate::workspace::empty_directory;

/// Install what the tests need: Debian's packages, then the oracles under target/oracles
#[derive(Args)]
#[command(long_about = "Install what the tests need, on a Debian 12 with Rust, as root or with sudo.\n\n\
    Only missing programs are installed. Programs come from Debian's packages; a Python environment, Java \
    libraries, test clients, cargo-deny and mdBook, each at a pinned version, go to cargo's target directory.")]
pub(crate) struct Setup {}

impl Setup {
    pub(crate) fn run(&self) -> Result<()> {
        firmware()?;
        java::install()?;
        go::install()?;
        tool::CARGO_DENY.program()?;
        tool::MDBOOK.program().map(drop)
    }
}

/// Installs what builds of the firmware for RISC-V need: Debian's packages, Rust's libraries, and Espressif's tools in the
/// Python environment.
pub(crate) fn firmware() -> Result<()> {
    debian::install()?;
    risc_v::install()?;
    python::install()
}

/// Makes the directory again with `make`, unless it was made from the same `inputs`.
///
/// The inputs are kept whole in a file of the directory, so there is no version number to raise.
fn remake_if_changed(directory: &Path, inputs: &str, make: impl FnOnce() -> Result<()>) -> Result<()> {
    let stamp = directory.join(".made-from");
    if fs::read_to_string(&stamp).is_ok_and(|before| before == inputs) {
        return Ok(());
    }
    empty_directory(directory)?;
    // The stamp is written last: a directory that was made only in part is made again.
    make()?;
    fs::write(&stamp, inputs).doing(format!("write {}", stamp.display()))
}

/// The texts of all files of a directory, with their names, in a fixed order.
fn texts(directory: &Path) -> Result<String> {
    let mut files: Vec<_> = fs::read_dir(directory)
        .doing(format!("list {}", directory.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    let mut all = String::new();
    for file in files {
        all.push_str(&format!("=== {}\n", file.file_name().unwrap_or_default().display()));
        all.push_str(&fs::read_to_string(&file).doing(format!("read {}", file.display()))?);
    }
    Ok(all)
}
