//! A directory that files are written to, opened once so that no other process can replace it meanwhile.

mod walk;

use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{self as sys, AtFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::fault;
use crate::code::Code;
use crate::error::Result;

/// The longest wait for another process that moves files in the same directory: such moves take milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// The flags with which every directory is opened.
pub(super) const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC).union(OFlags::RDONLY);

/// An open directory.
pub(super) struct Base {
    pub(super) fd: OwnedFd,
    pub(super) path: PathBuf,
    locked: Cell<bool>,
}

impl Base {
    /// Opens the directory, `None` where there is nothing of that name.
    pub(super) fn open(path: &Path) -> Result<Option<Self>> {
        // An empty path comes from `parent()` of a bare name, and means the working directory.
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let opened = walk::open_dir(path)?;
        Ok(opened.map(|fd| Self { fd, path: path.to_path_buf(), locked: Cell::new(false) }))
    }

    /// Keeps other processes from moving files in this directory until the value is dropped.
    pub(super) fn lock(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        // Polling instead of a blocking lock, because only this way can the wait end with an error.
        while !self.locked.get() {
            match sys::flock(&self.fd, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => self.locked.set(true),
                // A signal such as SIGWINCH interrupts the call. It is no reason to give up.
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
                Err(Errno::WOULDBLOCK) => {
                    return Err(Code::StoreLocked
                        .error("another process has been writing to this directory for too long")
                        .at(&self.path)
                        .fix("wait until it has finished, or end it"));
                }
                Err(errno) => return Err(fault::writing(&self.path, errno)),
            }
        }
        Ok(())
    }

    /// The full path of what is called `name` in here, for messages.
    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        match name {
            "" => self.path.clone(),
            name if self.path == Path::new(".") => PathBuf::from(name),
            name => self.path.join(name),
        }
    }

    /// Opens a directory below this one (empty: this one again), `None` where it is missing. Symbolic links
    /// are not followed: the directory may be writable by people who should not choose where keys go.
    pub(super) fn dir(&self, name: &str) -> Result<Option<OwnedFd>> {
        let mut at =
            sys::openat(&self.fd, ".", DIRECTORY, Mode::empty()).map_err(|errno| fault::writing(&self.path, errno))?;
        for part in name.split('/').filter(|part| !part.is_empty()) {
            // Each part on its own and without following links: a link in the middle of the path would lead out of the
            // base.
            at = match sys::openat(&at, part, DIRECTORY | OFlags::NOFOLLOW, Mode::empty()) {
                Ok(fd) => fd,
                Err(Errno::NOENT) => return Ok(None),
                Err(errno) => return Err(fault::writing(&self.path_of(name), errno)),
            };
        }
        Ok(Some(at))
    }

    /// Like [`dir`](Self::dir) for one that has been there a moment ago.
    pub(super) fn existing_dir(&self, name: &str) -> Result<OwnedFd> {
        self.dir(name)?.ok_or_else(|| fault::writing(&self.path_of(name), Errno::NOENT))
    }

    /// Checks that we may create files in the directory `name`, as far as possible without trying.
    pub(super) fn writable(&self, name: &str) -> Result<()> {
        let dir = self.existing_dir(name)?;
        // EACCESS asks for the effective user, which the later writes use.
        let access = sys::Access::WRITE_OK | sys::Access::EXEC_OK;
        sys::accessat(&dir, ".", access, AtFlags::EACCESS).map_err(|errno| fault::writing(&self.path_of(name), errno))
    }
}

/// Fails if the file system of a directory has less than `bytes` left for this user. Nothing is written. One that cannot tell has
/// room.
///
/// # Errors
/// [`Code::DiskFull`], [`Code::FileUnreadable`].
pub fn check_room(dir: impl AsRef<Path>, bytes: u64) -> Result<()> {
    let dir = dir.as_ref();
    let stat = sys::statvfs(dir).map_err(|errno| fault::reading_dir(dir, errno))?;
    if stat.f_blocks > 0 && stat.f_bavail.saturating_mul(stat.f_frsize) < bytes {
        return Err(fault::writing(dir, Errno::NOSPC));
    }
    Ok(())
}
