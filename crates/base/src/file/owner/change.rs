//! Giving files that are there already to the owner that was asked for.
//!
//! Everything happens through open files and directories, and no symbolic link is followed: another user may write to the
//! directory, and must not choose which file of the system is given away.

use rustix::fs::{self as sys, Dir, FileType, OFlags, Stat};
use rustix::io::Errno;

use super::FileOwner;
use crate::code::Code;
use crate::error::Result;
use crate::file::base::Base;
use crate::file::name::Name;
use crate::file::{fault, staging};

/// Whether a file or directory has another owner or group than was asked for.
pub(in crate::file) fn differs(stat: &Stat, asked: FileOwner) -> bool {
    asked.uid.is_some_and(|uid| uid.as_raw() != stat.st_uid) || asked.gid.is_some_and(|gid| gid.as_raw() != stat.st_gid)
}

/// Whether a directory goes with its files to the owner that was asked for: one that only its present owner can enter, and
/// that has nothing but files of these names and earlier versions of them. Such a directory was made for them, and the new
/// owner could not reach the files otherwise.
///
/// # Errors
/// Those of reading the directory.
pub(in crate::file) fn takes_directory(base: &Base, asked: FileOwner, files: &[&str]) -> Result<bool> {
    let failed = |errno| fault::reading_dir(&base.path, errno);
    let stat = sys::fstat(&base.fd).map_err(failed)?;
    if !differs(&stat, asked) || stat.st_mode & 0o077 != 0 {
        return Ok(false);
    }
    let is_known = |name: &str| {
        let is_version = |rest: &str| rest.is_empty() || rest.starts_with('.');
        files.iter().any(|file| name.strip_prefix(file).is_some_and(is_version))
    };
    for entry in Dir::read_from(&base.fd).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_str().unwrap_or("/");
        if !matches!(name, "." | "..") && !is_known(name) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Gives files in a directory to the owner that was asked for.
///
/// # Errors
/// [`Code::UnsafeFile`] for a link, [`Code::Ownership`] if the system refuses.
pub(in crate::file) fn give_files(base: &Base, files: &[Name], asked: FileOwner) -> Result<()> {
    for name in files {
        let path = base.path_of(name.as_str());
        let dir = base.existing_dir(name.dir())?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = match sys::openat(&dir, name.last(), flags, sys::Mode::empty()) {
            Ok(fd) => fd,
            // Taken away since it was compared.
            Err(Errno::NOENT) => continue,
            Err(errno) => return Err(fault::reading(&path, errno)),
        };
        let stat = sys::fstat(&fd).map_err(|errno| fault::reading(&path, errno))?;
        // By a second name, a file of another place would be given away with this one.
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_nlink > 1 {
            return Err(Code::UnsafeFile
                .error("the owner of this file is not changed")
                .at(path)
                .because("it has another name somewhere (a hard link), or is no plain file")
                .fix("find out where it comes from, and move it away"));
        }
        staging::give(&fd, FileOwner { is_asked_for: true, ..asked }, &path)?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, clippy::print_stdout, reason = "the test plants what others could plant")]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::path::Path;

    use rustix::process;

    use crate::code::Code;
    use crate::file::{FileSet, Mode, Ownership, WriteOutcome};

    /// A user without rights on Linux, who owns nothing here.
    const OTHER: &str = "65534";

    fn set(dir: &Path, owner: Option<&str>) -> FileSet {
        let mut set = FileSet::new(dir).owned_by(Ownership::of_server(owner, owner));
        set.add("key.pem", b"key".to_vec(), Mode::Private).unwrap();
        set.add("cert.pem", b"cert".to_vec(), Mode::Public).unwrap();
        set
    }

    fn owner(path: &Path) -> (u32, u32) {
        let meta = fs::symlink_metadata(path).unwrap();
        (meta.uid(), meta.gid())
    }

    fn is_root() -> bool {
        let is_root = process::geteuid().is_root();
        if !is_root {
            println!("skipped: only root can give files away");
        }
        is_root
    }

    #[test]
    fn unchanged_files_and_their_directory_go_to_the_owner_that_is_asked_for() {
        if !is_root() {
            return;
        }
        let here = tempfile::tempdir().unwrap();
        let dir = here.path().join("tls");
        set(&dir, None).commit().unwrap();
        let outcomes =
            |files: Vec<crate::file::WrittenFile>| files.into_iter().map(|file| file.outcome).collect::<Vec<_>>();
        // A look at it changes nothing.
        let asked = set(&dir, Some(OTHER));
        assert_eq!(outcomes(asked.check().unwrap()), [WriteOutcome::Given, WriteOutcome::Given]);
        assert_eq!(owner(&dir.join("key.pem")), (0, 0));
        assert_eq!(outcomes(asked.commit().unwrap()), [WriteOutcome::Given, WriteOutcome::Given]);
        for path in [dir.join("key.pem"), dir.join("cert.pem"), dir.clone()] {
            assert_eq!(owner(&path), (65_534, 65_534), "{}", path.display());
        }
        assert_eq!(outcomes(asked.commit().unwrap()), [WriteOutcome::Unchanged, WriteOutcome::Unchanged]);
        // Without a request, the owner is left to the user who set it.
        assert_eq!(outcomes(set(&dir, None).commit().unwrap()), [WriteOutcome::Unchanged, WriteOutcome::Unchanged]);
        assert_eq!(owner(&dir.join("key.pem")), (65_534, 65_534));
    }

    #[test]
    fn a_directory_with_other_files_keeps_its_owner() {
        if !is_root() {
            return;
        }
        let here = tempfile::tempdir().unwrap();
        let dir = here.path().join("tls");
        set(&dir, None).commit().unwrap();
        fs::write(dir.join("key.pem.0A1B"), "an earlier key").unwrap();
        fs::write(dir.join("notes"), "of the user").unwrap();
        set(&dir, Some(OTHER)).commit().unwrap();
        assert_eq!((owner(&dir), owner(&dir.join("key.pem"))), ((0, 0), (65_534, 65_534)));
        assert_eq!(owner(&dir.join("notes")), (0, 0));
        fs::remove_file(dir.join("notes")).unwrap();
        set(&dir, Some(OTHER)).commit().unwrap();
        assert_eq!(owner(&dir), (65_534, 65_534));
    }

    #[test]
    fn links_are_not_given_away() {
        if !is_root() {
            return;
        }
        let here = tempfile::tempdir().unwrap();
        let dir = here.path().join("tls");
        set(&dir, None).commit().unwrap();
        fs::hard_link(dir.join("key.pem"), here.path().join("second-name")).unwrap();
        assert_eq!(set(&dir, Some(OTHER)).commit().unwrap_err().code(), Code::UnsafeFile);
        assert_eq!(owner(&here.path().join("second-name")), (0, 0));
        fs::remove_file(dir.join("key.pem")).unwrap();
        symlink(here.path().join("second-name"), dir.join("key.pem")).unwrap();
        assert_eq!(set(&dir, Some(OTHER)).commit().unwrap_err().code(), Code::TargetExists);
        assert_eq!(owner(&here.path().join("second-name")), (0, 0));
    }
}
