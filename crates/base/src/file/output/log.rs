//! A file to which lines are appended, for as long as a service runs.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{self as sys, FallocateFlags, FileType, OFlags};
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
    /// Whether the last line has no line feed, because the disk was full.
    is_torn: bool,
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
        let is_torn = ends_without_line_feed(path, &stat);
        Ok(Self { path: path.to_owned(), file, id: (stat.st_dev, stat.st_ino), is_torn })
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
        // A line of its own, so that the part of another one that is there damages no further one.
        if self.is_torn {
            let written = self.write_whole(b"\n");
            self.is_torn = written.is_err();
            written?;
        }
        self.write_whole(line)
    }

    /// Writes all of `line`, or takes back the part that was written.
    fn write_whole(&mut self, line: &[u8]) -> Result<()> {
        let mut rest = line;
        while !rest.is_empty() {
            match io::write(&self.file, rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(errno) => {
                    self.take_back(line.len() - rest.len());
                    return Err(fault::writing(&self.path, errno));
                }
            }
        }
        Ok(())
    }

    /// Removes the last `written` bytes, if they are still the last ones of the file.
    fn take_back(&mut self, written: usize) {
        if written == 0 {
            return;
        }
        // After a write, the offset is its end. The file is longer if another process has written since.
        let end = sys::tell(&self.file).unwrap_or_default();
        let is_last = sys::fstat(&self.file).is_ok_and(|stat| u64::try_from(stat.st_size) == Ok(end));
        let before = end.checked_sub(written as u64).filter(|_| is_last);
        self.is_torn = before.is_none_or(|before| sys::ftruncate(&self.file, before).is_err());
    }

    /// Whether a line can be written now: the file, or a new one in its place, has room for it. Nothing is written.
    ///
    /// # Errors
    /// [`Code::FileUnwritable`](crate::Code::FileUnwritable), [`Code::DiskFull`](crate::Code::DiskFull).
    pub fn check(&mut self) -> Result<()> {
        /// More than a line has.
        const ROOM: u64 = 4096;
        if !self.is_in_place() {
            *self = Self::open(&self.path)?;
        }
        let failed = |errno| fault::writing(&self.path, errno);
        let size = u64::try_from(sys::fstat(&self.file).map_err(failed)?.st_size).unwrap_or_default();
        // The room is given to the file, and its length stays.
        match sys::fallocate(&self.file, FallocateFlags::KEEP_SIZE, size, ROOM) {
            // Pipes, and file systems that cannot tell: the next line shows it.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::SPIPE | Errno::NODEV) => Ok(()),
            Err(errno) => Err(failed(errno)),
        }
    }

    fn is_in_place(&self) -> bool {
        sys::lstat(&self.path).is_ok_and(|stat| (stat.st_dev, stat.st_ino) == self.id)
    }
}

/// Whether the last byte of a file is another one than a line feed. `false` for pipes, and if the file cannot be read.
fn ends_without_line_feed(path: &Path, stat: &sys::Stat) -> bool {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_size <= 0 {
        return false;
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let Ok(file) = sys::open(path, flags, sys::Mode::empty()) else { return false };
    let mut last = [0];
    let end = u64::try_from(stat.st_size - 1).unwrap_or_default();
    matches!(io::pread(&file, &mut last, end), Ok(1)) && last != *b"\n"
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
    fn a_line_that_is_torn_damages_no_further_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        // As after a process that was killed, or a disk that was full.
        fs::write(&path, "{\"one\":1}\n{\"two").unwrap();
        let mut log = Log::open(&path).unwrap();
        log.check().unwrap();
        for line in ["{\"three\":3}\n", "{\"four\":4}\n"] {
            log.append(line.as_bytes()).unwrap();
        }
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "{\"one\":1}\n{\"two\n{\"three\":3}\n{\"four\":4}\n");
        // A part that this process has written is taken back.
        log.file = fs::File::options().append(true).open(&path).unwrap().into();
        io::write(&log.file, b"{\"fi").unwrap();
        log.take_back(4);
        assert_eq!((fs::read_to_string(&path).unwrap(), log.is_torn), (text, false));
    }

    #[test]
    fn a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("elsewhere"), "").unwrap();
        symlink("elsewhere", dir.path().join("audit")).unwrap();
        assert_eq!(Log::open(&dir.path().join("audit")).unwrap_err().code(), Code::FileUnwritable);
    }
}
