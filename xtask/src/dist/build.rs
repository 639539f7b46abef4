//! The program for a platform.

use std::env;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::run::{Run, cargo, run};
use crate::workspace::{Places, on_path, target};

use super::release::{Platform, Release};
use super::setup::zig;

/// The oldest glibc on which programs for glibc run when zig links them: that of Debian 11 and Ubuntu 20.04.
const GLIBC: &str = "2.31";

/// Builds the program and returns its path.
pub(super) fn program(platform: Platform, release: &Release) -> Result<PathBuf> {
    let triple = platform.target();
    check_target(triple)?;
    let directory = target()?.join("dist");
    let arguments = ["--locked", "--release", "--package", "tbpki", "--bin", "tbpki", "--target-dir"];
    reproducible(compiler(platform)?.args(arguments).arg(&directory), &directory)?
        .env("TBPKI_COMMIT", &release.commit)
        .env("SOURCE_DATE_EPOCH", release.time.to_string())
        .show()?;
    Ok(directory.join(triple).join("release/tbpki"))
}

/// The build command with the linker for a platform.
fn compiler(platform: Platform) -> Result<Run> {
    let triple = platform.target();
    if let Some(zig) = zig()? {
        // cargo-zigbuild reads the version of glibc behind the triple, and the compiler gets the triple alone.
        let target = if platform.is_static() { triple.to_owned() } else { format!("{triple}.{GLIBC}") };
        let path = env::var("PATH").unwrap_or_default();
        let build = run(zig.join("cargo-zigbuild")).args(["zigbuild", "--target", &target]);
        // cargo-zigbuild looks in PATH for zig, which is a module of the Python in this directory.
        return Ok(build.env("PATH", format!("{}:{path}", zig.display())));
    }
    let has_linker = !platform.is_static() || on_path("musl-gcc").is_some();
    if platform.runs_here() && has_linker {
        if !platform.is_static() {
            eprintln!("dist: without zig the program needs a glibc as new as that of this machine");
        }
        return Ok(cargo().args(["build", "--target", triple]));
    }
    Err(Error::new(format!("there is no linker for {platform}")).fix("cargo xtask setup-dist"))
}

/// Removes the directories of this machine from what the compilers write.
fn reproducible(build: Run, directory: &Path) -> Result<Run> {
    let places = Places::with(directory)?;
    let rust = places.flags("--remap-path-prefix");
    let c = places.flags("-ffile-prefix-map");
    // Encoded, with a separator that no path has: RUSTFLAGS would be split at the spaces of a directory's name.
    Ok(build.env("CARGO_ENCODED_RUSTFLAGS", rust.join("\x1f")).env("CFLAGS", c.join(" ")))
}

fn check_target(triple: &str) -> Result<()> {
    let libraries = run("rustc").args(["--print", "target-libdir", "--target", triple]).silent().read()?;
    if Path::new(libraries.trim()).is_dir() {
        return Ok(());
    }
    Err(Error::new(format!("the Rust compiler has no library for {triple}")).fix(format!("rustup target add {triple}")))
}
