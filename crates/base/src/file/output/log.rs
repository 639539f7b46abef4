//! A file to which lines are appended, for as long as a service runs.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{self as sys, OFlags};
use rustix::io::{self, Errno};

use super::super::fault;
use super::Mode;
use crate::error::Result;

/// A log. Each line is appended by one write, so that lines of several processes do not mix.
///
/// If the file was moved away, as by logrotate, the next line goes to a new file of the same name.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: OwnedFd,
    id: (u64, u64),
}

impl Log {
    /// Opens the file, or makes it with mode 0600. A symbolic link is not followed.
    ///
    /// # Errors
    /// [`Code::FileUnwritable`](crate::Code::FileUnwritable).
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |errno| fault::writing(path, errno);
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // NONBLOCK, because a pipe of this name without a reader would block the service at its start.
        let file = sys::open(path, flags | OFlags::NONBLOCK, Mode::Private.bits()).map_err(failed)?;
        let stat = sys::fstat(&file).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file, id: (stat.st_dev, stat.st_ino) })
    }

    /// Appends `line`, which ends with a line feed.
    ///
    /// # Errors
    /// [`Code::FileUnwritable`](crate::Code::FileUnwritable), for example because the disk is full.
    pub fn append(&mut self, line: &[u8]) -> Result<()> {
        // Asked before each line, so that logrotate needs no signal to the service.
        if !self.is_in_place() {
            *self = Self::open(&self.path)?;
        }
        let mut rest = line;
        while !rest.is_empty() {
            match io::write(&self.file, rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(fault::writing(&self.path, errno)),
            }
        }
        Ok(())
    }

    fn is_in_place(&self) -> bool {
        sys::lstat(&self.path).is_ok_and(|stat| (stat.st_dev, stat.st_ino) == self.id)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests look at files from outside")]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::Code;

    #[test]
    fn lines_are_appended_also_after_the_file_was_moved() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        let mut log = Log::open(&path).unwrap();
        log.append(b"one\n").unwrap();
        // Two handles, as two processes have: each line goes to the end, wherever the other one has written.
        let mut other = Log::open(&path).unwrap();
        other.append(b"two\n").unwrap();
        log.append(b"three\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\nthree\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        // As logrotate does.
        fs::rename(&path, dir.path().join("audit.1")).unwrap();
        log.append(b"four\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "four\n");
    }

    #[test]
    fn a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("elsewhere"), "").unwrap();
        symlink("elsewhere", dir.path().join("audit")).unwrap();
        assert_eq!(Log::open(&dir.path().join("audit")).unwrap_err().code(), Code::FileUnwritable);
    }
}
