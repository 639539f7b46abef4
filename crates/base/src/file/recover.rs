//! Finishing what a killed process had begun.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{self as sys, Mode, OFlags};
use rustix::io::Errno;
use rustix::process;

use super::base::{Base, DIRECTORY};
use super::fault;
use super::journal::moves::Moves;
use super::journal::{JOURNAL, Journal, LIMIT};
use super::name::{COMMITTED, STAGED};
use super::read::names_of;
use super::staging::{self, StagingDir, tree};
use crate::code::Code;
use crate::digest;
use crate::error::{Finding, Result};

/// The leftovers of earlier processes, and what was done with them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Files and directories of operations that were past their point of no return, and are complete now.
    pub completed: Vec<PathBuf>,
    /// The number of operations discarded because they were not committed.
    pub discarded: usize,
    /// The leftovers that belong to other users and stay untouched.
    pub foreign: Vec<Finding>,
}

/// Completes or throws away what killed processes have left in a directory. Every operation on a directory
/// does so first; what processes that still live are doing is not touched.
///
/// # Errors
/// [`Code::FileUnwritable`] and related codes when the rest of an operation cannot be done. It stays to be done.
pub fn recover(dir: impl AsRef<Path>) -> Result<Recovery> {
    match Base::open(dir.as_ref())? {
        Some(base) => settle(&Rc::new(base)),
        None => Ok(Recovery::default()),
    }
}

/// As [`recover`], and returns the names in the directory afterwards, in no order; `None` if there is no such directory.
/// Names that are not UTF-8 are left out.
///
/// # Errors
/// Those of [`recover`], and [`Code::FileUnreadable`].
pub fn recover_and_list(dir: impl AsRef<Path>) -> Result<Option<Vec<String>>> {
    let Some(base) = Base::open(dir.as_ref())? else { return Ok(None) };
    let names = list(&base)?;
    if !names.iter().any(|name| is_left(name)) {
        return Ok(Some(names));
    }
    let base = Rc::new(base);
    settle(&base)?;
    list(&base).map(Some)
}

fn list(base: &Base) -> Result<Vec<String>> {
    // Our own names are ASCII, so a name of another encoding cannot be a leftover of ours.
    names_of(base.fd.as_fd(), &base.path)
}

/// Whether the name is that of a directory which an operation leaves only if its process is killed.
fn is_left(name: &str) -> bool {
    name.starts_with(STAGED) || name.starts_with(COMMITTED)
}

pub(super) fn settle(base: &Rc<Base>) -> Result<Recovery> {
    let mut recovery = Recovery::default();
    for name in list(base)?.into_iter().filter(|name| is_left(name)) {
        match claim(base, &name).map_err(|errno| fault::writing(&base.path_of(&name), errno))? {
            // A running process uses its staging directory right now.
            Claim::Live => {}
            Claim::Foreign(uid) => recovery.foreign.push(
                Code::FileUnwritable
                    .warning(format!("an operation that user {uid} has not finished is left alone"))
                    .at(base.path_of(&name))
                    .fix("run the same command as that user, or remove the directory"),
            ),
            // Never committed, so none of its files was moved: all of it can go.
            Claim::Ours(_) if name.starts_with(STAGED) => {
                tree::remove(base.fd.as_fd(), &name).map_err(|errno| fault::writing(&base.path_of(&name), errno))?;
                recovery.discarded += 1;
            }
            // Committed: the process was killed between the first and the last move, and the rest must follow.
            Claim::Ours(fd) => {
                base.lock()?;
                let staging = StagingDir::adopt(base, name, fd);
                recovery.completed.append(&mut complete(base, staging)?);
            }
        }
    }
    Ok(recovery)
}

enum Claim {
    /// The process is running, or has just ended.
    Live,
    /// It belongs to this user, or others may have touched what is in it.
    Foreign(u32),
    /// It was left behind, and is locked now.
    Ours(OwnedFd),
}

fn claim(base: &Base, name: &str) -> Result<Claim, Errno> {
    let fd = match sys::openat(&base.fd, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty()) {
        Ok(fd) => fd,
        // It ended between the listing and now.
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
    // An operation of another user, or one that others could have changed, is not completed with this user's rights.
    if stat.st_uid != process::geteuid().as_raw() || stat.st_mode & 0o077 != 0 {
        return Ok(Claim::Foreign(stat.st_uid));
    }
    Ok(if staging::lock(base, name, &fd)? { Claim::Ours(fd) } else { Claim::Live })
}

/// Makes the moves of a committed journal that have not been made.
// Only under the lock of the base, which the caller holds.
fn complete(base: &Base, staging: StagingDir) -> Result<Vec<PathBuf>> {
    let journal = match read_journal(base, &staging) {
        Ok(Some(journal)) => journal,
        // A staging directory is emptied only after all moves.
        Ok(None) => return Ok(Vec::new()),
        Err(error) => {
            staging.abandon();
            return Err(error.at(&base.path).fix("an interrupted operation cannot be finished; check the file"));
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

fn read_journal(base: &Base, staging: &StagingDir) -> Result<Option<Journal>> {
    let unreadable = |errno| fault::reading(&base.path_of(JOURNAL), errno);
    let Some(fd) = Journal::open(staging.fd()).map_err(unreadable)? else { return Ok(None) };
    let stat = sys::fstat(&fd).map_err(unreadable)?;
    let size = usize::try_from(stat.st_size).unwrap_or(usize::MAX);
    // The journal decides where files go, so its owner and mode are checked like those of a key.
    if stat.st_uid != process::geteuid().as_raw() || stat.st_mode & 0o077 != 0 || size > LIMIT {
        return Err(Code::FileUnreadable.error("this journal is not one that tbpki wrote"));
    }
    let bytes = staging::contents(&fd, size).map_err(unreadable)?;
    bytes.map(|bytes| Journal::from_bytes(&bytes)).transpose()
}

/// Compares what still waits with its entry in the journal.
fn verify(base: &Base, staging: &StagingDir, journal: &Journal) -> Result<()> {
    // Before the first move: a damaged file must not replace a good one.
    for (name, sha256) in &journal.files {
        let failed = |errno| fault::reading(&base.path_of(name.as_str()), errno);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = match sys::openat(staging.fd(), name.as_str(), flags, Mode::empty()) {
            Ok(fd) => fd,
            // A file that is not there any more has been moved already.
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

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test plants what others could plant")]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;
    use crate::file::{FileSet, Mode};

    /// A committed journal that moves `n0` to `key.pem`.
    fn plant(dir: &Path, name: &str, journal: &str) -> PathBuf {
        let staging = dir.join(name);
        fs::create_dir(&staging).unwrap();
        fs::set_permissions(&staging, Permissions::from_mode(0o700)).unwrap();
        for (name, text) in [("n0", "key"), ("journal", journal)] {
            fs::write(staging.join(name), text).unwrap();
            fs::set_permissions(staging.join(name), Permissions::from_mode(0o600)).unwrap();
        }
        staging
    }

    fn journal(to: &str) -> String {
        let sha256 = digest::hex(&digest::sha256(b"key"));
        let step = format!(r#"{{"to":{to:?},"replaces":false,"keep":null}}"#);
        format!(r#"{{"version":1,"moves":[{step}],"files":{{"n0":"{sha256}"}}}}"#)
    }

    const PLANTED: &str = ".tbpki-commit-00000000";

    #[test]
    fn a_journal_of_ours_is_finished() {
        let dir = tempfile::tempdir().unwrap();
        let staging = plant(dir.path(), PLANTED, &journal("key.pem"));
        let recovery = recover(dir.path()).unwrap();
        assert_eq!(recovery.completed, [dir.path().join("key.pem")]);
        assert_eq!(fs::read(dir.path().join("key.pem")).unwrap(), b"key");
        assert!(!staging.exists());
        assert_eq!(recover(dir.path()).unwrap(), Recovery::default());
    }

    #[test]
    fn what_was_never_committed_is_thrown_away() {
        let dir = tempfile::tempdir().unwrap();
        let staging = plant(dir.path(), ".tbpki-staged-00000000", &journal("key.pem"));
        // A new directory of the set is staged as a whole tree.
        fs::create_dir_all(staging.join("n1/deeper")).unwrap();
        fs::write(staging.join("n1/deeper/key.pem"), "key").unwrap();
        assert_eq!(recover(dir.path()).unwrap().discarded, 1);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_living_process_stages_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let base = Rc::new(Base::open(dir.path()).unwrap().unwrap());
        let staging = StagingDir::create(&base).unwrap();
        assert_eq!(recover(dir.path()).unwrap(), Recovery::default());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        drop(staging);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_journal_that_others_could_have_written_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let staging = plant(dir.path(), PLANTED, &journal("key.pem"));
        // A member of the group could have put a journal there that replaces any file of ours.
        fs::set_permissions(&staging, Permissions::from_mode(0o770)).unwrap();
        assert_eq!(recover(dir.path()).unwrap().foreign.len(), 1);

        fs::set_permissions(&staging, Permissions::from_mode(0o700)).unwrap();
        if process::geteuid().is_root() {
            chown(&staging, Some(4711), None).unwrap();
            let foreign = recover(dir.path()).unwrap().foreign;
            assert!(foreign[0].what.contains("user 4711"), "{foreign:?}");
            // Back to root, so that only the owner of the journal itself is wrong.
            chown(&staging, Some(0), None).unwrap();
            chown(staging.join(JOURNAL), Some(4711), None).unwrap();
            assert_eq!(recover(dir.path()).unwrap_err().code(), Code::FileUnreadable);
        } else {
            fs::set_permissions(staging.join(JOURNAL), Permissions::from_mode(0o666)).unwrap();
            assert_eq!(recover(dir.path()).unwrap_err().code(), Code::FileUnreadable);
        }

        let elsewhere = tempfile::tempdir().unwrap();
        fs::rename(&staging, elsewhere.path().join("real")).unwrap();
        // A link in place of the directory may lead to one that another user can change.
        symlink(elsewhere.path().join("real"), &staging).unwrap();
        assert_eq!(recover(dir.path()).unwrap(), Recovery::default());
        assert!(!dir.path().join("key.pem").exists());
    }

    #[test]
    fn a_journal_cannot_lead_elsewhere() {
        let outside = tempfile::tempdir().unwrap();
        let dir = outside.path().join("dir");
        fs::create_dir(&dir).unwrap();
        // Up, to an absolute path, into our own staging, and nowhere.
        for to in ["../key.pem", "/tmp/key.pem", ".tbpki-commit-1/x", ""] {
            let staging = plant(&dir, PLANTED, &journal(to));
            assert_eq!(recover(&dir).unwrap_err().code(), Code::FileUnreadable, "{to:?}");
            assert!(staging.join("n0").exists());
            fs::remove_dir_all(staging).unwrap();
        }
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_has_changed_since_it_was_committed_is_not_put_in_place() {
        let dir = tempfile::tempdir().unwrap();
        let staging = plant(dir.path(), PLANTED, &journal("key.pem"));
        // As a file whose last blocks were lost with the power.
        fs::write(staging.join("n0"), "cut").unwrap();
        assert_eq!(recover(dir.path()).unwrap_err().code(), Code::ReadBack);
        assert!(staging.exists() && !dir.path().join("key.pem").exists());
    }

    #[test]
    fn a_file_that_appeared_in_the_place_meanwhile_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        plant(dir.path(), PLANTED, &journal("key.pem"));
        fs::write(dir.path().join("key.pem"), "mine").unwrap();
        assert_eq!(recover(dir.path()).unwrap_err().code(), Code::TargetExists);
        // Nothing else is written there before that is resolved.
        let mut set = FileSet::new(dir.path());
        set.add("other.pem", b"x".to_vec(), Mode::Public).unwrap();
        assert_eq!(set.commit().unwrap_err().code(), Code::TargetExists);
        assert_eq!(fs::read(dir.path().join("key.pem")).unwrap(), b"mine");

        fs::remove_file(dir.path().join("key.pem")).unwrap();
        set.commit().unwrap();
        assert_eq!(fs::read(dir.path().join("key.pem")).unwrap(), b"key");
    }
}
