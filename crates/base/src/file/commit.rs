//! Writing a set of files: staging, the point of no return, and the moves.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::rc::Rc;

use rustix::fs as sys;

use super::base::Base;
use super::journal::moves::{self, Moves};
use super::journal::{JOURNAL, Journal};
use super::name::Name;
use super::owner::{FileOwner, change};
use super::plan::{MovePlan, PlannedFile};
use super::set::{FileSet, WrittenFile};
use super::staging::{self, StagingDir};
use super::{Mode, fault, recover};
use crate::digest;
use crate::error::{Error, Result};

/// The number of files open at a time.
const OPEN: usize = 64;

/// A set whose files are written next to their places, on the disk and read back: what is left to do is moves.
///
/// Dropped, it takes them away again. Several sets are staged before the first of them is committed, so that a full
/// disk or a read-only file system under one of them is found while nothing has changed anywhere.
#[must_use = "the files are taken away again when this is dropped"]
pub struct StagedFiles<'a> {
    set: &'a FileSet,
    base: Rc<Base>,
    /// The name of the set's directory in `base`, where it was missing.
    outer: Option<String>,
    plan: MovePlan<'a>,
    /// None where there is nothing to move.
    staging: Option<StagingDir>,
}

/// The room that a set takes, and the proof that it can be written. The room is free again when this is dropped.
#[must_use = "the room is free again when this is dropped"]
pub struct Rehearsal<'a> {
    _staged: StagedFiles<'a>,
}

impl FileSet {
    /// Predicts the result of [`commit`](Self::commit), and finds what would stop it, as far as that is possible
    /// without writing. What a killed process has left in the directory is settled first.
    ///
    /// # Errors
    /// [`Code::TargetExists`](crate::Code::TargetExists) naming all files in the way, [`Code::NotADirectory`](crate::Code::NotADirectory),
    /// [`Code::FileUnwritable`](crate::Code::FileUnwritable), [`Code::Ownership`](crate::Code::Ownership).
    pub fn check(&self) -> Result<Vec<WrittenFile>> {
        let (base, outer) = self.base()?;
        let base = Rc::new(base);
        // A pending operation may change the result of this check.
        recover::settle(&base)?;
        let plan = MovePlan::new(&base, self, outer.as_deref())?;
        plan.writable(&base)?;
        Ok(plan.report)
    }

    /// Does everything that [`stage`](Self::stage) does but wait for the disk, so that whatever would stop it shows up:
    /// a directory that cannot be written to, an owner that cannot be set, a full disk. As long as the answer lives
    /// it keeps the room.
    ///
    /// # Errors
    /// Those of [`commit`](Self::commit).
    pub fn rehearse(&self) -> Result<Rehearsal<'_>> {
        // Stand-ins, without waiting for the disk: file systems find out when they take the bytes whether they have room.
        Ok(Rehearsal { _staged: StagedFiles::new(self, false)? })
    }

    /// Writes the files next to their places, durably, and reads them back.
    ///
    /// # Errors
    /// Those of [`commit`](Self::commit).
    pub fn stage(&self) -> Result<StagedFiles<'_>> {
        StagedFiles::new(self, true)
    }

    /// Writes the files, durably, and reads them back. On an error everything is as it was before.
    ///
    /// # Errors
    /// Those of [`check`](Self::check), [`Code::DiskFull`](crate::Code::DiskFull), [`Code::ReadBack`](crate::Code::ReadBack), and [`Code::StoreLocked`](crate::Code::StoreLocked)
    /// when another process does not finish moving its files in the same directory.
    pub fn commit(&self) -> Result<Vec<WrittenFile>> {
        self.stage()?.commit()
    }
}

impl<'a> StagedFiles<'a> {
    fn new(set: &'a FileSet, is_durable: bool) -> Result<Self> {
        let (base, outer) = set.base()?;
        let base = Rc::new(base);
        // Leftovers of a killed process are settled first: they may hold the very files that this set plans to write.
        recover::settle(&base)?;
        let plan = MovePlan::new(&base, set, outer.as_deref())?;
        if !is_durable {
            // Staging shows nothing about directories that files only move into.
            plan.writable(&base)?;
        }
        let staging = stage_plan(&base, &plan, is_durable)?;
        Ok(Self { set, base, outer, plan, staging })
    }

    /// Moves the files into their places. On an error everything is as it was before.
    ///
    /// # Errors
    /// Those of [`FileSet::commit`].
    pub fn commit(mut self) -> Result<Vec<WrittenFile>> {
        // A directory that does not exist when the set is staged moves into place as a whole. If it exists by now, the
        // files must move one by one.
        if self.outer.is_some() && Base::open(self.set.dir())?.is_some() {
            // Another process has created the directory meanwhile.
            // What is staged for a whole directory cannot be moved file by
            // file, and its room is needed for the next attempt.
            drop(self.staging);
            return self.set.stage()?.commit();
        }
        // A single new directory needs no lock: its one rename either succeeds or does not.
        if !self.plan.moves.is_empty() && !self.plan.is_one_new_directory() {
            self.base.lock()?;
            // Another process may have changed the directory until now.
            recover::settle(&self.base)?;
            let plan = MovePlan::new(&self.base, self.set, self.outer.as_deref())?;
            // The plan was made without the lock. If nothing has changed, the staged files still fit.
            if plan.moves != self.plan.moves {
                // The old staging directory goes first, so that the disk need not hold both.
                self.staging = None;
                self.staging = stage_plan(&self.base, &plan, true)?;
                self.plan = plan;
            }
        }
        let Some(staging) = self.staging else {
            self.plan.give(&self.base)?;
            return Ok(self.plan.report);
        };
        if !self.plan.is_one_new_directory() {
            // Before the moves, which cannot be undone if the system refuses another owner.
            change::give_files(&self.base, &self.plan.given, self.plan.asked)?;
        }
        let (base, gives_directory, asked) = (self.base.clone(), self.plan.gives_directory, self.plan.asked);
        let journal = Journal::new(self.plan.moves, hashes(&self.plan.files));
        if journal.is_one_step() {
            move_at_once(&self.base, &staging, &journal)?;
        } else {
            move_journaled(&self.base, staging, &journal)?;
        }
        if gives_directory {
            staging::give(&base.fd, asked, &base.path)?;
        }
        Ok(self.plan.report)
    }
}

/// Makes the only move there is.
fn move_at_once(base: &Base, staging: &StagingDir, journal: &Journal) -> Result<()> {
    let mut done = Vec::new();
    let moves = Moves::new(base, staging.fd(), journal);
    let Err(error) = moves.forward(&mut done) else { return Ok(()) };
    // No modes to restore: a plan of one step replaces nothing.
    match moves.back(&done, &BTreeMap::new()) {
        Ok(()) => Err(error),
        Err(second) => Err(neither_way(error, &second)),
    }
}

/// Makes the moves such that the next process can finish them, and undoes them if one fails.
fn move_journaled(base: &Base, mut staging: StagingDir, journal: &Journal) -> Result<()> {
    let bytes = journal.to_bytes()?;
    let fd = staging.fd();
    let modes = moves::hold_replaced(base, fd, journal)?;
    // The journal is synchronized before the directory gets its committed name: a committed directory always has one.
    staging::write(fd, JOURNAL, &bytes, Mode::Private, FileOwner::default(), &base.path)?.sync()?;
    sys::fsync(fd).map_err(|errno| fault::writing(&base.path, errno))?;
    staging.commit()?;

    let mut done = Vec::new();
    let moves = Moves::new(base, staging.fd(), journal);
    // An error of a move is undone at once, while the old files are still held.
    let Err(error) = moves.forward(&mut done) else { return Ok(()) };
    match moves.back(&done, &modes).and_then(|()| staging.uncommit()) {
        Ok(()) => Err(error),
        Err(second) => {
            // The journal stays, and the next process to come here goes forward.
            staging.abandon();
            Err(neither_way(error, &second))
        }
    }
}

/// The error that stopped us, where another then stopped us from undoing what had been done until then.
fn neither_way(error: Error, second: &Error) -> Error {
    error.fix(format!("it cannot be undone either ({second}): see to that, then run the same command once more"))
}

/// Stages what a plan has to write, if it has.
fn stage_plan(base: &Rc<Base>, plan: &MovePlan<'_>, is_durable: bool) -> Result<Option<StagingDir>> {
    if plan.moves.is_empty() {
        return Ok(None);
    }
    let staging = StagingDir::create(base)?;
    stage_files(base, &staging, plan, is_durable)?;
    Ok(Some(staging))
}

/// Writes every file into the staging directory, and if they are to be durable waits until all are on the disk.
fn stage_files(base: &Base, staging: &StagingDir, plan: &MovePlan<'_>, is_durable: bool) -> Result<()> {
    let (files, owner) = (&plan.files, plan.owner);
    let mut dirs: BTreeMap<&str, OwnedFd> = BTreeMap::new();
    for file in files {
        // Directories are created from the outside in, and each is entered through its open handle.
        for dir in file.staged.ancestors() {
            if !dirs.contains_key(dir) {
                let (outer, name) = dir.rsplit_once('/').unwrap_or(("", dir));
                let outer = dirs.get(outer).map_or(staging.fd(), AsFd::as_fd);
                let made = staging::make_dir(outer, name);
                dirs.insert(dir, made.map_err(|errno| fault::writing(&base.path_of(file.target.dir()), errno))?);
            }
        }
    }
    // In chunks, because each open file needs a descriptor, and 1,024 is a usual limit.
    for files in files.chunks(OPEN) {
        let paths: Vec<PathBuf> = files.iter().map(|file| base.path_of(file.target.as_str())).collect();
        let mut unsynced = Vec::with_capacity(files.len());
        for (file, path) in files.iter().zip(&paths) {
            let dir = dirs.get(file.staged.dir()).map_or(staging.fd(), AsFd::as_fd);
            let written = staging::write(dir, file.staged.last(), &file.new.bytes, file.new.mode, owner, path)?;
            let written = match file.before {
                Some(before) => written.like(before, plan.asked)?,
                None => written,
            };
            if is_durable {
                // The disk begins to write the first file while the next one is prepared.
                written.start();
                unsynced.push(written);
            }
        }
        unsynced.into_iter().try_for_each(staging::Unsynced::sync)?;
    }
    for dir in dirs.values() {
        // The owner of a directory last: afterwards this process may not be allowed to write into it.
        staging::give(dir, owner, &base.path)?;
        if is_durable {
            sys::fsync(dir).map_err(|errno| fault::writing(&base.path, errno))?;
        }
    }
    Ok(())
}

fn hashes(files: &[PlannedFile<'_>]) -> BTreeMap<Name, String> {
    files.iter().map(|file| (file.staged.clone(), digest::hex(&digest::sha256(&file.new.bytes)))).collect()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test looks at the directory behind our back")]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::code::Code;
    use crate::file::WriteOutcome;

    fn set(dir: &Path, text: &str) -> FileSet {
        let mut set = FileSet::new(dir);
        set.add("key.pem", text.as_bytes().to_vec(), Mode::Private).unwrap();
        set.add("cert.pem", text.as_bytes().to_vec(), Mode::Public).unwrap();
        set
    }

    fn count(dir: &Path) -> usize {
        fs::read_dir(dir).unwrap().count()
    }

    #[test]
    fn what_is_staged_and_not_committed_is_gone_again() {
        let here = tempfile::tempdir().unwrap();
        for dir in [here.path().to_path_buf(), here.path().join("new")] {
            let set = set(&dir, "1");
            for rehearsal in [true, false] {
                let before = count(here.path());
                if rehearsal {
                    let _room = set.rehearse().unwrap();
                    assert_eq!(count(here.path()), before + 1);
                } else {
                    let _staged = set.stage().unwrap();
                    assert_eq!(count(here.path()), before + 1);
                }
                assert_eq!(count(here.path()), before);
            }
        }
        assert_eq!(count(here.path()), 0);
    }

    #[test]
    fn several_sets_are_staged_before_the_first_is_committed() {
        let (store, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(out.path().join("cert.pem"), "somebody's").unwrap();
        let (first, second) = (set(store.path(), "1"), set(out.path(), "1"));
        let staged = first.stage().unwrap();
        assert_eq!(second.stage().err().unwrap().code(), Code::TargetExists);
        drop(staged);
        assert_eq!(count(store.path()), 0);
    }

    #[test]
    fn what_has_happened_between_staging_and_committing_counts() {
        let here = tempfile::tempdir().unwrap();
        let dir = here.path().join("pump");
        let (first, same, other) = (set(&dir, "1"), set(&dir, "1"), set(&dir, "2"));
        // All three see an empty place: what they find when they commit decides, and not what they saw here.
        let (first, same, other) = (first.stage().unwrap(), same.stage().unwrap(), other.stage().unwrap());
        first.commit().unwrap();
        assert!(same.commit().unwrap().iter().all(|file| file.outcome == WriteOutcome::Unchanged));
        assert_eq!(other.commit().unwrap_err().code(), Code::TargetExists);
        assert_eq!(fs::read_to_string(dir.join("key.pem")).unwrap(), "1");
        // Not only in a new directory.
        let renewed = set(&dir, "2").replacing("old");
        let renewed = renewed.stage().unwrap();
        // The set was staged to replace both files, and one of them is gone by now: the plan has to change.
        fs::remove_file(dir.join("key.pem")).unwrap();
        let outcomes: Vec<WriteOutcome> = renewed.commit().unwrap().into_iter().map(|file| file.outcome).collect();
        assert_eq!(outcomes, [WriteOutcome::Written, WriteOutcome::Replaced(dir.join("cert.pem.old"))]);
        assert_eq!(count(&dir), 3);
    }

    #[test]
    fn a_single_file_may_replace_another_where_the_rest_may_not() {
        let dir = tempfile::tempdir().unwrap();
        set(dir.path(), "1").commit().unwrap();
        let renewed = |text: &str| {
            let mut set = FileSet::new(dir.path());
            set.add("key.pem", text.as_bytes().to_vec(), Mode::Private).unwrap();
            set.add_over("cert.pem", b"2".to_vec(), Mode::Public, "0A").unwrap();
            set
        };
        assert_eq!(renewed("2").commit().unwrap_err().code(), Code::TargetExists);
        let written = renewed("1").commit().unwrap();
        assert_eq!(written[0].outcome, WriteOutcome::Unchanged);
        assert_eq!(written[1].outcome, WriteOutcome::Replaced(dir.path().join("cert.pem.0A")));
    }

    #[test]
    fn a_stand_in_differs_from_whatever_is_there() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("key.pem"), "").unwrap();
        let mut set = FileSet::new(dir.path());
        set.add_unknown("key.pem", 100, Mode::Private).unwrap();
        assert_eq!(set.check().unwrap_err().code(), Code::TargetExists);
        assert_eq!(set.rehearse().err().unwrap().code(), Code::TargetExists);
    }
}
