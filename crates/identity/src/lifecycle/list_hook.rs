//! The program of `[crl] after`, which makes brokers read the revocation lists.
//!
//! It runs when the store is not locked any more: it can take a minute, other verbs and the enrolment service wait for the
//! store meanwhile, and the program itself may be one that calls a verb. A file in the store shows that it has yet to run.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use base::{Result, file, hex, random};
use config::Origin;
use store::Workspace;

use super::hook::Hook;

/// The file in the store that is there while the program has to run: lists have changed, and it has not run since, or
/// failed. Its contents differ each time that lists change.
const MARK: &str = "crl-after.open";

/// The size of the file, in bytes of the random number that it has in hexadecimal digits.
const RANDOM: usize = 8;

/// The program of `[crl] after`, if there is one.
#[derive(Debug)]
pub struct ListHook {
    program: Option<Hook>,
    store: PathBuf,
}

impl ListHook {
    /// The program of this configuration.
    pub fn of(workspace: &Workspace<'_>) -> Self {
        let after = &workspace.config.crl.after;
        let words: Vec<OsString> = after.value.iter().map(|word| word.as_str().into()).collect();
        let program = Hook::of("[crl] after", &words, std::env::var_os("PATH").as_ref());
        // As the other paths of the file.
        let program = match &after.origin {
            Origin::File { file: Some(file), .. } => program.map(|program| program.from_directory_of(file)),
            _ => program,
        };
        Self { program, store: workspace.store_dir().to_owned() }
    }

    /// Whether the configuration names a program.
    pub fn has_program(&self) -> bool {
        self.program.is_some()
    }

    /// Fails if the program is missing, or if another user could put something else in its place.
    ///
    /// # Errors
    /// [`Code::HookUnsafe`](base::Code::HookUnsafe).
    pub fn check(&self) -> Result<()> {
        self.program.as_ref().map_or(Ok(()), Hook::check)
    }

    /// Whether the program has to run because of lists that earlier runs have written.
    pub fn is_open(&self) -> bool {
        is_open(&self.store)
    }

    /// Records that the program has to run. Without a program, nothing is recorded.
    ///
    /// # Errors
    /// Those of the disk.
    pub(super) fn open(&self) -> Result<()> {
        if self.program.is_none() {
            return Ok(());
        }
        // Durable, which a note is not: a power cut must not hide that a broker has yet to read the lists.
        file::create_empty(self.store.join(MARK))?;
        file::write_note(&self.store, MARK, hex::lower(random::bytes::<RANDOM>()?.as_slice()).as_bytes())
    }

    /// Runs the program, whether it is open or not. It is open afterwards if it has failed, or if lists have changed
    /// meanwhile. The store must not be locked by this process.
    ///
    /// # Errors
    /// [`Code::HookFailed`](base::Code::HookFailed) and [`Code::HookUnsafe`](base::Code::HookUnsafe); those of the disk.
    pub fn run(&self) -> Result<()> {
        let seen = self.mark()?;
        if let Some(program) = &self.program
            && let Err(error) = program.run(&[], &[])
        {
            // Another process may have run it with success meanwhile, and its broker is not ours.
            self.open()?;
            return Err(error);
        }
        // A mark of another process is left to that process: the program may have read the file before it changed.
        if seen.is_some() && self.mark()? == seen {
            file::remove(&self.store, MARK)?;
        }
        Ok(())
    }

    /// The contents of the file; `None` if there is none.
    fn mark(&self) -> Result<Option<Vec<u8>>> {
        Ok(file::read_optional(self.store.join(MARK), 2 * RANDOM)?.map(|mark| mark.to_vec()))
    }
}

/// Whether the program of a store has to run.
pub fn is_open(store: &Path) -> bool {
    store.join(MARK).exists()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test writes the program, and looks at what it has left")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use base::Code;

    use super::*;

    /// A store, and a hook with this script, which runs in the store.
    fn scene(script: &str) -> (tempfile::TempDir, ListHook) {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("reload");
        fs::write(&program, format!("#!/bin/sh\ncd '{}'\n{script}\n", dir.path().display())).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let hook = ListHook { program: Hook::of("[crl] after", &[program.into()], None), store: dir.path().to_owned() };
        (dir, hook)
    }

    #[test]
    fn a_program_that_has_run_is_not_open_any_more() {
        let (dir, hook) = scene("echo run >> log");
        hook.open().unwrap();
        assert!(hook.is_open());
        hook.run().unwrap();
        assert!(!hook.is_open());
        assert_eq!(fs::read_to_string(dir.path().join("log")).unwrap(), "run\n");
    }

    #[test]
    fn a_program_that_fails_stays_open() {
        let (_dir, hook) = scene("exit 1");
        for _ in 0..2 {
            assert_eq!(hook.run().unwrap_err().code(), Code::HookFailed);
            assert!(hook.is_open());
        }
    }

    #[test]
    fn lists_that_change_while_the_program_runs_need_another_run() {
        let (dir, hook) = scene("printf 0123456789abcdef > crl-after.open");
        hook.open().unwrap();
        hook.run().unwrap();
        assert_eq!(fs::read_to_string(dir.path().join(MARK)).unwrap(), "0123456789abcdef");
        hook.run().unwrap();
        assert!(!hook.is_open());
    }

    #[test]
    fn a_store_without_a_program_has_nothing_open_after_a_run() {
        let dir = tempfile::tempdir().unwrap();
        let hook = ListHook { program: None, store: dir.path().to_owned() };
        hook.open().unwrap();
        assert!(!hook.is_open());
        // The program was removed from the configuration after it had failed. Earlier versions left an empty file.
        fs::write(dir.path().join(MARK), "").unwrap();
        hook.run().unwrap();
        assert!(!hook.is_open());
    }
}
