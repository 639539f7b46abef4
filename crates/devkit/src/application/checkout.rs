//! Building the application from a checkout of this project.

use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base::{Code, Error, Result, file};

use crate::chip::{Chip, Toolchain};

/// A line of the firmware's manifest, which identifies this project.
const MARK: &str = "name = \"tbpki-firmware\"";

const FIRMWARE: &str = "crates/firmware";

/// A checkout of this project.
#[derive(Debug, Clone)]
pub struct Checkout {
    root: PathBuf,
}

impl Checkout {
    /// The checkout that holds `dir`.
    pub fn containing(dir: &Path) -> Option<Self> {
        dir.ancestors().find(|root| is_checkout(root)).map(|root| Self { root: root.to_owned() })
    }

    /// The root directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Builds the application for `chip`, and returns its path. The output of cargo goes to standard error.
    ///
    /// # Errors
    /// [`Code::ToolchainMissing`] with the command that installs it, [`Code::BuildFailed`].
    pub fn build(&self, chip: Chip) -> Result<PathBuf> {
        self.check_toolchain(chip)?;
        let mut cargo = self.command("cargo", ["xtask", "firmware", "--chip", chip.name()]);
        let status = cargo
            // stdin is closed, because cargo must not wait for input in the middle of a verb.
            .stdin(Stdio::null())
            // The build's own output goes to standard error: standard output is for the result.
            .stdout(standard_error()?)
            .status()
            .map_err(|error| missing(chip, "cargo cannot be started", INSTALL_RUST).caused_by(error))?;
        if !status.success() {
            return Err(Code::BuildFailed
                .error(format!("the application for the {chip} cannot be built"))
                .because(format!("cargo ended with {status}; its output is above"))
                .fix("fix the error that it reports, or give an application with --app"));
        }
        Ok(self.root.join("target/firmware").join(format!("{}.elf", chip.name())))
    }

    fn check_toolchain(&self, chip: Chip) -> Result<()> {
        let target = chip.facts().target;
        match chip.facts().toolchain {
            Toolchain::Stable => {
                // rustup installs targets one by one, and `rustc` knows where this one would be.
                let libraries = self
                    .answer("rustc", ["--print", "target-libdir", "--target", target])
                    .ok_or_else(|| missing(chip, "there is no Rust compiler", INSTALL_RUST))?;
                if Path::new(libraries.trim()).is_dir() {
                    return Ok(());
                }
                let what = format!("the Rust compiler has no library for {target}");
                Err(missing(chip, &what, &format!("rustup target add {target}")))
            }
            Toolchain::Esp => {
                // Either Espressif's toolchain, or the substitute that `cargo xtask setup-xtensa` has made.
                let has_espressifs = self.answer("cargo", ["+esp", "--version"]).is_some();
                if has_espressifs || self.root.join("target/xtensa").is_dir() {
                    return Ok(());
                }
                Err(missing(
                    chip,
                    "there is no compiler for Xtensa",
                    "cargo install espup && espup install` or `cargo xtask setup-xtensa",
                ))
            }
        }
    }

    /// The output of a program, if it can be run and succeeds.
    fn answer<const N: usize>(&self, program: &str, args: [&str; N]) -> Option<String> {
        let output = self.command(program, args).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn command<const N: usize>(&self, program: &str, args: [&str; N]) -> Command {
        let mut command = Command::new(program);
        command.args(args.map(OsStr::new)).current_dir(&self.root);
        command
    }
}

const INSTALL_RUST: &str = "rustup toolchain install stable` (from https://rustup.rs), then `rustup target add TARGET";

fn is_checkout(root: &Path) -> bool {
    // The name in the manifest distinguishes a checkout from another directory called `crates/firmware`.
    let manifest = file::read_text(root.join(FIRMWARE).join("Cargo.toml"), 1 << 20);
    manifest.is_ok_and(|text| text.contains(MARK))
}

/// A copy of standard error, because standard output contains only our own result.
fn standard_error() -> Result<Stdio> {
    io::stderr()
        .as_fd()
        .try_clone_to_owned()
        .map(Stdio::from)
        .map_err(|error| Code::Internal.error("standard error cannot be handed on").caused_by(error))
}

fn missing(chip: Chip, what: &str, command: &str) -> Error {
    Code::ToolchainMissing
        .error(format!("the application for the {chip} cannot be built here: {what}"))
        .fix(format!("`{}`", command.replace("TARGET", chip.facts().target)))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test makes a directory that looks like a checkout")]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_checkouts_of_this_project_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        assert!(Checkout::containing(&deep).is_none());
        let firmware = dir.path().join("crates/firmware");
        fs::create_dir_all(&firmware).unwrap();
        fs::write(firmware.join("Cargo.toml"), "[package]\nname = \"other\"\n").unwrap();
        assert!(Checkout::containing(&deep).is_none());
        fs::write(firmware.join("Cargo.toml"), "[package]\nname = \"tbpki-firmware\"\n").unwrap();
        assert_eq!(Checkout::containing(&deep).unwrap().root(), dir.path());
    }
}
