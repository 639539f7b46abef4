//! `cargo xtask gen`: what is written down in the repository but follows from the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::error::{Doing, Error, Result};
use crate::run::{cargo, run};
use crate::workspace::{root, target};

/// Where the generated files stand in the repository: all of this directory, and nothing else.
const GENERATED: &str = "docs/generated";

/// Write man pages, completions, the reference and the schemas anew from the code
#[derive(Args)]
pub(crate) struct Gen {
    /// Change nothing; fail if anything would change
    #[arg(long)]
    check: bool,
}

impl Gen {
    pub(crate) fn run(&self) -> Result<()> {
        let there = root().join(GENERATED);
        let fresh = target()?.join("generated");
        empty(&fresh)?;
        cargo().args(["build", "--quiet", "--package", "tbpki", "--bin", "tbpki"]).show()?;
        run(target()?.join("debug/tbpki")).args(["gen", "--out"]).arg(&fresh).show()?;

        let stale = differences(&fresh, &there)?;
        if self.check {
            return match stale.as_slice() {
                [] => Ok(()),
                files => Err(Error::new(format!("these files of {GENERATED} are out of date: {}", list(files)))
                    .fix("run `cargo xtask gen` and commit what it writes")),
            };
        }
        for file in &stale {
            replace(&fresh.join(file), &there.join(file))?;
        }
        eprintln!("gen: {} changed", if stale.is_empty() { "nothing".to_owned() } else { list(&stale) });
        Ok(())
    }
}

/// The files that differ between two directories, or stand in one of them alone, by their paths from there.
fn differences(fresh: &Path, there: &Path) -> Result<Vec<PathBuf>> {
    let all: BTreeSet<PathBuf> = files(fresh)?.into_iter().chain(files(there)?).collect();
    Ok(all.into_iter().filter(|file| fs::read(fresh.join(file)).ok() != fs::read(there.join(file)).ok()).collect())
}

/// Every file below a directory, by its path from there; none where there is no such directory.
fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(next) = open.pop() {
        if !next.exists() {
            continue;
        }
        for entry in fs::read_dir(&next).doing(format!("list {}", next.display()))? {
            let path = entry.doing(format!("list {}", next.display()))?.path();
            if path.is_dir() {
                open.push(path);
            } else if let Ok(relative) = path.strip_prefix(directory) {
                files.push(relative.to_path_buf());
            }
        }
    }
    Ok(files)
}

/// Copies a file, or removes the copy of one that is no longer generated.
fn replace(fresh: &Path, there: &Path) -> Result<()> {
    if !fresh.exists() {
        return fs::remove_file(there).doing(format!("remove {}", there.display()));
    }
    if let Some(directory) = there.parent() {
        fs::create_dir_all(directory).doing(format!("make {}", directory.display()))?;
    }
    fs::copy(fresh, there).map(drop).doing(format!("write {}", there.display()))
}

fn empty(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory).doing(format!("remove {}", directory.display()))?;
    }
    fs::create_dir_all(directory).doing(format!("make {}", directory.display()))
}

fn list(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
}
