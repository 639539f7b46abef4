//! One writer at a time.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{self as sys, FlockOperation, OFlags, RenameFlags};
use rustix::io::{self, Errno};
use rustix::system;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::base::Base;
use super::owner::{FileOwner, trust};
use super::staging::StagingDir;
use super::{Mode, Ownership, fault, staging};
use crate::code::Code;
use crate::error::{Error, Result};
use crate::timestamp::rfc3339;

/// The name of the lock file.
const NAME: &str = ".lock";
/// A holder's description is never longer.
const LIMIT: usize = 4096;

/// A lock on a directory, held as long as this value lives.
///
/// It is the kernel's lock on the file `.lock` in there, so it ends with its process however that ends: what
/// is in the file only tells other processes who holds it. The file itself stays.
#[derive(Debug)]
pub struct Lock {
    file: OwnedFd,
}

/// Who holds a lock.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    host: String,
    verb: String,
    since: String,
}

impl Lock {
    /// Takes the lock of `dir` for `verb`, and waits for it at most as long as `wait`.
    ///
    /// # Errors
    /// [`Code::StoreLocked`] naming the holder, [`Code::StoreMissing`] when there is no such directory,
    /// [`Code::FileUnwritable`].
    pub fn acquire(dir: impl AsRef<Path>, verb: &str, wait: Duration) -> Result<Self> {
        let path = dir.as_ref().join(NAME);
        let failed = |errno| fault::writing(&path, errno);
        let deadline = Instant::now() + wait;
        let file = loop {
            let base = Base::open(dir.as_ref())?
                .ok_or_else(|| Code::StoreMissing.error("there is no such directory").at(dir.as_ref()))?;
            let file = open(&base, &path)?;
            wait_for(&file, &path, deadline)?;
            // While this process waited, the holder may have replaced the file or the whole directory, as a restore does.
            // The lock would be on a file that no other process opens.
            if is_still(&file, &path).map_err(failed)? {
                break file;
            }
        };
        let text = Holder::this(verb).to_text()?;
        // Shortened last, so that no process finds the file empty.
        io::pwrite(&file, text.as_bytes(), 0).map_err(failed)?;
        sys::ftruncate(&file, text.len() as u64).map_err(failed)?;
        Ok(Self { file })
    }

    /// Fails if there is a file of the lock's name in `dir` that [`acquire`](Self::acquire) would refuse. Nothing is made,
    /// and a holder is not waited for.
    ///
    /// # Errors
    /// [`Code::UnsafeFile`], [`Code::FileUnwritable`], [`Code::FileUnreadable`].
    pub fn check(dir: impl AsRef<Path>) -> Result<()> {
        let path = dir.as_ref().join(NAME);
        match path.symlink_metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            _ => match Base::open(dir.as_ref())? {
                Some(base) => open(&base, &path).map(drop),
                None => Ok(()),
            },
        }
    }
}

/// Locks the open file; waits until `deadline` if another process holds the lock.
fn wait_for(file: &OwnedFd, path: &Path, deadline: Instant) -> Result<()> {
    loop {
        // `flock` belongs to the open file, so the kernel releases it when the process dies in any way.
        match sys::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(Errno::WOULDBLOCK) if Instant::now() < deadline => thread::sleep(Duration::from_millis(20)),
            Err(Errno::WOULDBLOCK) => return Err(held(file, path)),
            Err(errno) => return Err(fault::writing(path, errno)),
        }
    }
}

/// Whether `path` still leads to this open file.
fn is_still(file: &OwnedFd, path: &Path) -> Result<bool, Errno> {
    let ours = sys::fstat(file)?;
    // By the whole path and not in the directory that was opened: that one may have another name by now.
    match sys::lstat(path) {
        Ok(named) => Ok((named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino)),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Opens the lock file, or makes it. A file that is there is taken as it is: a hard link to a file of another place
/// would otherwise be emptied, and given away by root.
fn open(base: &Base, path: &Path) -> Result<OwnedFd> {
    let failed = |errno| fault::writing(path, errno);
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    // The file is created under another name and moved, so that no process ever sees a lock file of a wrong mode or
    // owner.
    let existing = || sys::openat(&base.fd, NAME, flags, sys::Mode::empty());
    let file = match existing() {
        Err(Errno::NOENT) => {
            make(base, path)?;
            existing().map_err(failed)?
        }
        other => other.map_err(failed)?,
    };
    let (stat, dir) = (sys::fstat(&file).map_err(failed)?, sys::fstat(&base.fd).map_err(failed)?);
    // Another user could hold a lock file of their own forever, and block every verb.
    trust::check_stat(path, &stat, dir.st_uid)?;
    Ok(file)
}

/// Makes the lock file under another name, and gives it its own when it has its mode and owner. Nothing is done if
/// another process is faster.
fn make(base: &Base, path: &Path) -> Result<()> {
    let staging =
        StagingDir::create(&Rc::new(Base::open(&base.path)?.ok_or_else(|| fault::writing(path, Errno::NOENT))?))?;
    let owner = Ownership::default().resolve(base)?;
    drop(staging::write(staging.fd(), NAME, b"", Mode::Private, owner, path)?);
    match sys::renameat_with(staging.fd(), NAME, &base.fd, NAME, RenameFlags::NOREPLACE) {
        // Some network file systems know no such flag.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => create(&base.fd, owner, path),
        other => other.or_else(only_exists).map_err(|errno| fault::writing(path, errno)),
    }
}

/// Creates the lock file under its own name, on a file system where a rename cannot keep the file of another process. An
/// ordinary rename must never be used: it replaces a file that another process has locked, and then two processes have a
/// lock. A hard link would not do either: a process that finds the file while it has two names refuses it.
fn create(dir: &OwnedFd, owner: FileOwner, path: &Path) -> Result<()> {
    let failed = |errno| fault::writing(path, errno);
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = match sys::openat(dir, NAME, flags, Mode::Private.bits()) {
        Ok(file) => file,
        Err(errno) => return only_exists(errno).map_err(failed),
    };
    // For a moment, a process of the owner can find the file of root, and ends with an error.
    staging::give(&file, owner, path)?;
    // A strict umask takes permissions of the owner away.
    sys::fchmod(&file, Mode::Private.bits()).map_err(failed)
}

/// Another process was faster, and its file serves as well.
fn only_exists(errno: Errno) -> Result<(), Errno> {
    if errno == Errno::EXIST { Ok(()) } else { Err(errno) }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The lock goes with the file descriptor; the name only would mislead.
        let _ = sys::ftruncate(&self.file, 0);
    }
}

impl Holder {
    fn this(verb: &str) -> Self {
        Self {
            pid: process::id(),
            host: system::uname().nodename().to_string_lossy().into_owned(),
            verb: verb.to_owned(),
            since: OffsetDateTime::now_utc().replace_nanosecond(0).map(rfc3339).unwrap_or_default(),
        }
    }

    fn to_text(&self) -> Result<String> {
        let text = serde_json::to_string(self);
        text.map(|text| text + "\n")
            .map_err(|error| Code::Internal.error("a lock cannot be described").caused_by(error))
    }
}

fn held(file: &OwnedFd, path: &Path) -> Error {
    // Only for the message: a file without text means that the holder has just begun or ended.
    let size = sys::fstat(file).ok().and_then(|stat| usize::try_from(stat.st_size).ok()).unwrap_or(0);
    let text = staging::contents(file, size.min(LIMIT)).ok().flatten().unwrap_or_default();
    let error = match serde_json::from_slice::<Holder>(&text) {
        Ok(holder) => Code::StoreLocked.error(format!(
            "`tbpki {}` (process {} on {}, since {}) is writing here",
            holder.verb, holder.pid, holder.host, holder.since
        )),
        // The holder writes over the text of the one before and shortens the file afterwards, so a mix can be read.
        Err(_) => Code::StoreLocked.error("another tbpki is writing here"),
    };
    error.at(path.parent().map_or_else(PathBuf::new, Path::to_path_buf)).fix("wait until it has finished, or end it")
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test looks at the lock file behind our back")]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    /// A wait far longer than the test, so that a slow machine cannot make it fail. A lock that is free is waited for, too:
    /// a process that another test starts is a copy of this one at first, with its locks.
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn the_second_writer_is_told_who_the_first_is() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::acquire(dir.path(), "client", Duration::ZERO).unwrap();
        // Not zero, so that it also waits once before it gives up.
        let error = Lock::acquire(dir.path(), "server", Duration::from_millis(30)).unwrap_err();
        assert_eq!(error.code(), Code::StoreLocked);
        let text = error.to_string();
        assert!(text.contains("`tbpki client`") && text.contains(&format!("process {}", process::id())), "{text}");
        assert_eq!(fs::metadata(dir.path().join(".lock")).unwrap().mode() & 0o777, 0o600);
        drop(first);
        Lock::acquire(dir.path(), "server", LONG).unwrap();
    }

    #[test]
    fn a_wait_ends_when_the_lock_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::acquire(dir.path(), "init", Duration::ZERO).unwrap();
        let other = dir.path().to_path_buf();
        let waiting = thread::spawn(move || Lock::acquire(other, "client", LONG).map(drop));
        thread::sleep(Duration::from_millis(50));
        drop(first);
        waiting.join().unwrap().unwrap();
    }

    /// Whether another process could not have the lock of `dir` now.
    fn is_locked(dir: &Path) -> bool {
        Lock::acquire(dir, "other", Duration::ZERO).is_err_and(|error| error.code() == Code::StoreLocked)
    }

    #[test]
    fn a_wait_ends_with_the_lock_of_the_directory_that_is_there_then() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("pki");
        fs::create_dir(&dir).unwrap();
        let first = Lock::acquire(&dir, "store restore", Duration::ZERO).unwrap();
        let other = dir.clone();
        let waiting = thread::spawn(move || Lock::acquire(other, "client", LONG));
        // Without this pause, the other thread would find the new directory, and the test would show less.
        thread::sleep(Duration::from_millis(50));
        let restored = parent.path().join("restored");
        fs::create_dir(&restored).unwrap();
        // At once: the other thread must find one of the two.
        sys::renameat_with(sys::CWD, &restored, sys::CWD, &dir, RenameFlags::EXCHANGE).unwrap();
        drop(first);
        let second = waiting.join().unwrap().unwrap();
        assert!(is_locked(&dir));
        drop(second);
        Lock::acquire(&dir, "other", LONG).unwrap();
    }

    #[test]
    fn a_file_that_was_replaced_or_removed_is_not_the_lock_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        let lock = Lock::acquire(dir.path(), "client", Duration::ZERO).unwrap();
        assert!(is_still(&lock.file, &path).unwrap());
        fs::remove_file(&path).unwrap();
        assert!(!is_still(&lock.file, &path).unwrap());
        fs::write(&path, "").unwrap();
        assert!(!is_still(&lock.file, &path).unwrap());
    }

    #[test]
    fn a_file_system_without_the_flag_keeps_the_file_that_another_process_has_locked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        let base = Base::open(dir.path()).unwrap().unwrap();
        let owner = Ownership::default().resolve(&base).unwrap();
        create(&base.fd, owner, &path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let lock = Lock::acquire(dir.path(), "client", Duration::ZERO).unwrap();
        // A process that found no file before the other one made it.
        create(&base.fd, owner, &path).unwrap();
        assert!(is_still(&lock.file, &path).unwrap() && is_locked(dir.path()));
    }

    #[test]
    fn what_a_dead_process_left_in_the_file_does_not_matter() {
        let dir = tempfile::tempdir().unwrap();
        // Longer than the text that replaces it, and no JSON: nothing of it may be left.
        fs::write(dir.path().join(".lock"), "{\"pid\":1,".repeat(1000)).unwrap();
        let lock = Lock::acquire(dir.path(), "client", Duration::ZERO).unwrap();
        let holder: Holder = serde_json::from_str(&fs::read_to_string(dir.path().join(".lock")).unwrap()).unwrap();
        assert_eq!((holder.pid, holder.verb.as_str()), (process::id(), "client"));
        drop(lock);
    }

    #[test]
    fn a_file_that_cannot_be_the_lock_is_found_before_it_is_needed() {
        let dir = tempfile::tempdir().unwrap();
        Lock::check(dir.path()).unwrap();
        Lock::check(dir.path().join("none")).unwrap();
        assert!(!dir.path().join(".lock").exists());
        fs::write(dir.path().join("other"), "mine").unwrap();
        fs::hard_link(dir.path().join("other"), dir.path().join(".lock")).unwrap();
        assert_eq!(Lock::check(dir.path()).unwrap_err().code(), Code::UnsafeFile);
        fs::remove_file(dir.path().join(".lock")).unwrap();
        let _held = Lock::acquire(dir.path(), "client", Duration::ZERO).unwrap();
        Lock::check(dir.path()).unwrap();
    }

    #[test]
    fn without_a_store_there_is_nothing_to_lock() {
        let dir = tempfile::tempdir().unwrap();
        let error = Lock::acquire(dir.path().join("pki"), "client", Duration::ZERO).unwrap_err();
        assert_eq!(error.code(), Code::StoreMissing);
    }
}
