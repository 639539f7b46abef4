//! Finishing what a killed process had begun.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{self as sys, Mode, OFlags};
use rustix::io::Errno;
use rustix::process;

use super::base::{Base, DIRECTORY};
use super::journal::{JOURNAL, Journal, LIMIT};
use super::moves::Moves;
use super::name::{COMMITTED, STAGED};
use super::staging::{self, Staging};
use super::{fault, remove};
use crate::code::Code;
use crate::digest;
use crate::error::{Finding, Result};

/// What was found of earlier processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Files and directories of operations that were past their point of no return, and are complete now.
    pub completed: Vec<PathBuf>,
    /// How many operations were thrown away because they were not.
    pub discarded: usize,
    /// What was left alone because it belongs to somebody else.
    pub foreign: Vec<Finding>,
}

/// Completes or throws away what killed processes have left in a directory. Every operation on a directory
/// does so first; what processes that still live are doing is not touched.
///
/// # Errors
/// [`Code::FileUnwritable`] and its kin when the rest of an operation cannot be done. It stays to be done.
pub fn recover(dir: impl AsRef<Path>) -> Result<Recovery> {
    match Base::open(dir.as_ref())? {
        Some(mut base) => settle(&mut base),
        None => Ok(Recovery::default()),
    }
}

pub(super) fn settle(base: &mut Base) -> Result<Recovery> {
    let mut recovery = Recovery::default();
    for name in remove::names(base.fd.as_fd()).map_err(|errno| fault::reading(&base.path, errno))? {
        let Ok(name) = name.into_string() else { continue };
        if !name.starts_with(STAGED) && !name.starts_with(COMMITTED) {
            continue;
        }
        match claim(base, &name).map_err(|errno| fault::writing(&base.path_of(&name), errno))? {
            Claim::Live => {}
            Claim::Foreign(uid) => recovery.foreign.push(
                Code::FileUnwritable
                    .warning(format!("an operation that user {uid} has not finished is left alone"))
                    .at(base.path_of(&name))
                    .fix("run the same command as that user, or remove the directory"),
            ),
            Claim::Ours(_) if name.starts_with(STAGED) => {
                remove::tree(base.fd.as_fd(), &name).map_err(|errno| fault::writing(&base.path_of(&name), errno))?;
                recovery.discarded += 1;
            }
            Claim::Ours(fd) => {
                base.lock()?;
                let staging = Staging::adopt(base, name, fd);
                recovery.completed.append(&mut complete(base, staging)?);
            }
        }
    }
    Ok(recovery)
}

enum Claim {
    /// Its process lives, or it has just gone.
    Live,
    /// It belongs to this user, or others may have touched what is in it.
    Foreign(u32),
    /// It was left behind, and is locked now.
    Ours(OwnedFd),
}

fn claim(base: &Base, name: &str) -> Result<Claim, Errno> {
    let fd = match sys::openat(&base.fd, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(Claim::Live),
        Err(Errno::ACCESS) => {
            let stat = sys::statat(&base.fd, name, sys::AtFlags::SYMLINK_NOFOLLOW)?;
            if stat.st_uid != process::geteuid().as_raw() {
                return Ok(Claim::Foreign(stat.st_uid));
            }
            staging::open_dir(&base.fd, name)?
        }
        Err(errno) => return Err(errno),
    };
    let stat = sys::fstat(&fd)?;
    if stat.st_uid != process::geteuid().as_raw() || stat.st_mode & 0o077 != 0 {
        return Ok(Claim::Foreign(stat.st_uid));
    }
    Ok(if staging::lock(base, name, &fd)? { Claim::Ours(fd) } else { Claim::Live })
}

/// Makes the moves of a committed journal that have not been made.
fn complete(base: &Base, staging: Staging<'_>) -> Result<Vec<PathBuf>> {
    let journal = match read_journal(base, &staging) {
        Ok(Some(journal)) => journal,
        // A staging directory is emptied only after all moves.
        Ok(None) => return Ok(Vec::new()),
        Err(error) => {
            staging.abandon();
            return Err(error.at(&base.path).fix("an operation that was interrupted cannot be finished; look at it"));
        }
    };
    let moves = Moves::new(base, staging.fd(), &journal);
    match verify(base, &staging, &journal).and_then(|()| moves.forward(&mut Vec::new())) {
        Ok(()) => Ok(journal.moves.iter().map(|step| base.path_of(step.to.as_str())).collect()),
        Err(error) => {
            staging.abandon();
            Err(error)
        }
    }
}

fn read_journal(base: &Base, staging: &Staging<'_>) -> Result<Option<Journal>> {
    let unreadable = |errno| fault::reading(&base.path_of(JOURNAL), errno);
    let Some(fd) = Journal::open(staging.fd()).map_err(unreadable)? else { return Ok(None) };
    let stat = sys::fstat(&fd).map_err(unreadable)?;
    let size = usize::try_from(stat.st_size).unwrap_or(usize::MAX);
    if stat.st_uid != process::geteuid().as_raw() || stat.st_mode & 0o077 != 0 || size > LIMIT {
        return Err(Code::FileUnreadable.error("this journal is not one that tbpki wrote"));
    }
    let bytes = staging::contents(&fd, size).map_err(unreadable)?;
    bytes.map(|bytes| Journal::from_bytes(&bytes)).transpose()
}

/// Compares what still waits with what the journal says about it.
fn verify(base: &Base, staging: &Staging<'_>, journal: &Journal) -> Result<()> {
    for (name, sha256) in &journal.files {
        let failed = |errno| fault::reading(&base.path_of(name.as_str()), errno);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = match sys::openat(staging.fd(), name.as_str(), flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => continue,
            Err(errno) => return Err(failed(errno)),
        };
        let size = usize::try_from(sys::fstat(&fd).map_err(failed)?.st_size).unwrap_or(usize::MAX);
        let bytes = staging::contents(&fd, size).map_err(failed)?;
        if bytes.is_none_or(|bytes| digest::hex(&digest::sha256(&bytes)) != *sha256) {
            return Err(Code::ReadBack.error("a file that was to be put in place has changed").at(&base.path));
        }
    }
    Ok(())
}
