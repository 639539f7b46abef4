//! A directory for the files of one run.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Doing, Result};
use crate::workspace::target;

/// A new directory below `target/bench`, removed when the run is over and not before: for minutes after a mass
/// delete ext4 makes files many times slower.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new(name: &str) -> Result<Self> {
        // With the process's number, so that two benchmarks at once do not remove each other's files.
        let directory = target()?.join("bench").join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).doing(format!("make {}", directory.display()))?;
        Ok(Self(directory))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("left behind: {} ({error})", self.0.display());
        }
    }
}
