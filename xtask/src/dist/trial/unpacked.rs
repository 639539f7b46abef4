//! A package that is only unpacked, without root and without another system: what CI has time for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;

use crate::error::{Doing, Error, Result};
use crate::run::run;
use crate::workspace::{empty_directory, target};

use super::super::release::Platform;
use super::super::tree;
use super::super::{Dist, Format};
use super::walk::{Host, walk};

/// The files of a package below a directory, and the directory in which its program runs.
struct Unpacked {
    program: PathBuf,
    work: PathBuf,
}

impl Host for Unpacked {
    fn tbpki(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        // An empty environment, because variables of this machine could configure tbpki or lead to its files.
        command.args(args).current_dir(&self.work).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", &self.work);
        command
    }
}

/// Makes a .deb of the program of the tests, which is built, and of the firmware in `target/firmware`, unpacks it, and runs every command
/// of a trial with the files in it.
pub(crate) fn try_test_package() -> Result<()> {
    let mut platforms = Platform::value_variants().iter().copied();
    let platform = platforms.find(|platform| platform.runs_here() && !platform.is_static());
    let platform = platform.ok_or_else(|| Error::new("no package can be made on this kind of machine"))?;
    let directory = target()?.join("packages");
    empty_directory(&directory)?;
    let (out, system, work) = (directory.join("out"), directory.join("system"), directory.join("work"));
    fs::create_dir_all(&work).doing(format!("make {}", work.display()))?;
    let program = directory.join("tbpki");
    // Most of a program for tests is debug information, which takes minutes to compress.
    run("strip").arg("-o").arg(&program).arg(target()?.join("debug/tbpki")).read()?;
    Dist::of_program(platform, Format::Deb, program, &out).run()?;
    let deb = tree::list(&out)?.into_iter().find(|file| file.extension().is_some_and(|end| end == "deb"));
    let deb = deb.ok_or_else(|| Error::new(format!("{} has no .deb", out.display())))?;
    unpack(&deb, &system)?;
    walk(&Unpacked { program: system.join("usr/bin/tbpki"), work }, platform)
}

fn unpack(deb: &Path, to: &Path) -> Result<()> {
    run("dpkg-deb").arg("--extract").arg(deb).arg(to).read().map(drop)
}
