//! Thousands of files at once: written without waiting for the disk one by one, made durable together.
//!
//! A [`FileSet`](super::FileSet) waits for each of its files, which is right for one identity and 15 times too slow
//! for a fleet. Here the caller writes a batch under names that nothing looks for yet, waits once ([`BulkDir::sync_all`]),
//! and then gives it the name that counts ([`BulkDir::publish`]).

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{self as sys, Advice, AtFlags, FileType, OFlags, RenameFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::base::{Base, DIRECTORY};
use super::owner::FileOwner;
use super::read::names_of;
use super::staging::tree;
use super::{Mode, Ownership, fault, staging};
use crate::code::Code;
use crate::error::Result;

/// The number of bytes read back at a time.
const PIECE: usize = 128 << 10;

/// An open directory that batches of files are written to.
#[derive(Debug)]
pub struct BulkDir {
    fd: OwnedFd,
    path: PathBuf,
    owner: FileOwner,
}

/// Makes a directory as [`create_dir`](super::create_dir) does, and tries that files can be written there, with one that
/// is removed again.
///
/// # Errors
/// Those of [`create_dir`](super::create_dir), and [`Code::FileUnwritable`].
pub fn create_writable_dir(path: impl AsRef<Path>) -> Result<()> {
    // By its beginning a file of tbpki, which is in no one's way: after a kill, the directory still counts as empty.
    const TRIED: &str = ".tbpki-tried";
    super::create_dir(path.as_ref())?;
    let dir = BulkDir::open(path)?;
    // Left by a run that was killed between the two.
    dir.remove(TRIED)?;
    dir.create(TRIED)?;
    dir.remove(TRIED)
}

/// Tries that a directory can be made and written. What this makes for it is removed again.
///
/// # Errors
/// Those of [`create_writable_dir`].
pub fn check_writable_dir(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let is_missing = |dir: &&Path| !dir.as_os_str().is_empty() && dir.symlink_metadata().is_err();
    let missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
    let tried = create_writable_dir(path);
    // From the inside out. Another process may use one by now, and it then stays.
    for dir in missing {
        drop(std::fs::remove_dir(dir));
    }
    tried
}

impl BulkDir {
    /// Opens a directory that is there. Like those of every other writer, its new files belong to whom it belongs to.
    ///
    /// # Errors
    /// [`Code::FileUnwritable`], [`Code::NotADirectory`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let base = Base::open(path)?.ok_or_else(|| fault::writing(path, Errno::NOENT))?;
        let owner = Ownership::default().resolve(&base)?;
        Ok(Self { fd: base.fd, path: base.path, owner })
    }

    /// The path of the file, for messages and for readers.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a directory in here that only we may enter (0700), and opens it. Nothing of that name may be there.
    ///
    /// # Errors
    /// [`Code::TargetExists`], [`Code::FileUnwritable`], [`Code::DiskFull`].
    pub fn create_dir(&self, name: &str) -> Result<Self> {
        let path = self.path_of(name)?;
        let fd = staging::make_dir(&self.fd, name).map_err(|errno| occupied_or(&path, errno))?;
        staging::give(&fd, self.owner, &path)?;
        Ok(Self { fd, path, owner: self.owner })
    }

    /// Opens a directory in here; none where there is nothing of that name. Symbolic links are not followed.
    ///
    /// # Errors
    /// [`Code::FileUnwritable`], [`Code::NotADirectory`].
    pub fn dir(&self, name: &str) -> Result<Option<Self>> {
        let path = self.path_of(name)?;
        // The name is one component, and a link is refused, so that a directory of another user cannot be put in its
        // place.
        match sys::openat(&self.fd, name, DIRECTORY | OFlags::NOFOLLOW, sys::Mode::empty()) {
            Ok(fd) => Ok(Some(Self { fd, path, owner: self.owner })),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(fault::writing(&path, errno)),
        }
    }

    /// Writes a new file, with its mode from the start, and does not wait for the disk.
    ///
    /// # Errors
    /// [`Code::TargetExists`] where something of that name is there, [`Code::FileUnwritable`], [`Code::DiskFull`].
    pub fn write(&self, name: &str, bytes: &[u8], mode: Mode) -> Result<()> {
        let mut file = self.create(name)?;
        let failed = |errno| fault::writing(&self.path.join(name), errno);
        // A full disk shows here or at the synchronization, not at `create`.
        file.write_all(bytes).map_err(|error| failed(Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
        // `create` has set the private mode; a second call for each key of a fleet would cost time for nothing.
        if mode != Mode::Private {
            sys::fchmod(&file, mode.bits()).map_err(failed)?;
        }
        Ok(())
    }

    /// As [`write`](Self::write) for one large file: the disk is told to begin at once, so that most of the work is
    /// done by the time that a caller waits for it.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    pub fn write_large(&self, name: &str, bytes: &[u8], mode: Mode) -> Result<()> {
        self.write(name, bytes, mode)?;
        // Starts writing back early. Otherwise all data of a shard would wait for the one synchronization at its end.
        if let Ok(file) = sys::openat(&self.fd, name, OFlags::RDONLY | OFlags::CLOEXEC, sys::Mode::empty()) {
            // Advice may be ignored, so its failure means nothing.
            let _ = sys::fadvise(&file, 0, None, Advice::DontNeed);
        }
        Ok(())
    }

    /// Makes a new file (0600) to be written in pieces.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    pub fn create(&self, name: &str) -> Result<File> {
        let path = self.path_of(name)?;
        // EXCL and NOFOLLOW: neither an existing file nor the target of a link is ever opened for writing.
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = sys::openat(&self.fd, name, flags, Mode::Private.bits()).map_err(|errno| occupied_or(&path, errno))?;
        staging::give(&fd, self.owner, &path)?;
        if sys::fstat(&fd).is_ok_and(|stat| stat.st_mode & 0o777 != 0o600) {
            // A umask may take away what the owner needs, never add what others must not have.
            sys::fchmod(&fd, Mode::Private.bits()).map_err(|errno| fault::writing(&path, errno))?;
        }
        Ok(File::from(fd))
    }

    /// Opens a file that is there, to be read.
    ///
    /// # Errors
    /// [`Code::FileUnreadable`].
    pub fn open_file(&self, name: &str) -> Result<File> {
        let path = self.path_of(name)?;
        // NONBLOCK, because a pipe that was put in the place would block forever.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let fd =
            sys::openat(&self.fd, name, flags, sys::Mode::empty()).map_err(|errno| fault::reading(&path, errno))?;
        Ok(File::from(fd))
    }

    /// Opens a file that is there, to be written further.
    ///
    /// # Errors
    /// [`Code::FileUnwritable`].
    pub fn open_file_for_writing(&self, name: &str) -> Result<File> {
        let path = self.path_of(name)?;
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let fd =
            sys::openat(&self.fd, name, flags, sys::Mode::empty()).map_err(|errno| fault::writing(&path, errno))?;
        Ok(File::from(fd))
    }

    /// Fails with [`Code::ReadBack`] unless a file holds just these bytes.
    ///
    /// # Errors
    /// That, and [`Code::FileUnreadable`].
    pub fn check(&self, name: &str, bytes: &[u8], scratch: &mut Zeroizing<Vec<u8>>) -> Result<()> {
        let mut file = self.open_file(name)?;
        let unreadable = |error: std::io::Error| {
            Code::FileUnreadable.error("the file cannot be read").at(self.path.join(name)).caused_by(error)
        };
        // The file is compared piece by piece, so that no second copy of a whole archive is in memory.
        // By pieces that stay in the processor's cache: a fleet is read back whole.
        scratch.resize(PIECE, 0);
        let mut rest = bytes;
        loop {
            let got = match file.read(scratch.as_mut_slice()) {
                Ok(got) => got,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(error)),
            };
            match rest.split_at_checked(got) {
                Some(([], [])) if got == 0 => return Ok(()),
                // Every other case is a difference: more bytes than expected,
                // fewer at the end of the file, or other ones.
                Some((piece, behind)) if got > 0 && scratch.get(..got) == Some(piece) => rest = behind,
                _ => {
                    return Err(Code::ReadBack
                        .error("this does not read back as it was written")
                        .at(self.path.join(name)));
                }
            }
        }
    }

    /// Waits until everything that was written to this file system is on its disk.
    ///
    /// # Errors
    /// [`Code::FileUnwritable`] and [`Code::DiskFull`]: then any of it may be missing.
    pub fn sync_all(&self) -> Result<()> {
        // One `syncfs` instead of an `fsync` for each file: measured on ext4, 890 files a second become 17,500.
        sys::syncfs(&self.fd).map_err(|errno| fault::writing(&self.path, errno))
    }

    /// Waits until the names in this directory are on the disk.
    ///
    /// # Errors
    /// [`Code::FileUnwritable`].
    pub fn sync_names(&self) -> Result<()> {
        sys::fsync(&self.fd).map_err(|errno| fault::writing(&self.path, errno))
    }

    /// Gives what is called `from` in here the name `to` in `target`. Nothing that is there is replaced.
    ///
    /// # Errors
    /// [`Code::TargetExists`], [`Code::FileUnwritable`].
    pub fn publish(&self, from: &str, target: &BulkDir, to: &str) -> Result<()> {
        let path = target.path_of(to)?;
        // NOREPLACE closes the gap between the look and the move.
        let moved = sys::renameat_with(&self.fd, from, &target.fd, to, RenameFlags::NOREPLACE);
        match moved {
            // Some file systems cannot promise it in one step: there a look goes before.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                if target.holds(to)? {
                    return Err(occupied_or(&path, Errno::EXIST));
                }
                sys::renameat(&self.fd, from, &target.fd, to).map_err(|errno| fault::writing(&path, errno))
            }
            other => other.map_err(|errno| occupied_or(&path, errno)),
        }
    }

    /// Whether something of that name is in here.
    ///
    /// # Errors
    /// [`Code::FileUnwritable`].
    pub fn holds(&self, name: &str) -> Result<bool> {
        match sys::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(fault::writing(&self.path.join(name), errno)),
        }
    }

    /// Whether something of that name is in here that is not a regular file: a directory, a link, a pipe or a device.
    ///
    /// # Errors
    /// [`Code::FileUnwritable`].
    pub fn holds_special(&self, name: &str) -> Result<bool> {
        match sys::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(fault::writing(&self.path.join(name), errno)),
        }
    }

    /// The size of a file in bytes; none where there is no such file.
    ///
    /// # Errors
    /// [`Code::FileUnwritable`].
    pub fn size(&self, name: &str) -> Result<Option<u64>> {
        match sys::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            // The length of a directory or of a pipe would mean something else.
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {
                Ok(Some(stat.st_size.unsigned_abs()))
            }
            Ok(_) | Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(fault::writing(&self.path.join(name), errno)),
        }
    }

    /// A name in here that is not of tbpki itself: its lock, and what an interrupted run has left, are in no one's way.
    ///
    /// # Errors
    /// Those of [`names`](Self::names).
    pub fn foreign_name(&self) -> Result<Option<String>> {
        Ok(self.names()?.into_iter().find(|name| !name.starts_with(".tbpki-") && name != ".lock"))
    }

    /// The names in here that are text, in no order. Whatever else is here is not ours.
    ///
    /// # Errors
    /// [`Code::FileUnreadable`].
    pub fn names(&self) -> Result<Vec<String>> {
        names_of(self.fd.as_fd(), &self.path)
    }

    /// Removes a file, or a directory with all that is in it; nothing where it is not there. Unlike
    /// [`remove`](super::remove()) this is not one step: it is for files that no reader expects.
    ///
    /// # Errors
    /// [`Code::FileUnwritable`].
    pub fn remove(&self, name: &str) -> Result<()> {
        match tree::remove(self.fd.as_fd(), name) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(fault::writing(&self.path.join(name), errno)),
        }
    }

    /// How much room the file system has for us, in bytes and in files; none for what it does not count.
    ///
    /// # Errors
    /// [`Code::FileUnwritable`].
    pub fn room(&self) -> Result<(u64, Option<u64>)> {
        let room = sys::fstatvfs(&self.fd).map_err(|errno| fault::writing(&self.path, errno))?;
        // File systems that make inodes as they go count none.
        Ok((room.f_bavail.saturating_mul(room.f_frsize), (room.f_files > 0).then_some(room.f_favail)))
    }

    /// One name, without a way to anywhere else.
    fn path_of(&self, name: &str) -> Result<PathBuf> {
        // The caller's names come from lists of users. A name that leaves the directory is refused here once more.
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
            return Err(Code::BadValue.error(format!("{name:?} cannot be the name of a file")).at(&self.path));
        }
        Ok(self.path.join(name))
    }
}

fn occupied_or(path: &Path, errno: Errno) -> crate::error::Error {
    match errno {
        Errno::EXIST | Errno::NOTEMPTY => {
            Code::TargetExists.error("something of this name is there already").at(path).fix("move it away first")
        }
        errno => fault::writing(path, errno),
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test looks at the directory behind our back")]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    #[test]
    fn a_batch_appears_under_its_name_with_all_its_files_and_modes() {
        let dir = tempfile::tempdir().unwrap();
        let out = BulkDir::open(dir.path()).unwrap();
        let batch = out.create_dir(".batch").unwrap();
        batch.write("key.pem", b"key", Mode::Private).unwrap();
        batch.write("cert.pem", b"certificate", Mode::Public).unwrap();
        let mut scratch = Zeroizing::new(Vec::new());
        batch.check("key.pem", b"key", &mut scratch).unwrap();
        // Shorter, longer, and of the same length: each takes another branch of the comparison.
        for other in [&b"ke"[..], b"keys", b"kez"] {
            assert_eq!(batch.check("key.pem", other, &mut scratch).unwrap_err().code(), Code::ReadBack);
        }
        out.sync_all().unwrap();
        out.publish(".batch", &out, "batch").unwrap();
        out.sync_names().unwrap();
        let mode = |name: &str| fs::metadata(dir.path().join(name)).unwrap().mode() & 0o777;
        assert_eq!((mode("batch"), mode("batch/key.pem"), mode("batch/cert.pem")), (0o700, 0o600, 0o644));
        assert_eq!(out.names().unwrap(), ["batch"]);
        assert_eq!(out.dir("batch").unwrap().unwrap().size("key.pem").unwrap(), Some(3));
        out.remove("batch").unwrap();
        out.remove("batch").unwrap();
        assert!(out.dir("batch").unwrap().is_none());
    }

    #[test]
    fn nothing_that_is_there_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let out = BulkDir::open(dir.path()).unwrap();
        out.write("one", b"1", Mode::Private).unwrap();
        out.write("two", b"2", Mode::Private).unwrap();
        // One call for each way in which a name can be taken: a file, a directory and a publication.
        let codes = [
            out.write("one", b"x", Mode::Private).unwrap_err().code(),
            out.create_dir("one").unwrap_err().code(),
            out.publish("two", &out, "one").unwrap_err().code(),
        ];
        assert_eq!(codes, [Code::TargetExists; 3]);
        assert_eq!(fs::read(dir.path().join("one")).unwrap(), b"1");
    }

    #[test]
    fn names_lead_nowhere_else_and_links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        symlink(elsewhere.path(), dir.path().join("link")).unwrap();
        let out = BulkDir::open(dir.path()).unwrap();
        for name in ["", ".", "..", "a/b", "/tmp/x", "a\0"] {
            assert_eq!(out.write(name, b"", Mode::Private).unwrap_err().code(), Code::BadValue, "{name:?}");
        }
        assert_eq!(out.dir("link").unwrap_err().code(), Code::NotADirectory);
        assert!(out.write("link", b"", Mode::Private).is_err());
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }
}
