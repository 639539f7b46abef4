//! Reading, with a limit on what is taken in.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{self as sys, FileType, OFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::base::Base;
use super::fault;
use super::staging::tree;
use crate::code::Code;
use crate::error::{Error, Finding, Result};
use crate::text::shell_path;

/// Reads a file of at most `limit` bytes.
///
/// Files and pipes with a writer (`<(command)` of a shell) are read; directories, devices, and
/// pipes without a writer are refused rather than waited for.
///
/// # Errors
/// [`Code::FileUnreadable`].
pub fn read(path: impl AsRef<Path>, limit: usize) -> Result<Vec<u8>> {
    // Only secrets have to be wiped; these bytes are handed over as they are.
    // `take` leaves an empty vector behind, which is what gets wiped.
    read_secret(path, limit).map(|mut bytes| std::mem::take(&mut *bytes))
}

/// Reads a file of at most `limit` bytes that holds a secret: every buffer is wiped after use.
///
/// # Errors
/// [`Code::FileUnreadable`].
pub fn read_secret(path: impl AsRef<Path>, limit: usize) -> Result<Zeroizing<Vec<u8>>> {
    read_secret_with_mode(path, limit).map(|(bytes, _)| bytes)
}

/// As [`read_secret`], with the permissions of the file that was read; `None` for a pipe, which no other user can open.
///
/// # Errors
/// [`Code::FileUnreadable`].
pub fn read_secret_with_mode(path: impl AsRef<Path>, limit: usize) -> Result<(Zeroizing<Vec<u8>>, Option<u32>)> {
    let path = path.as_ref();
    let Opened { file, first, size, mode } = open(path)?;
    let expected = match size {
        // The size is known in advance for files, so that a huge one is refused without reading it.
        Some(size) if size > limit => return Err(too_large(limit).at(path)),
        Some(size) => size,
        None => limit.min(PIECE),
    };
    let bytes = take((&*first).chain(&file), expected, limit).map_err(|error| error.at(path))?;
    Ok((bytes, size.map(|_| mode)))
}

/// The names in a directory that are text, in no order; `None` if there is no such directory. Names that are not UTF-8 are
/// left out: none of our files has one.
///
/// # Errors
/// [`Code::FileUnreadable`], and [`Code::NotADirectory`] for something else.
pub fn list_dir(dir: impl AsRef<Path>) -> Result<Option<Vec<String>>> {
    match Base::open(dir.as_ref())? {
        Some(base) => names_of(base.fd.as_fd(), &base.path).map(Some),
        None => Ok(None),
    }
}

/// The names in an open directory, as [`list_dir`] returns them. `path` is for messages.
pub(super) fn names_of(dir: BorrowedFd<'_>, path: &Path) -> Result<Vec<String>> {
    let names = tree::names(dir).map_err(|errno| fault::reading_dir(path, errno))?;
    Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
}

/// Opens a file that is read from its beginning to its end in pieces, however long it is. What [`read()`] refuses is
/// refused here too.
///
/// # Errors
/// [`Code::FileUnreadable`].
pub fn stream(path: &Path) -> Result<impl Read + Send + use<>> {
    let Opened { file, first, .. } = open(path)?;
    Ok(io::Cursor::new(first).chain(file))
}

/// Reads a text of at most `limit` bytes.
///
/// # Errors
/// [`Code::FileUnreadable`], also when it is not UTF-8.
pub fn read_text(path: impl AsRef<Path>, limit: usize) -> Result<String> {
    let path = path.as_ref();
    text_of(read(path, limit)?, path)
}

/// Reads standard input of at most `limit` bytes as text.
///
/// # Errors
/// As [`read_text`].
pub fn read_stdin_text(limit: usize) -> Result<String> {
    text_of(read_stdin(limit)?.to_vec(), Path::new("-"))
}

fn text_of(bytes: Vec<u8>, path: &Path) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        // The line helps more than the offset that the standard library reports.
        let line = 1 + error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count();
        unfit("this is not UTF-8 text")
            .at(path)
            .because(format!("line {line} contains bytes of another encoding"))
            .fix("save the file as UTF-8")
    })
}

/// Reads a file of at most `limit` bytes, `None` where there is none.
///
/// # Errors
/// [`Code::FileUnreadable`] when it is there and cannot be read.
pub fn read_optional(path: impl AsRef<Path>, limit: usize) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let path = path.as_ref();
    match sys::stat(path) {
        // Other errors than a missing file are reported by the read itself.
        Err(Errno::NOENT) => Ok(None),
        _ => read_secret(path, limit).map(Some),
    }
}

/// Reads at most `limit` bytes of standard input, for arguments in which `-` means it.
///
/// # Errors
/// [`Code::FileUnreadable`].
pub fn read_stdin(limit: usize) -> Result<Zeroizing<Vec<u8>>> {
    take(io::stdin().lock(), 4096, limit).map_err(|error| error.at("-"))
}

/// A warning where others than the owner may read or change a file that should be private. Returns nothing for a file
/// that is not there.
pub fn loose_permissions(path: impl AsRef<Path>) -> Option<Finding> {
    let path = path.as_ref();
    let stat = sys::stat(path).ok()?;
    let mode = stat.st_mode & 0o777;
    let may = match (mode & 0o044 != 0, mode & 0o022 != 0) {
        (false, false) => return None,
        (true, false) => "read",
        (false, true) => "change",
        (true, true) => "read and change",
    };
    Some(
        Code::LoosePermissions
            .warning(format!("others may {may} this private file (mode {mode:04o})"))
            .at(path)
            .fix(format!("chmod 600 {}", shell_path(path))),
    )
}

/// A file that can be read.
struct Opened {
    file: File,
    /// The first bytes of a pipe, read to make sure that it has a writer.
    first: Zeroizing<Vec<u8>>,
    /// The size of a regular file.
    size: Option<usize>,
    /// The permissions.
    mode: u32,
}

/// The number of bytes read first from a pipe.
const PIECE: usize = 4096;

/// Opens without waiting: neither for the writer of a pipe nor for a terminal to become ours.
fn open(path: &Path) -> Result<Opened> {
    // NONBLOCK opens a pipe without a writer at once; NOCTTY keeps a terminal from becoming ours.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file =
        sys::open(path, flags, sys::Mode::empty()).map(File::from).map_err(|errno| fault::reading(path, errno))?;
    let stat = sys::fstat(&file).map_err(|errno| fault::reading(path, errno))?;
    let mode = stat.st_mode & 0o777;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            let size = usize::try_from(stat.st_size).unwrap_or(usize::MAX);
            Ok(Opened { file, first: Zeroizing::default(), size: Some(size), mode })
        }
        FileType::Fifo => {
            let mut first = Zeroizing::new(vec![0; PIECE]);
            // One read decides: end of file means no writer, and WouldBlock means a writer that has sent nothing yet.
            let got = match (&file).read(&mut first) {
                Ok(0) => return Err(unfit("this pipe has no writer").at(path)),
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                Err(error) => return Err(unfit("the file cannot be read").caused_by(error).at(path)),
            };
            // With a writer, the following reads may wait for it.
            sys::fcntl_setfl(&file, OFlags::empty()).map_err(|errno| fault::reading(path, errno))?;
            first.truncate(got);
            Ok(Opened { file, first, size: None, mode })
        }
        FileType::Directory => Err(unfit("this is a directory, not a file").at(path)),
        _ => Err(unfit("this is a device, not a file").at(path)),
    }
}

/// Everything that `source` gives. A buffer that becomes too small is copied and wiped, which a growing
/// vector would not do.
fn take(mut source: impl Read, expected: usize, limit: usize) -> Result<Zeroizing<Vec<u8>>> {
    // One byte more than expected shows whether the file has grown.
    let mut bytes = Zeroizing::new(vec![0; expected.saturating_add(1)]);
    let mut filled = 0;
    loop {
        if filled == bytes.len() {
            // A new buffer instead of a growing one: a growing vector leaves its old, unwiped memory behind.
            let mut larger = Zeroizing::new(vec![0; bytes.len().saturating_mul(2).min(limit.saturating_add(1))]);
            if larger.len() <= filled {
                return Err(too_large(limit));
            }
            for (to, from) in larger.iter_mut().zip(bytes.iter()) {
                *to = *from;
            }
            bytes = larger;
        }
        match source.read(bytes.get_mut(filled..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(got) => filled += got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unfit("the file cannot be read").caused_by(error)),
        }
    }
    if filled > limit {
        return Err(too_large(limit));
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn unfit(what: &str) -> Error {
    Code::FileUnreadable.error(what)
}

fn too_large(limit: usize) -> Error {
    unfit("this is larger than anything of its kind").because(format!("at most {limit} bytes are read"))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test prepares what is read behind our back")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;
    use std::thread;

    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit_and_no_further() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert_eq!(*read_secret(&path, 6).unwrap(), b"12345");
        assert_eq!(read(&path, 4).unwrap_err().code(), Code::FileUnreadable);
        let mut streamed = Vec::new();
        stream(&path).unwrap().read_to_end(&mut streamed).unwrap();
        assert_eq!(streamed, b"12345");
        // Files of which the system does not say the size are limited all the same.
        assert!(read("/proc/self/status", 16).is_err());
        assert!(read("/proc/self/status", 1 << 20).unwrap().starts_with(b"Name:"));
    }

    #[test]
    fn what_is_missing_or_no_file_is_refused_with_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing");
        let error = read(&missing, 9).unwrap_err();
        assert_eq!(error.code(), Code::FileUnreadable);
        assert_eq!(error.finding().location.file.as_deref(), Some(missing.as_path()));
        assert!(error.to_string().contains("No such file"), "{error}");
        assert!(read_optional(&missing, 9).unwrap().is_none());
        // /dev/zero never ends: its size of 0 must not make it a small file.
        assert!(stream(dir.path()).is_err() && stream(Path::new("/dev/zero")).is_err());
        assert!(read(dir.path(), 9).unwrap_err().to_string().contains("directory"));
        assert!(read("/dev/zero", 9).unwrap_err().to_string().contains("device"));
    }

    #[test]
    fn a_pipe_with_a_writer_is_read_and_one_without_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        // A reader that waited for a writer would hang, as for a mistyped path to a pipe.
        assert!(read(&path, 100_000).unwrap_err().to_string().contains("no writer"));

        // More than the 65,536 bytes that a pipe of Linux holds, so the reader has to wait for the writer.
        let long = "x".repeat(70_000);
        // Opened for both, because an open for writing alone waits for a reader, which could come and go too early.
        let mut pipe = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let writer = {
            let long = long.clone();
            thread::spawn(move || io::Write::write_all(&mut pipe, long.as_bytes()).unwrap())
        };
        assert_eq!(read(&path, 100_000).unwrap(), long.as_bytes());
        writer.join().unwrap();
    }

    #[test]
    fn other_encodings_are_told_with_their_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        fs::write(&path, b"a = 1\nb = \"\xe4\"\n").unwrap();
        assert!(read_text(&path, 99).unwrap_err().to_string().contains("line 2"));
    }

    #[test]
    fn a_mode_that_lets_others_read_is_a_warning() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        assert!(loose_permissions(&path).is_none());
        for (mode, loose) in
            [(0o600, false), (0o400, false), (0o640, true), (0o604, true), (0o644, true), (0o620, true), (0o602, true)]
        {
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(loose_permissions(&path).is_some(), loose, "{mode:o}");
        }
    }
}
