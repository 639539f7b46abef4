//! Root directories of other systems, and the programs in them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Doing, Result};
use crate::run::run;
use crate::workspace::{on_path, tools};

use super::super::release::Platform;
use super::walk::{Host, expect};

/// A system whose files are in a directory.
pub(super) struct System {
    /// The directory.
    pub(super) root: PathBuf,
    /// The path of tbpki in the system.
    program: &'static str,
    /// The emulator of the program's processor, in the directory; none if this machine has it.
    emulator: Option<String>,
}

/// The emulator for the programs of a platform; none if this machine runs them itself.
///
/// # Errors
/// The name of the emulator, if it is not installed.
pub(super) fn emulator(platform: Platform) -> Result<Option<PathBuf>, String> {
    if platform.runs_here() {
        return Ok(None);
    }
    let name = format!("qemu-{}-static", platform.architecture());
    on_path(&name).map(Some).ok_or(name)
}

impl System {
    /// A system that is in `root` already, or an empty one. `program` is the path of tbpki in it.
    pub(super) fn new(root: PathBuf, program: &'static str, platform: Platform) -> Result<Self> {
        for directory in ["proc", "root", "usr/lib"] {
            fs::create_dir_all(root.join(directory)).doing(format!("make {}", root.join(directory).display()))?;
        }
        let emulator = match emulator(platform) {
            // By its path: the kernel starts it for foreign programs only if binfmt_misc is mounted and set up.
            Ok(Some(emulator)) => {
                let name = format!("/{}", emulator.file_name().unwrap_or_default().display());
                let to = root.join(name.trim_start_matches('/'));
                fs::copy(&emulator, &to).doing(format!("write {}", to.display()))?;
                Some(name)
            }
            Ok(None) | Err(_) => None,
        };
        Ok(Self { root, program, emulator })
    }

    /// A copy of a new Debian in `root`, with the C library of the platform.
    pub(super) fn debian(suite: &str, root: PathBuf, program: &'static str, platform: Platform) -> Result<Self> {
        run("cp")
            .args(["--archive", "--no-target-directory"])
            .arg(debian(suite, platform)?)
            .arg(&root)
            .silent()
            .read()?;
        Self::new(root, program, platform)
    }

    /// A program of the system and of this machine's architecture.
    pub(super) fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        command
            // Mounted for this process alone, so that nothing remains mounted if xtask is killed.
            .args(["--mount", "--mount-proc"])
            .arg(format!("--root={}", self.root.display()))
            .arg("--wd=/")
            .arg(program)
            .args(args)
            // An empty environment, because variables of this machine could configure tbpki or lead to its files.
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("DEBIAN_FRONTEND", "noninteractive")
            // Notes about the ledger are kept there.
            .env("HOME", "/root");
        command
    }

    /// A program of the system and of the platform's architecture, by its path.
    pub(super) fn emulated(&self, program: &str, args: &[&str]) -> Command {
        match &self.emulator {
            Some(emulator) => self.command(emulator, &[&[program], args].concat()),
            None => self.command(program, args),
        }
    }
}

impl Host for System {
    fn tbpki(&self, args: &[&str]) -> Command {
        self.emulated(self.program, args)
    }
}

/// The directory of a Debian with a simulated token, made once. For a foreign platform it also has the libraries of that
/// architecture, and its own programs remain those of this machine: dpkg and the scripts of packages need no emulator.
fn debian(suite: &str, platform: Platform) -> Result<PathBuf> {
    let native = made_once(suite, |place| {
        run("debootstrap").args(["--variant=minbase", suite]).arg(place).read()?;
        install(&System::new(place.to_owned(), "", platform)?, &["softhsm2"])
    })?;
    if platform.runs_here() {
        return Ok(native);
    }
    let architecture = platform.debian_architecture();
    made_once(&format!("{suite}-{architecture}"), |place| {
        run("cp").args(["--archive", "--no-target-directory"]).arg(&native).arg(place).silent().read()?;
        let system = System::new(place.to_owned(), "", platform)?;
        expect(system.command("dpkg", &["--add-architecture", architecture]), &[0])?;
        let of_platform = ["libc6", "libgcc-s1", "softhsm2"].map(|package| format!("{package}:{architecture}"));
        install(&system, &of_platform.each_ref().map(String::as_str))
    })
}

/// Installs packages of Debian in a system.
fn install(system: &System, packages: &[&str]) -> Result<()> {
    expect(system.command("apt-get", &["-qq", "update"]), &[0])?;
    let install = ["-qq", "-y", "install", "--no-install-recommends"];
    expect(system.command("apt-get", &[&install, packages].concat()), &[0]).map(drop)
}

/// A directory of this name that is complete: it is renamed after it was made, and an interrupted one is made again.
fn made_once(name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let directory = tools()?.join(format!("debian-{name}"));
    if !directory.exists() {
        let partial = directory.with_extension("partial");
        if partial.exists() {
            fs::remove_dir_all(&partial).doing(format!("remove {}", partial.display()))?;
        }
        make(&partial)?;
        fs::rename(&partial, &directory).doing(format!("write {}", directory.display()))?;
    }
    Ok(directory)
}
