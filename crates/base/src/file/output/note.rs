//! Small notes that may be lost: written in place, without waiting for the disk.
//!
//! A note is a lower bound: something was at least as far. After a power cut an earlier note, or none, is left, which is
//! not wrong. What must not be lost belongs in a [`FileSet`](crate::file::FileSet).

use std::fs::File;
use std::io::Write;
use std::path::Path;

use rustix::fs::{self as sys, FileType, OFlags};
use rustix::io::Errno;

use crate::error::Result;
use crate::file::base::Base;
use crate::file::{Mode, Ownership, fault, staging};

/// Writes a note of a fixed length to the file `name` in a directory (mode 0600), over the note that is there.
///
/// # Errors
/// [`Code::FileUnwritable`](crate::Code::FileUnwritable), also for a symbolic link and a file with another name.
pub fn write_note(dir: impl AsRef<Path>, name: &str, note: &[u8]) -> Result<()> {
    let path = dir.as_ref().join(name);
    let failed = |errno| fault::writing(&path, errno);
    let Some(base) = Base::open(dir.as_ref())? else { return Err(failed(Errno::NOENT)) };
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let fd = sys::openat(&base.fd, name, flags, Mode::Private.bits()).map_err(failed)?;
    let stat = sys::fstat(&fd).map_err(failed)?;
    // A hard link would be another file of this user, which a note must not overwrite.
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_nlink != 1 {
        return Err(failed(Errno::LOOP));
    }
    staging::give(&fd, Ownership::default().resolve(&base)?, &path)?;
    // The length is fixed, so the old note is overwritten whole and the file is never cut to nothing first.
    File::from(fd).write_all(note).map_err(|error| failed(Errno::from_io_error(&error).unwrap_or(Errno::IO)))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test looks at the file behind our back")]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;
    use crate::code::Code;

    #[test]
    fn a_note_takes_the_place_of_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        for note in ["1", "2"] {
            write_note(dir.path(), "note", note.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(dir.path().join("note")).unwrap(), note);
        }
        assert_eq!(fs::metadata(dir.path().join("note")).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("other"), "precious").unwrap();
        symlink("other", dir.path().join("soft")).unwrap();
        // Writing in place would change the other name's file as well.
        fs::hard_link(dir.path().join("other"), dir.path().join("hard")).unwrap();
        for name in ["soft", "hard"] {
            assert_eq!(write_note(dir.path(), name, b"x").unwrap_err().code(), Code::FileUnwritable, "{name}");
        }
        assert_eq!(fs::read_to_string(dir.path().join("other")).unwrap(), "precious");
    }
}
