//! `cargo xtask msrv` and `cargo xtask minimal-versions`: the oldest compiler and the oldest libraries that work.

use std::fs;

use clap::Args;

use crate::error::{Doing, Error, Result};
use crate::run::run;
use crate::workspace::target;

/// Build everything with the oldest compiler that Cargo.toml promises
#[derive(Args)]
pub(crate) struct Msrv {}

impl Msrv {
    pub(crate) fn run(&self) -> Result<()> {
        let version = env!("CARGO_PKG_RUST_VERSION");
        check_toolchain(version)?;
        run("rustup")
            .args(["run", version, "cargo", "check", "--locked", "--workspace", "--all-targets", "--target-dir"])
            // A directory of its own: two compilers in one would rebuild everything at each change between them.
            .arg(target()?.join("msrv"))
            .show()
    }
}

/// Build the program with the oldest versions of its direct dependencies that Cargo.toml accepts
#[derive(Args)]
#[command(
    long_about = "Build the program with the oldest versions of its direct dependencies that Cargo.toml accepts.\n\n\
    The nightly compiler selects the versions, the stable one builds. Both work on a copy of the commit, because the \
    lock file is replaced."
)]
pub(crate) struct MinimalVersions {}

impl MinimalVersions {
    pub(crate) fn run(&self) -> Result<()> {
        check_toolchain("nightly")?;
        let copy = target()?.join("minimal-versions");
        let source = copy.join("source");
        if source.exists() {
            fs::remove_dir_all(&source).doing(format!("remove {}", source.display()))?;
        }
        fs::create_dir_all(&source).doing(format!("make {}", source.display()))?;
        let tar = copy.join("source.tar");
        run("git").args(["archive", "--output"]).arg(&tar).arg("HEAD").read()?;
        run("tar").arg("--extract").arg("--file").arg(&tar).arg("--directory").arg(&source).read()?;
        let update = ["run", "nightly", "cargo", "update", "-Zdirect-minimal-versions"];
        // -Zdirect-minimal-versions exists only in nightly. Indirect dependencies stay new: their authors do not test
        // the oldest versions of theirs.
        run("rustup").directory(&source).args(update).show()?;
        run("cargo")
            .directory(&source)
            .args(["check", "--package", "tbpki", "--target-dir"])
            .arg(copy.join("target"))
            .show()
    }
}

fn check_toolchain(name: &str) -> Result<()> {
    let toolchains = run("rustup").args(["toolchain", "list"]).silent().read()?;
    if toolchains.lines().any(|line| line.starts_with(&format!("{name}-")) || line.starts_with(&format!("{name}."))) {
        return Ok(());
    }
    Err(Error::new(format!("the toolchain {name} is not installed"))
        .fix(format!("rustup toolchain install {name} --profile minimal")))
}
