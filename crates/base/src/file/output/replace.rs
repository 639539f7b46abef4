//! A small file that other programs read again and again: replaced by one rename, so that no reader misses it.

use std::path::Path;
use std::rc::Rc;

use rustix::fs::{self as sys, AtFlags, FileType};
use rustix::io::Errno;

use crate::code::Code;
use crate::error::Result;
use crate::file::base::Base;
use crate::file::staging::{self, StagingDir};
use crate::file::{Mode, Ownership, fault, recover};

/// Writes a file, or puts it in the place of the one that is there, which is not kept. A reader finds the old one or the
/// new one at any moment. `is_ours` decides by its contents whether a file may be replaced; at most `limit` bytes of it are
/// read.
///
/// # Errors
/// [`Code::TargetExists`] for a file that is not ours, a link or a directory, [`Code::FileUnwritable`],
/// [`Code::DiskFull`].
pub fn replace(path: &Path, contents: &[u8], mode: Mode, limit: usize, is_ours: impl Fn(&[u8]) -> bool) -> Result<()> {
    let failed = |errno| fault::writing(path, errno);
    let (Some(parent), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Err(Code::FileUnwritable.error("this is not the name of a file").at(path).fix("name a file"));
    };
    let missing = || failed(Errno::NOENT).fix("make the directory above it first");
    let base = Rc::new(Base::open(parent)?.ok_or_else(missing)?);
    base.lock()?;
    recover::settle(&base)?;
    let taken = || {
        Code::TargetExists
            .error("there is another file in this place")
            .at(path)
            .fix("move it away, or name another file")
    };
    match sys::statat(&base.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => {}
        Err(errno) => return Err(failed(errno)),
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile => return Err(taken()),
        Ok(_) => {
            let before = crate::file::read(path, limit).map_err(|error| taken().with_source(error))?;
            if !is_ours(&before) {
                return Err(taken());
            }
        }
    }
    let staging = StagingDir::create(&base)?;
    let owner = Ownership::default().resolve(&base)?;
    staging::write(staging.fd(), "new", contents, mode, owner, path)?.sync()?;
    sys::renameat(staging.fd(), "new", &base.fd, name).map_err(failed)?;
    sys::fsync(&base.fd).map_err(failed)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test looks at the file behind our back")]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    #[test]
    fn only_a_file_of_ours_is_replaced_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tbpki.prom");
        let write = |contents: &[u8]| replace(&path, contents, Mode::Public, 100, |before| before.starts_with(b"#"));
        write(b"# 1").unwrap();
        write(b"# 22").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"# 22");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o644);
        for other in [&b"precious"[..], &b"#".repeat(101)] {
            fs::write(&path, other).unwrap();
            assert_eq!(write(b"# 3").unwrap_err().code(), Code::TargetExists);
            assert_eq!(fs::read(&path).unwrap(), other);
        }
        fs::remove_file(&path).unwrap();
        symlink("elsewhere", &path).unwrap();
        assert_eq!(write(b"# 3").unwrap_err().code(), Code::TargetExists);
        let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["tbpki.prom"]);
        assert_eq!(
            replace(&dir.path().join("no/file"), b"", Mode::Public, 1, |_| true).unwrap_err().code(),
            Code::FileUnwritable
        );
    }
}
