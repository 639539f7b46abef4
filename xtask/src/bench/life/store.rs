//! A store of a benchmark.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::bench::measure::{Watched, watch};
use crate::error::{Doing, Result};
use crate::run::run;
use crate::workspace::target;

/// A store in a directory of its own. Its state directory is its own too, because a copy of a store has an older ledger
/// than the machine remembers.
pub(super) struct Store {
    pub(super) directory: PathBuf,
}

impl Store {
    pub(super) fn new(directory: PathBuf) -> Result<Self> {
        fs::create_dir_all(&directory).doing(format!("make {}", directory.display()))?;
        let store = Self { directory };
        store.watch(&["init", "--no-input", "--insecure-no-passphrase"])?;
        Ok(store)
    }

    /// A copy of all its files.
    pub(super) fn copy(&self, to: PathBuf) -> Result<Self> {
        run("cp").arg("-a").arg(&self.directory).arg(&to).silent().read()?;
        Ok(Self { directory: to })
    }

    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.directory.join(file)
    }

    pub(super) fn command(&self, args: &[&str]) -> Result<Command> {
        let mut command = Command::new(target()?.join("release/tbpki"));
        command.args(args).arg("--quiet").current_dir(&self.directory);
        command.env("STATE_DIRECTORY", self.path("state"));
        Ok(command)
    }

    pub(super) fn watch(&self, args: &[&str]) -> Result<Watched> {
        watch(&mut self.command(args)?)
    }

    /// A job of this many devices in an archive.
    pub(super) fn issue(&self, count: u32) -> Result<Watched> {
        let count = count.to_string();
        let names = ["fleet", "issue", "--count", &count, "--name-pattern", "sensor-{:07}", "--archive", "fleet.tar"];
        self.watch(&names)
    }

    /// Moves the dates of all certificates in the ledger by so many days into the past: nothing new is renewed.
    pub(super) fn age(&self, days: u32) -> Result<()> {
        let statement =
            "UPDATE identity SET not_before = not_before - ?1, not_after = not_after - ?1 WHERE kind != 'ca'";
        self.sql(&format!("c.execute({statement:?}, [{}])", days * 24 * 60 * 60)).map(drop)
    }

    /// Runs Python on the ledger, as `c`, and returns its output.
    pub(super) fn sql(&self, script: &str) -> Result<String> {
        let whole = format!("import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\n{script}\nc.commit()\n");
        run("python3").args(["-c", &whole]).arg(self.path("pki/ledger.db")).silent().read()
    }
}
