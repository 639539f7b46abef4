//! The program for a platform.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Doing, Error, Result};
use crate::run::{Run, cargo, run};
use crate::workspace::{Places, on_path, target};

use super::glibc;
use super::release::{Platform, Release};
use super::setup::zig;

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
    let program = directory.join(triple).join("release/tbpki");
    // Without zig, the glibc of this machine decides, and the .deb depends on it.
    if !platform.is_static() && zig()?.is_some() {
        glibc::check(&fs::read(&program).doing(format!("read {}", program.display()))?)?;
    }
    Ok(program)
}

/// The build command with the linker for a platform.
fn compiler(platform: Platform) -> Result<Run> {
    let triple = platform.target();
    if let Some(zig) = zig()? {
        // cargo-zigbuild reads the version of glibc behind the triple, and the compiler gets the triple alone.
        let (major, minor) = glibc::OLDEST;
        let target = if platform.is_static() { triple.to_owned() } else { format!("{triple}.{major}.{minor}") };
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
    let build = build.env("CARGO_ENCODED_RUSTFLAGS", rust.join("\x1f"));
    // The build scripts split CFLAGS as a shell does if this variable is set, and at every space otherwise.
    Ok(build.env("CC_SHELL_ESCAPED_FLAGS", "1").env("CFLAGS", quoted(&c)))
}

/// The flags as words of a shell.
fn quoted(flags: &[String]) -> String {
    let word = |flag: &String| format!("'{}'", flag.replace('\'', r"'\''"));
    flags.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn check_target(triple: &str) -> Result<()> {
    let libraries = run("rustc").args(["--print", "target-libdir", "--target", triple]).silent().read()?;
    if Path::new(libraries.trim()).is_dir() {
        return Ok(());
    }
    Err(Error::new(format!("the Rust compiler has no library for {triple}")).fix(format!("rustup target add {triple}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_with_spaces_and_quotes_is_one_word() {
        let flags = ["-f=/my files=/tbpki".to_owned(), "-f=/it's=/target".to_owned()];
        let words = run("sh").args(["-c", &format!("printf '%s\\n' {}", quoted(&flags))]).silent().read();
        assert_eq!(words.unwrap_or_default(), "-f=/my files=/tbpki\n-f=/it's=/target\n");
    }
}
