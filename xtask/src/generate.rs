//! `cargo xtask gen`: the files that follow from the code. People read some of them in the repository, so these are
//! committed; man pages and completions are made for packages and stay out of git.

use std::collections::BTreeSet;
use std::fs;
use std::path::{self, Path, PathBuf};

use clap::Args;

use crate::error::{Doing, Error, Result};
use crate::run::{cargo, run};
use crate::workspace::{empty_directory, root, target};

/// The generated files that are committed: single files, and directories that hold nothing else.
const COMMITTED: &[&str] = &["docs/schemas", "docs/src/reference", "keygen.toml.example"];

/// Generate the reference and the schemas in the repository, and man pages and completions in a build directory
#[derive(Args)]
pub(crate) struct Gen {
    /// Fail if a committed file is out of date, and change none
    #[arg(long)]
    pub(crate) check: bool,

    /// Write man/ and completions/ to DIR [default: gen in cargo's target directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

impl Gen {
    pub(crate) fn run(&self) -> Result<()> {
        let fresh = target()?.join("generated");
        // A file that is no longer generated must not remain from the last run and look current.
        empty_directory(&fresh)?;
        let package = match &self.out {
            Some(out) => path::absolute(out).doing(format!("find {}", out.display()))?,
            None => target()?.join("gen"),
        };
        fs::create_dir_all(&package).doing(format!("make {}", package.display()))?;
        // With the features of the whole workspace: those of one package alone would compile most dependencies again.
        cargo().args(["build", "--quiet", "--workspace", "--example", "generate"]).show()?;
        run(target()?.join("debug/examples/generate")).args([&fresh, &package]).show()?;
        eprintln!("gen: man pages and completions are in {}", package.display());

        let mut stale = Vec::new();
        for place in COMMITTED {
            stale.extend(differences(&fresh, &root(), place)?);
        }
        if self.check {
            return match stale.as_slice() {
                [] => Ok(()),
                files => Err(Error::new(format!("these files are out of date: {}", list(files)))
                    .fix("run `cargo xtask gen` and commit what it writes")),
            };
        }
        for file in &stale {
            replace(&fresh.join(file), &root().join(file))?;
        }
        eprintln!("gen: {} changed", if stale.is_empty() { "nothing".to_owned() } else { list(&stale) });
        Ok(())
    }
}

/// The files at or below `place` that differ between two trees, or exist in only one of them.
fn differences(fresh: &Path, there: &Path, place: &str) -> Result<Vec<PathBuf>> {
    // Both sides, so that a committed file that the generator dropped counts as a difference too.
    let all: BTreeSet<PathBuf> = files(fresh, place)?.into_iter().chain(files(there, place)?).collect();
    // A file that cannot be read is none on this side, so it differs from one that is there.
    Ok(all.into_iter().filter(|file| fs::read(fresh.join(file)).ok() != fs::read(there.join(file)).ok()).collect())
}

/// Every file at or below `place`, by its path from the root of the tree; none if `place` does not exist.
fn files(tree: &Path, place: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![tree.join(place)];
    while let Some(next) = open.pop() {
        if next.is_dir() {
            for entry in fs::read_dir(&next).doing(format!("list {}", next.display()))? {
                open.push(entry.doing(format!("list {}", next.display()))?.path());
            }
        } else if let (true, Ok(relative)) = (next.exists(), next.strip_prefix(tree)) {
            files.push(relative.to_path_buf());
        }
    }
    Ok(files)
}

/// Copies a file, or removes the copy of one that is no longer generated.
fn replace(fresh: &Path, there: &Path) -> Result<()> {
    if !fresh.exists() {
        // It is committed, but no longer generated.
        return fs::remove_file(there).doing(format!("remove {}", there.display()));
    }
    if let Some(directory) = there.parent() {
        fs::create_dir_all(directory).doing(format!("make {}", directory.display()))?;
    }
    fs::copy(fresh, there).map(drop).doing(format!("write {}", there.display()))
}

fn list(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
}
