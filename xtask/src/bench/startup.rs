//! The size of the program and the time that it takes to start.

use std::fs;
use std::path::{Path, PathBuf};

use super::go_program::GoProgram;
use super::measure::{Contender, Target, race, report, verdict};
use super::scratch::Scratch;
use crate::error::{Doing, Error, Result};
use crate::run::{cargo, run};
use crate::workspace::target;

/// The versions that are compared.
const STEP: GoProgram = GoProgram { name: "step", package: "github.com/smallstep/cli/cmd/step@v0.30.2" };
const MKCERT: GoProgram = GoProgram { name: "mkcert", package: "filippo.io/mkcert@v1.4.4" };

const STEP_VERSION: &str = "step version";
const MKCERT_VERSION: &str = "mkcert -version";

/// The required ratio of the start-up times. mkcert, which has no ledger and no network, is there for comparison.
const TARGETS: &[Target] = &[Target { contender: STEP_VERSION, at_least: 1.0 }];

/// The most bytes of the program.
const SIZE: u64 = 30_000_000;

pub(super) fn compare(rounds: u32, strict: bool) -> Result<()> {
    cargo().args(["build", "--quiet", "--release", "--package", "tbpki", "--bin", "tbpki"]).show()?;
    let tbpki = stripped(&target()?.join("release/tbpki"))?;
    let (step, mkcert) = (STEP.installed()?, MKCERT.installed()?);
    let scratch = Scratch::new("startup")?;
    let store = scratch.path();
    run(&tbpki).directory(store).args(["init", "--no-input", "--insecure-no-passphrase"]).silent().read()?;

    println!("Size of the program, without debug information:");
    let size = size(&tbpki)?;
    println!("  {:<12}{:>6.1} MB", "tbpki", megabytes(size));
    for (name, program) in [(STEP.name, &step), (MKCERT.name, &mkcert)] {
        if let Some(program) = program {
            let theirs = self::size(program)?;
            println!("  {name:<12}{:>6.1} MB, {:.2} times ours", megabytes(theirs), theirs as f64 / size as f64);
        }
    }
    let small = verdict(size <= SIZE, &format!("at most {:.0} MB", megabytes(SIZE)));

    let start = |program: PathBuf, args: &'static [&'static str]| {
        move |_| run(&program).directory(store).args(args).silent().read().map(drop)
    };
    let mut contenders = vec![
        Contender::new("tbpki --version", start(tbpki.clone(), &["--version"])),
        Contender::new("tbpki list, of a new store", start(tbpki, &["list"])),
    ];
    if let Some(step) = step {
        contenders.push(Contender::new(STEP_VERSION, start(step, &["version"])));
    }
    if let Some(mkcert) = mkcert {
        contenders.push(Contender::new(MKCERT_VERSION, start(mkcert, &["-version"])));
    }
    let quick = report("Whole processes, from start to end", &race(rounds, contenders)?, TARGETS);
    if strict && !(small & quick) { Err(Error::new("a target was missed")) } else { Ok(()) }
}

/// A copy of the program without symbols, as packages contain it.
fn stripped(program: &Path) -> Result<PathBuf> {
    let copy = program.with_extension("stripped");
    run("strip").arg("-o").arg(&copy).arg(program).silent().read()?;
    Ok(copy)
}

fn size(program: &Path) -> Result<u64> {
    Ok(fs::metadata(program).doing(format!("look at {}", program.display()))?.len())
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
