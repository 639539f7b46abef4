//! Building the application from a checkout of this project.

use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base::file::OwnerTrust;
use base::{Code, Error, Result, file};

use crate::chip::{Chip, Toolchain};

/// A line of the firmware's manifest, which identifies this project.
const MARK: &str = "name = \"tbpki-firmware\"";

const FIRMWARE: &str = "crates/firmware";

/// The files of a checkout that decide which programs a build runs.
const RUN_FROM: [&str; 7] = [
    "Cargo.toml",
    "rust-toolchain.toml",
    "rust-toolchain",
    ".cargo/config.toml",
    "crates/firmware/Cargo.toml",
    "xtask/Cargo.toml",
    "target/xtensa",
];

/// A checkout of this project.
#[derive(Debug, Clone)]
pub struct Checkout {
    root: PathBuf,
}

impl Checkout {
    /// The checkout that holds `dir`; `None` if there is none. Building runs programs of the checkout, so it must belong to
    /// users who are trusted.
    ///
    /// # Errors
    /// [`Code::OtherOwner`], [`Code::WritableByOthers`], [`Code::FileUnreadable`].
    pub fn containing(dir: &Path, trust: &OwnerTrust) -> Result<Option<Self>> {
        match dir.ancestors().find(|root| is_checkout(root)) {
            None => Ok(None),
            Some(root) => check_trusted(root, trust).map(|()| Some(Self { root: root.to_owned() })),
        }
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

/// Fails if a user who is not trusted could decide what a build in the checkout runs.
fn check_trusted(root: &Path, trust: &OwnerTrust) -> Result<()> {
    let checked = || {
        trust.check_dirs(root)?;
        RUN_FROM.iter().try_for_each(|path| trust.check(&root.join(path)).map(drop))
    };
    checked().map_err(|error: Error| match error.code() {
        Code::OtherOwner => error.fix(
            "name an application with --app, or, if you trust its owner with what tbpki runs, add --trust-owner or set \
             TBPKI_TRUST_OWNER=true",
        ),
        Code::WritableByOthers => {
            let fix = error.finding().fix.clone().unwrap_or_default();
            error.fix(format!("name an application with --app, or {fix}"))
        }
        _ => error,
    })
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
#[allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the tests make directories that look like checkouts"
)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

    use super::*;

    #[test]
    fn only_checkouts_of_this_project_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        let found = |trust: OwnerTrust| Checkout::containing(&deep, &trust);
        assert!(found(OwnerTrust::default()).unwrap().is_none());
        let firmware = dir.path().join("crates/firmware");
        fs::create_dir_all(&firmware).unwrap();
        fs::write(firmware.join("Cargo.toml"), "[package]\nname = \"other\"\n").unwrap();
        assert!(found(OwnerTrust::default()).unwrap().is_none());
        fs::write(firmware.join("Cargo.toml"), "[package]\nname = \"tbpki-firmware\"\n").unwrap();
        assert_eq!(found(OwnerTrust::default()).unwrap().unwrap().root(), dir.path());
    }

    /// A directory that every user may write to, as a shared one, or that belongs to another user.
    #[test]
    fn a_checkout_that_others_decide_about_is_not_built() {
        let dir = tempfile::tempdir().unwrap();
        let (work, firmware) = (dir.path().join("work"), dir.path().join("crates/firmware"));
        fs::create_dir_all(&work).unwrap();
        fs::create_dir_all(&firmware).unwrap();
        fs::write(firmware.join("Cargo.toml"), "name = \"tbpki-firmware\"\n").unwrap();
        let found = |any_owner| Checkout::containing(&work, &OwnerTrust { any_owner, sudo_user: None });
        let code = || found(false).err().map(|error| error.code());
        assert_eq!(code(), None);
        for mode in [0o777, 0o1777] {
            fs::set_permissions(dir.path(), Permissions::from_mode(mode)).unwrap();
            let error = found(false).unwrap_err();
            assert_eq!(error.code(), Code::WritableByOthers);
            assert!(error.finding().fix.as_ref().unwrap().contains("--app, or find out who"), "{error:?}");
        }
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        if fs::metadata(dir.path()).unwrap().uid() != 0 {
            println!("skipped: only root can make files of another user");
            return;
        }
        let toolchain = dir.path().join("rust-toolchain.toml");
        fs::write(&toolchain, "[toolchain]\npath = \"/tmp/theirs\"\n").unwrap();
        for path in [dir.path(), &firmware, &firmware.join("Cargo.toml"), &toolchain] {
            // 65,534 is a user without rights on Linux, who owns nothing here.
            chown(path, Some(65_534), None).unwrap();
            let error = found(false).unwrap_err();
            assert_eq!(error.code(), Code::OtherOwner, "{}", path.display());
            assert!(error.finding().fix.as_ref().unwrap().contains("--trust-owner"), "{error:?}");
            assert!(found(true).unwrap().is_some());
            chown(path, Some(0), None).unwrap();
        }
        assert_eq!(code(), None);
    }
}
