//! The hidden directory in which files wait until all of them are safe on disk.

pub(super) mod tree;

use std::fs::File;
use std::io::Write;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

use rustix::fs::{self as sys, Advice, AtFlags, FlockOperation, Gid, OFlags, Uid};
use rustix::io::Errno;
use rustix::process;
use zeroize::Zeroizing;

use super::base::{Base, DIRECTORY};
use super::name::{COMMITTED, STAGED};
use super::owner::FileOwner;
use super::{Mode, fault};
use crate::code::Code;
use crate::digest;
use crate::error::Result;
use crate::random;

/// The number of names tried before the directory is given up as hostile.
const ATTEMPTS: usize = 16;

/// A staging directory, locked as long as this value lives and removed with all that is left in it.
pub(super) struct StagingDir {
    base: Rc<Base>,
    fd: OwnedFd,
    name: String,
    abandoned: bool,
}

impl StagingDir {
    /// Makes a staging directory (0700) and locks it.
    pub(super) fn create(base: &Rc<Base>) -> Result<Self> {
        for _ in 0..ATTEMPTS {
            // Eight hexadecimal digits: a collision is possible, and then the next name is tried.
            let name = format!("{STAGED}{}", random_suffix()?);
            let made = make_dir(&base.fd, &name).and_then(|fd| Ok((lock(base, &name, &fd)?, fd)));
            match made {
                Ok((true, fd)) => return Ok(Self { base: Rc::clone(base), fd, name, abandoned: false }),
                // Another process took it for a leftover before it was locked, and removes it.
                Ok((false, _)) | Err(Errno::NOENT | Errno::EXIST) => {}
                Err(errno) => {
                    // The journal is empty, if it exists at all, so a journal that stays does no harm.
                    let _ = sys::unlinkat(&base.fd, &name, AtFlags::REMOVEDIR);
                    return Err(fault::writing(&base.path, errno));
                }
            }
        }
        // Where directories vanish as soon as they are made, and where the system has none made at all (/proc).
        Err(Code::FileUnwritable
            .error("no directory can be made in here")
            .at(&base.path)
            .fix("name a directory on a file system that keeps files"))
    }

    /// A staging directory that was found and locked.
    pub(super) fn adopt(base: &Rc<Base>, name: String, fd: OwnedFd) -> Self {
        Self { base: Rc::clone(base), fd, name, abandoned: false }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Makes the journal in it count: from here on the moves will be made, by us or by the next process.
    // A rename is atomic, so the name tells in one look whether the moves may begin.
    pub(super) fn commit(&mut self) -> Result<()> {
        self.rename(STAGED, COMMITTED)
    }

    /// Takes that back, after all moves have been undone.
    pub(super) fn uncommit(&mut self) -> Result<()> {
        self.rename(COMMITTED, STAGED)
    }

    /// Leaves it where it is, for the next process to finish.
    pub(super) fn abandon(mut self) {
        self.abandoned = true;
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        let name = format!("{to}{}", self.name.strip_prefix(from).unwrap_or_default());
        sys::renameat(&self.base.fd, &self.name, &self.base.fd, &name)
            .map_err(|errno| fault::writing(&self.base.path, errno))?;
        self.name = name;
        sys::fsync(&self.base.fd).map_err(|errno| fault::writing(&self.base.path, errno))
    }
}

impl Drop for StagingDir {
    fn drop(&mut self) {
        // After `abandon` the directory stays for the next process, which completes it.
        if !mem::take(&mut self.abandoned) {
            // What cannot be removed now is swept away by the next process to write here.
            let _ = tree::remove(self.base.fd.as_fd(), &self.name);
        }
    }
}

/// Makes a directory that only we may enter and opens it, whatever the umask is.
pub(super) fn make_dir(parent: impl AsFd, name: &str) -> Result<OwnedFd, Errno> {
    // Mode 0700 from the start. A strict umask may remove bits of the owner, so the mode is set again.
    sys::mkdirat(&parent, name, sys::Mode::RWXU)?;
    let fd = open_dir(&parent, name)?;
    let stat = sys::fstat(&fd)?;
    // On some network file systems the server maps users to others.
    if stat.st_uid != process::geteuid().as_raw() {
        return Err(Errno::PERM);
    }
    if stat.st_mode & 0o777 != 0o700 {
        sys::fchmod(&fd, sys::Mode::RWXU)?;
    }
    Ok(fd)
}

/// Opens a directory of ours, even one from which a umask has taken our own permissions.
pub(super) fn open_dir(parent: impl AsFd, name: &str) -> Result<OwnedFd, Errno> {
    match sys::openat(&parent, name, DIRECTORY | OFlags::NOFOLLOW, sys::Mode::empty()) {
        // A umask of 0777 creates directories that even their owner cannot open.
        Err(Errno::ACCESS) => {
            sys::chmodat(&parent, name, sys::Mode::RWXU, AtFlags::empty())?;
            sys::openat(&parent, name, DIRECTORY | OFlags::NOFOLLOW, sys::Mode::empty())
        }
        other => other,
    }
}

/// Locks a staging directory; `false` if another process holds the lock or the name is gone.
pub(super) fn lock(base: &Base, name: &str, fd: &OwnedFd) -> Result<bool, Errno> {
    match sys::flock(fd, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => return Ok(false),
        other => other?,
    }
    let ours = sys::fstat(fd)?;
    // The directory may have been removed and made again between opening and locking. Then the lock is on a directory
    // without a name.
    match sys::statat(&base.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(named) => Ok((named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino)),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// A file that has been written and is on its way to the disk.
pub(super) struct Unsynced<'a> {
    fd: OwnedFd,
    bytes: &'a [u8],
    target: &'a Path,
}

/// Writes a new file. It is its owner's alone until it is complete; `target` is named in errors.
pub(super) fn write<'a>(
    dir: impl AsFd,
    name: &str,
    bytes: &'a [u8],
    mode: Mode,
    owner: FileOwner,
    target: &'a Path,
) -> Result<Unsynced<'a>> {
    let failed = |errno| fault::writing(target, errno);
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = sys::openat(dir, name, flags, Mode::Private.bits()).map_err(failed)?;
    let mut file = File::from(fd);
    file.write_all(bytes).map_err(|error| failed(Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
    // The owner before the mode: changing the owner clears some bits of the mode.
    give(&file, owner, target)?;
    sys::fchmod(&file, mode.bits()).map_err(failed)?;
    Ok(Unsynced { fd: file.into(), bytes, target })
}

/// Gives a file or directory of ours to its owner.
pub(super) fn give(fd: impl AsFd, owner: FileOwner, target: &Path) -> Result<()> {
    if owner.is_ours() {
        return Ok(());
    }
    match sys::fchown(fd, owner.uid, owner.gid) {
        // Not every file system knows owners, and some let not even root give files away. If no caller asked for an
        // owner, the files keep the owner who creates them.
        Err(Errno::PERM | Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) if !owner.is_asked_for => Ok(()),
        other => other.map_err(|errno| {
            let error = Code::Ownership.error("the owner or group of this file cannot be set");
            error.at(target).because(std::io::Error::from(errno))
        }),
    }
}

/// The owner and the mode of a file that another version of itself replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) uid: Uid,
    pub(super) gid: Gid,
    pub(super) mode: sys::Mode,
}

impl Attributes {
    /// What a new file of this mode takes over, so that it has the same readers; `None` if this user may not give it to them.
    pub(super) fn for_readers_of(self, mode: Mode) -> Option<Self> {
        let is_member =
            || self.gid == process::getegid() || process::getgroups().is_ok_and(|groups| groups.contains(&self.gid));
        let may_give = process::geteuid().is_root() || (self.uid == process::geteuid() && is_member());
        if !may_give {
            return None;
        }
        let limit = if mode == Mode::Private { 0o640 } else { 0o777 };
        Some(Self { mode: self.mode & sys::Mode::from_raw_mode(limit), ..self })
    }
}

impl Unsynced<'_> {
    /// Gives the file the owner and the mode of the one that it replaces, as far as others were not asked for.
    pub(super) fn like(self, before: Attributes, asked: FileOwner) -> Result<Self> {
        let failed = |errno| fault::writing(self.target, errno);
        let ours = sys::fstat(&self.fd).map_err(failed)?;
        // Only a real change is asked for. Without one no right is
        // needed, and a file system without owners is no problem.
        let uid = asked.uid.is_none().then_some(before.uid).filter(|uid| uid.as_raw() != ours.st_uid);
        let gid = asked.gid.is_none().then_some(before.gid).filter(|gid| gid.as_raw() != ours.st_gid);
        if uid.is_some() || gid.is_some() {
            sys::fchown(&self.fd, uid, gid).map_err(|errno| {
                let error = Code::Ownership.error("the owner or group of this file cannot be kept");
                let error = error.at(self.target).because(std::io::Error::from(errno));
                error.fix("run the command as the owner of the file, or as root")
            })?;
        }
        // After `fchown`, which clears the set-user and set-group bits.
        sys::fchmod(&self.fd, before.mode).map_err(failed)?;
        Ok(self)
    }

    /// Starts writing to the disk: by the time the files are synchronized one by one, most of it is done.
    pub(super) fn start(&self) {
        // Advice may be ignored, so its failure means nothing.
        let _ = sys::fadvise(&self.fd, 0, None, Advice::DontNeed);
    }

    /// Waits until the file is on the disk, and reads it back.
    pub(super) fn sync(self) -> Result<()> {
        // Read back after the synchronization: a disk that lost the data shows it now, and not when the key is needed.
        sys::fsync(&self.fd).map_err(|errno| fault::writing(self.target, errno))?;
        let found = contents(&self.fd, self.bytes.len()).map_err(|errno| fault::reading(self.target, errno))?;
        if found.as_deref().map(Vec::as_slice) == Some(self.bytes) {
            Ok(())
        } else {
            Err(Code::ReadBack.error("this does not read back as it was written").at(self.target))
        }
    }
}

/// The content of a file from its beginning; `None` if it does not have `size` bytes.
pub(super) fn contents(fd: impl AsFd, size: usize) -> Result<Option<Zeroizing<Vec<u8>>>, Errno> {
    // The size first: a file of another length is different without reading it, however long it is.
    if usize::try_from(sys::fstat(&fd)?.st_size) != Ok(size) {
        return Ok(None);
    }
    let mut bytes = Zeroizing::new(vec![0; size]);
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match rustix::io::pread(&fd, rest, filled as u64) {
            Ok(0) => return Ok(None),
            Ok(got) => filled += got,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(Some(bytes))
}

fn random_suffix() -> Result<String> {
    Ok(digest::hex(random::bytes::<4>()?.as_slice()))
}
