//! Removing what is ours, and setting it aside.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{self as sys, AtFlags, RenameFlags};
use rustix::io::Errno;

use super::base::Base;
use super::name::Name;
use super::staging::StagingDir;
use super::{fault, plan, recover};
use crate::error::Result;

/// Removes the file or the directory with all that is in it that is called `name` below `dir`, in one step:
/// killed at any time, it is there as a whole or gone. `false` where it was not there. A symbolic link is
/// removed, not followed.
///
/// # Errors
/// [`Code::FileUnwritable`](crate::Code::FileUnwritable), [`Code::NotADirectory`](crate::Code::NotADirectory).
pub fn remove(dir: impl AsRef<Path>, name: &str) -> Result<bool> {
    let name = Name::new(name)?;
    let Some(base) = Base::open(dir.as_ref())?.map(Rc::new) else { return Ok(false) };
    base.lock()?;
    // An interrupted operation could otherwise bring the removed file back.
    recover::settle(&base)?;
    let Some(parent) = base.dir(name.dir())? else { return Ok(false) };
    match sys::statat(&parent, name.last(), AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(false),
        other => other.map_err(|errno| fault::writing(&base.path_of(name.as_str()), errno))?,
    };
    let failed = |errno| fault::writing(&base.path_of(name.as_str()), errno);
    // Its name has the prefix of what was never committed: if this
    // process dies now, the next one finishes the removal.
    let staging = StagingDir::create(&base)?;
    // One rename takes a whole tree away at once: no reader sees half of it.
    sys::renameat(&parent, name.last(), staging.fd(), "removed").map_err(failed)?;
    // If the removal is not durable, a crash could bring the file back while the caller counts on its absence.
    if let Err(errno) = sys::fsync(&parent) {
        sys::renameat(staging.fd(), "removed", &parent, name.last()).map_err(failed)?;
        return Err(failed(errno));
    }
    // From here on it is gone for everybody; the staging directory takes it along.
    Ok(true)
}

/// Renames the file called `name` below `dir` to `NAME.old_suffix`, or `NAME.old_suffix-2` and so on where that name is
/// taken, and returns its new path; `None` where it was not there. A dry run only tells the path.
///
/// # Errors
/// [`Code::FileUnwritable`](crate::Code::FileUnwritable), [`Code::TargetExists`](crate::Code::TargetExists) if too many
/// are kept.
pub fn set_aside(dir: impl AsRef<Path>, name: &str, old_suffix: &str, dry_run: bool) -> Result<Option<PathBuf>> {
    let name = Name::new(name)?;
    let Some(base) = Base::open(dir.as_ref())?.map(Rc::new) else { return Ok(None) };
    if !dry_run {
        base.lock()?;
        recover::settle(&base)?;
    }
    let Some(parent) = base.dir(name.dir())? else { return Ok(None) };
    let failed = |errno| fault::writing(&base.path_of(name.as_str()), errno);
    match sys::statat(&parent, name.last(), AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(None),
        other => other.map_err(failed)?,
    };
    let keep = plan::free_name(&base, &name, old_suffix)?;
    let path = base.path_of(keep.as_str());
    if dry_run {
        return Ok(Some(path));
    }
    let renamed = match sys::renameat_with(&parent, name.last(), &parent, keep.last(), RenameFlags::NOREPLACE) {
        // Some network file systems have no such flag; the name was free a moment ago, and the directory is locked.
        Err(Errno::INVAL | Errno::NOSYS) => sys::renameat(&parent, name.last(), &parent, keep.last()),
        other => other,
    };
    renamed.map_err(failed)?;
    sys::fsync(&parent).map_err(failed)?;
    Ok(Some(path))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test looks at the directory behind our back")]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_directory_goes_with_all_that_is_in_it_and_nothing_else() {
        let store = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("file"), "").unwrap();
        fs::create_dir_all(store.path().join("devices/pump/sub/sub")).unwrap();
        fs::write(store.path().join("devices/pump/sub/key.pem"), "").unwrap();
        // Links are removed and not followed: what they lead to belongs to others.
        symlink(elsewhere.path(), store.path().join("devices/pump/link")).unwrap();
        symlink(elsewhere.path(), store.path().join("devices/link")).unwrap();

        assert!(remove(store.path(), "devices/pump").unwrap());
        assert!(!remove(store.path(), "devices/pump").unwrap());
        assert!(remove(store.path(), "devices/link").unwrap());
        assert!(!remove(store.path().join("missing"), "devices").unwrap());
        assert!(remove(store.path(), "../x").is_err());
        assert!(elsewhere.path().join("file").exists());
        assert_eq!(fs::read_dir(store.path().join("devices")).unwrap().count(), 0);
        assert_eq!(fs::read_dir(store.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_goes_too() {
        let store = tempfile::tempdir().unwrap();
        fs::write(store.path().join("key.pem.0A1B"), "").unwrap();
        assert!(remove(store.path(), "key.pem.0A1B").unwrap());
        assert_eq!(fs::read_dir(store.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_is_set_aside_keeps_its_contents_under_a_free_name() {
        let dir = tempfile::tempdir().unwrap();
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(set_aside(dir.path(), "a", "old", false).unwrap(), None);
        for (text, kept) in [("1", "a.old"), ("2", "a.old-2")] {
            fs::write(dir.path().join("a"), text).unwrap();
            let expected = Some(dir.path().join(kept));
            assert_eq!(set_aside(dir.path(), "a", "old", true).unwrap(), expected);
            assert_eq!(read("a"), text);
            assert_eq!(set_aside(dir.path(), "a", "old", false).unwrap(), expected);
            assert_eq!(read(kept), text);
            assert!(!dir.path().join("a").exists());
        }
        assert_eq!(set_aside(dir.path().join("missing"), "a", "old", false).unwrap(), None);
    }
}
