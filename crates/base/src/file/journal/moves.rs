//! Moving staged files into place, and back when that fails half way.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{self as sys, AtFlags, FileType, OFlags, RenameFlags};
use rustix::io::Errno;
use rustix::process;

use super::{Journal, Move};
use crate::code::Code;
use crate::error::Result;
use crate::file::base::Base;
use crate::file::owner::FileOwner;
use crate::file::{Mode, fault, staging};

/// The moves of a journal.
pub(in crate::file) struct Moves<'a> {
    base: &'a Base,
    staging: BorrowedFd<'a>,
    journal: &'a Journal,
}

/// A move that has been made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::file) enum CompletedMove {
    /// The new file is in its place.
    Placed(usize),
    /// The replaced file has been moved to its backup name.
    Kept(usize),
}

impl<'a> Moves<'a> {
    pub(in crate::file) fn new(base: &'a Base, staging: BorrowedFd<'a>, journal: &'a Journal) -> Self {
        Self { base, staging, journal }
    }

    /// Makes every move that has not been made, and notes it in `done`.
    pub(in crate::file) fn forward(&self, done: &mut Vec<CompletedMove>) -> Result<()> {
        let mut dirs: BTreeMap<&str, OwnedFd> = BTreeMap::new();
        // All directories are opened before the first move, because a missing one must not stop the moves halfway.
        for step in &self.journal.moves {
            let dir = step.to.dir();
            if !dirs.contains_key(dir) {
                dirs.insert(dir, self.base.existing_dir(dir)?);
            }
        }
        let dir_of = |step: &Move| dirs.get(step.to.dir()).map_or(self.base.fd.as_fd(), AsFd::as_fd);
        // New files first, in the order of the set. Backups follow, so that a crash in between loses no old file: the
        // staging directory holds it.
        for (index, step) in self.journal.moves.iter().enumerate() {
            // A file that appeared since the plan was made belongs to another process and must not be lost.
            let flags = if step.replaces { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
            if self.rename(&Journal::staged(index), dir_of(step), step.to.last(), flags, step.to.as_str())? {
                done.push(CompletedMove::Placed(index));
            }
        }
        for (index, step) in self.journal.moves.iter().enumerate() {
            if let Some(keep) = &step.keep {
                let held = Journal::replaced(index);
                // The backup may contain a key, and its old mode may have allowed others to read it.
                self.make_private(&held).map_err(|errno| fault::writing(&self.base.path_of(keep.as_str()), errno))?;
                if self.rename(&held, dir_of(step), keep.last(), RenameFlags::NOREPLACE, keep.as_str())? {
                    done.push(CompletedMove::Kept(index));
                }
            }
        }
        // Names are durable only when their directories are synchronized.
        dirs.iter().try_for_each(|(name, dir)| {
            sys::fsync(dir).map_err(|errno| fault::writing(&self.base.path_of(name), errno))
        })
    }

    /// Undoes the moves in `done`, the last one first. At every moment each file is there, and what going
    /// forward would need is still staged.
    pub(in crate::file) fn back(&self, done: &[CompletedMove], modes: &BTreeMap<usize, sys::Mode>) -> Result<()> {
        let mut touched = BTreeSet::new();
        // In reverse order, as each move was made on top of the ones before.
        for step in done.iter().rev() {
            let (CompletedMove::Placed(index) | CompletedMove::Kept(index)) = *step;
            let Some(entry) = self.journal.moves.get(index) else { continue };
            let undone = match step {
                CompletedMove::Kept(_) => self.unkeep(index, entry),
                CompletedMove::Placed(_) => self.unplace(index, entry, modes.get(&index).copied()),
            };
            undone.map_err(|errno| fault::writing(&self.base.path_of(entry.to.as_str()), errno))?;
            touched.insert(entry.to.dir());
        }
        touched.into_iter().try_for_each(|dir| {
            let failed = |errno| fault::writing(&self.base.path_of(dir), errno);
            sys::fsync(self.base.existing_dir(dir)?).map_err(failed)
        })
    }

    /// Puts the old file back. Links keep both files staged; where the file system has none, renames have to
    /// do, and there is a moment without the file.
    fn unplace(&self, index: usize, step: &Move, mode: Option<sys::Mode>) -> Result<(), Errno> {
        let dir = self.base.dir(step.to.dir()).ok().flatten().ok_or(Errno::NOENT)?;
        let (new, old) = (Journal::staged(index), Journal::replaced(index));
        if !step.replaces {
            return sys::renameat(&dir, step.to.last(), self.staging, &new);
        }
        // The mode was narrowed by `make_private`; the file gets its former one back.
        if let Some(mode) = mode {
            sys::fchmod(open_plain(self.staging, &old)?, mode)?;
        }
        let back = format!("b{index}");
        // Hard links let the old file return by one rename, so that its name never disappears.
        let linked = sys::linkat(&dir, step.to.last(), self.staging, &new, AtFlags::empty())
            .and_then(|()| sys::linkat(self.staging, &old, self.staging, &back, AtFlags::empty()));
        match linked {
            Ok(()) => sys::renameat(self.staging, &back, &dir, step.to.last()),
            // File systems without hard links need two renames, with a short moment without the file.
            Err(_) => {
                sys::renameat(&dir, step.to.last(), self.staging, &new)?;
                sys::renameat(self.staging, &old, &dir, step.to.last())
            }
        }
    }

    fn unkeep(&self, index: usize, step: &Move) -> Result<(), Errno> {
        let dir = self.base.dir(step.to.dir()).ok().flatten().ok_or(Errno::NOENT)?;
        let Some(keep) = &step.keep else { return Ok(()) };
        sys::renameat(&dir, keep.last(), self.staging, Journal::replaced(index))
    }

    /// Moves one thing out of the staging directory; `false` where it has been moved before.
    fn rename(&self, from: &str, dir: BorrowedFd<'_>, to: &str, flags: RenameFlags, shown: &str) -> Result<bool> {
        let renamed = match sys::renameat_with(self.staging, from, dir, to, flags) {
            // Some network file systems know no such flag. Other tbpki are kept out by the lock on the base.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) if !flags.is_empty() => {
                match sys::statat(dir, to, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(_) => Err(Errno::EXIST),
                    Err(_) => sys::renameat(self.staging, from, dir, to),
                }
            }
            other => other,
        };
        match renamed {
            Ok(()) => Ok(true),
            // An earlier attempt at the same journal has made this move already.
            Err(Errno::NOENT) => Ok(false),
            Err(Errno::EXIST | Errno::NOTEMPTY) => Err(Code::TargetExists
                .error("something of this name has appeared meanwhile")
                .at(self.base.path_of(shown))
                .fix("move it away and run the same command once more")),
            Err(errno) => Err(fault::writing(&self.base.path_of(shown), errno)),
        }
    }

    /// Takes a replaced file from everybody but its owner. A symbolic link has no mode, and what it leads to
    /// is not ours to change.
    fn make_private(&self, held: &str) -> Result<(), Errno> {
        match open_plain(self.staging, held) {
            Ok(file) => sys::fchmod(file, Mode::Private.bits()),
            // NOENT: an earlier run has moved the backup already. LOOP: a symbolic link.
            Err(Errno::NOENT | Errno::LOOP) => Ok(()),
            Err(errno) => Err(errno),
        }
    }
}

/// Gives every file that will be replaced a second name in the staging directory, or copies it where that
/// cannot be. Answers with their modes, for the way back.
pub(in crate::file) fn hold_replaced(
    base: &Base,
    staging: BorrowedFd<'_>,
    journal: &Journal,
) -> Result<BTreeMap<usize, sys::Mode>> {
    let mut modes = BTreeMap::new();
    for (index, step) in journal.moves.iter().enumerate().filter(|(_, step)| step.replaces) {
        let path = base.path_of(step.to.as_str());
        let dir = base.existing_dir(step.to.dir())?;
        let failed = |errno| fault::writing(&path, errno);
        let stat = sys::statat(&dir, step.to.last(), AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
        let is_link = FileType::from_raw_mode(stat.st_mode) == FileType::Symlink;
        if !is_link {
            modes.insert(index, sys::Mode::from_raw_mode(stat.st_mode & 0o777));
        }
        // The old file is kept by a second name in the staging directory. If that is not possible, it is copied.
        // A second name of another user's file could not be made private later.
        let user = process::geteuid();
        let ours = user.is_root() || user.as_raw() == stat.st_uid;
        let held = Journal::replaced(index);
        let linked = if ours || is_link {
            sys::linkat(&dir, step.to.last(), staging, &held, AtFlags::empty())
        } else {
            Err(Errno::PERM)
        };
        match linked {
            Err(Errno::PERM | Errno::ACCESS | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK) if !is_link => {
                let size = usize::try_from(stat.st_size).unwrap_or(usize::MAX);
                let old = open_plain(dir.as_fd(), step.to.last()).and_then(|file| staging::contents(file, size));
                // A file that changed its size while it was read is being written by another process.
                let old = old.and_then(|old| old.ok_or(Errno::AGAIN)).map_err(|errno| fault::reading(&path, errno))?;
                staging::write(staging, &held, &old, Mode::Private, FileOwner::default(), &path)?.sync()?;
            }
            other => other.map_err(failed)?,
        }
    }
    Ok(modes)
}

fn open_plain(dir: BorrowedFd<'_>, name: &str) -> Result<OwnedFd, Errno> {
    // NONBLOCK, because the file may have been replaced by a pipe since it was looked at.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    sys::openat(dir, name, flags, sys::Mode::empty())
}
