//! Files and directories that only their user, or root, may decide about.

use std::path::{Path, PathBuf};

use rustix::fs::{self as sys, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::process;

use crate::code::Code;
use crate::error::{Error, Finding, Result};
use crate::file::fault;
use crate::text::shell_path;

/// Whose files are believed.
///
/// A configuration names files to read as passwords and libraries to load, and a store is a database: if both belong to
/// another user, that user decides what this one does. Git refuses repositories of other users for the same reason
/// (CVE-2022-24765).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OwnerTrust {
    /// All owners are trusted.
    pub any_owner: bool,
    /// The user who runs this as root with sudo.
    pub sudo_user: Option<u32>,
}

impl OwnerTrust {
    /// Fails if `path` or its directory belongs to another user, or if every user may write to them. A warning if a
    /// group may. A path that does not exist is no fault.
    ///
    /// # Errors
    /// [`Code::OtherOwner`], [`Code::WritableByOthers`], [`Code::FileUnreadable`].
    pub fn check(&self, path: &Path) -> Result<Option<Finding>> {
        // The link, what it leads to, and the directory in which another user could put something else there.
        let parent = match path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
            Some(parent) => parent.to_owned(),
            None => path.to_owned(),
        };
        let Some(stat) = stat(path)? else { return Ok(None) };
        let link = sys::lstat(path).map_err(|errno| fault::reading(path, errno))?;
        self.check_owner(path, link.st_uid)?;
        self.check_owner(path, stat.st_uid)?;
        if let Some(stat) = self::stat(&parent)? {
            self.check_owner(&parent, stat.st_uid)?;
            // In a directory such as /tmp, users replace only what is theirs.
            if stat.st_mode & 0o1000 == 0 {
                refuse_writable(&parent, stat.st_mode)?;
            }
        }
        refuse_writable(path, stat.st_mode)?;
        Ok((stat.st_mode & 0o020 != 0).then(|| {
            Code::WritableByOthers
                .warning(format!("a group may write to this (mode {:04o})", stat.st_mode & 0o7777))
                .at(path)
                .fix(format!("chmod g-w {}", shell_path(path)))
        }))
    }

    /// Fails if a directory or one above it belongs to another user, or if every user may write to one of them: that user
    /// could put another directory in its place. In a directory above such as /tmp, users replace only what is theirs.
    ///
    /// # Errors
    /// [`Code::OtherOwner`], [`Code::WritableByOthers`], [`Code::FileUnreadable`].
    pub fn check_dirs(&self, dir: &Path) -> Result<()> {
        // A user who may write to the directory of a link decides where it leads, so both paths count.
        let missing =
            |error: std::io::Error| Code::FileUnreadable.error("the directory cannot be read").at(dir).caused_by(error);
        let real = std::fs::canonicalize(dir).map_err(missing)?;
        let absolute = std::path::absolute(dir).map_err(missing)?;
        for start in [real.as_path(), absolute.as_path()] {
            for (depth, at) in start.ancestors().enumerate() {
                let Some(stat) = stat(at)? else { continue };
                self.check_owner(at, stat.st_uid)?;
                if depth == 0 || stat.st_mode & 0o1000 == 0 {
                    refuse_writable(at, stat.st_mode)?;
                }
            }
        }
        Ok(())
    }

    fn check_owner(&self, path: &Path, owner: u32) -> Result<()> {
        let user = process::geteuid().as_raw();
        let is_sudo_user = user == 0 && self.sudo_user == Some(owner);
        if self.any_owner || owner == user || owner == 0 || is_sudo_user {
            return Ok(());
        }
        Err(Code::OtherOwner
            .error("this belongs to another user")
            .at(path)
            .because(format!("its owner is user {owner}, and tbpki runs as user {user}"))
            .fix("run tbpki as its owner, or trust the owner with --trust-owner or TBPKI_TRUST_OWNER=true"))
    }
}

fn stat(path: &Path) -> Result<Option<sys::Stat>> {
    match sys::stat(path) {
        Ok(stat) => Ok(Some(stat)),
        // What cannot be looked at cannot be read either: the verb that needs it reports that.
        Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) => Ok(None),
        Err(errno) => Err(fault::reading(path, errno)),
    }
}

fn refuse_writable(path: &Path, mode: u32) -> Result<()> {
    if mode & 0o002 == 0 {
        return Ok(());
    }
    Err(Code::WritableByOthers
        .error(format!("every user may write to this (mode {:04o})", mode & 0o7777))
        .at(path)
        .fix(format!("find out who changed it, then chmod o-w {}", shell_path(path))))
}

/// Fails if a program is missing, or if a user other than root and this one could put something else in its place: the
/// program and its directories must belong to one of the two, and no group and no other user may write to them. In a
/// directory above such as /tmp, users replace only what is theirs.
///
/// # Errors
/// [`Code::HookUnsafe`].
pub fn check_program(path: &Path) -> Result<()> {
    let unsafe_at = |at: &Path, why: String| {
        Code::HookUnsafe
            .error("this program is not run")
            .at(at)
            .because(why)
            .fix("name a program that only root and this user can change, in a directory of which the same is true")
    };
    // A user who may write to the directory of a link decides where it leads.
    let absolute = std::path::absolute(path).map_err(|error| unsafe_at(path, error.to_string()))?;
    let real = std::fs::canonicalize(path).map_err(|error| unsafe_at(path, error.to_string()))?;
    let user = process::geteuid().as_raw();
    // Both paths count: one holds the program that runs, the other the link that selects it.
    for start in [real.as_path(), absolute.as_path()] {
        for (depth, at) in start.ancestors().enumerate() {
            let stat = sys::stat(at).map_err(|errno| unsafe_at(at, errno.to_string()))?;
            if depth == 0
                && (FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_mode & 0o111 == 0)
            {
                return Err(unsafe_at(at, "it is no program".to_owned()));
            }
            if stat.st_uid != 0 && stat.st_uid != user {
                return Err(unsafe_at(at, format!("user {} owns it, and tbpki runs as user {user}", stat.st_uid)));
            }
            // Depth 0 is the program and 1 its directory, which gets no
            // exception: others could add files next to the program.
            let is_shared_safely = depth > 1 && stat.st_mode & 0o1000 != 0;
            if stat.st_mode & 0o022 != 0 && !is_shared_safely {
                return Err(unsafe_at(at, format!("others may write to it (mode {:04o})", stat.st_mode & 0o7777)));
            }
        }
    }
    Ok(())
}

/// Fails if a file that a library opens by its path, and changes, is not a plain file of the owner of its directory: a
/// hard link there would make root change or give away a file of another place. A missing file is no fault.
///
/// # Errors
/// [`Code::UnsafeFile`], [`Code::FileUnreadable`].
pub fn check_own(path: &Path) -> Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = match sys::lstat(path) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(fault::reading(path, errno)),
    };
    let dir = sys::stat(parent).map_err(|errno| fault::reading_dir(parent, errno))?;
    check_stat(path, &file, dir.st_uid)
}

/// As [`check_own`], for a file in a directory of user `owner`.
pub(in crate::file) fn check_stat(path: &Path, file: &sys::Stat, owner: u32) -> Result<()> {
    let user = process::geteuid().as_raw();
    if FileType::from_raw_mode(file.st_mode) != FileType::RegularFile {
        return Err(not_ours(path, "it is no plain file"));
    }
    if file.st_nlink > 1 {
        return Err(not_ours(path, "it has another name somewhere (a hard link)"));
    }
    // Only root can do more to a file than the owner of its directory.
    if user == 0 && file.st_uid != owner {
        return Err(not_ours(path, "it does not belong to the owner of its directory"));
    }
    Ok(())
}

fn not_ours(path: &Path, why: &str) -> Error {
    Code::UnsafeFile
        .error("tbpki did not make this file")
        .at(path)
        .because(why)
        .fix("find out where it comes from, and move it away")
}

/// Opens what can be written to without replacing it: a pipe, a terminal, a device; `None` for everything else. The
/// question and the answer are about the same open file.
///
/// Symbolic links are followed only in the directories of the system that hold nothing else, such as /dev/stdout.
pub(in crate::file) fn open_stream(path: &Path) -> Result<Option<std::fs::File>> {
    const OF_THE_SYSTEM: [&str; 3] = ["/dev", "/dev/fd", "/proc/self/fd"];
    let is_of_the_system = path.parent().is_some_and(|dir| OF_THE_SYSTEM.iter().any(|known| dir == Path::new(known)));
    let follow = if is_of_the_system { OFlags::empty() } else { OFlags::NOFOLLOW };
    // A pipe without a reader is not waited for.
    let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK | follow;
    let fd = match sys::open(path, flags, Mode::empty()) {
        Ok(fd) => fd,
        // A named pipe without a reader, or a socket (open(2)): neither is a file that may be replaced.
        Err(Errno::NXIO) => return Err(fault::writing(path, Errno::NXIO)),
        // Whatever else is wrong with it is found where the file would be replaced.
        Err(_) => return Ok(None),
    };
    let stat = sys::fstat(&fd).map_err(|errno| fault::writing(path, errno))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Fifo | FileType::CharacterDevice | FileType::Socket => {
            // From now on a slow reader is waited for; without this a full pipe would be an error.
            let flags = sys::fcntl_getfl(&fd).map_err(|errno| fault::writing(path, errno))?;
            sys::fcntl_setfl(&fd, flags - OFlags::NONBLOCK).map_err(|errno| fault::writing(path, errno))?;
            Ok(Some(fd.into()))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, clippy::print_stdout, reason = "the test plants what others could plant")]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    const ONLY_US: OwnerTrust = OwnerTrust { any_owner: false, sudo_user: None };

    #[test]
    fn what_others_may_write_to_is_refused_and_a_group_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keygen.toml");
        assert_eq!(ONLY_US.check(&path).unwrap(), None);
        fs::write(&path, "").unwrap();
        for (mode, dir_mode, code) in [
            (0o644, 0o755, None),
            (0o600, 0o700, None),
            (0o666, 0o755, Some(Code::WritableByOthers)),
            (0o602, 0o755, Some(Code::WritableByOthers)),
            (0o644, 0o777, Some(Code::WritableByOthers)),
            // The mode of /tmp: others may add files but not replace this one.
            (0o644, 0o1777, None),
        ] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            fs::set_permissions(dir.path(), Permissions::from_mode(dir_mode)).unwrap();
            assert_eq!(ONLY_US.check(&path).err().map(|error| error.code()), code, "{mode:o} in {dir_mode:o}");
        }
        fs::set_permissions(&path, Permissions::from_mode(0o664)).unwrap();
        let warning = ONLY_US.check(&path).unwrap().unwrap();
        assert!(warning.code == Code::WritableByOthers && warning.what.contains("0664"), "{warning}");
    }

    #[test]
    fn files_of_others_are_refused_unless_their_owner_is_trusted() {
        if !process::geteuid().is_root() {
            println!("skipped: only root can make files of another user");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("theirs"), dir.path().join("link"));
        fs::write(&file, "").unwrap();
        symlink(&file, &link).unwrap();
        // 65,534 is a user without rights on Linux, who owns nothing here.
        chown(&file, Some(65_534), None).unwrap();
        let of_sudo = OwnerTrust { sudo_user: Some(65_534), ..ONLY_US };
        for path in [&file, &link] {
            assert_eq!(ONLY_US.check(path).unwrap_err().code(), Code::OtherOwner);
            assert!(of_sudo.check(path).unwrap().is_none());
            assert!(OwnerTrust { any_owner: true, ..ONLY_US }.check(path).unwrap().is_none());
        }
        chown(&file, Some(0), None).unwrap();
        // The owner of a directory can replace any file in it, so that the file's own owner does not help.
        chown(dir.path(), Some(65_534), None).unwrap();
        assert_eq!(ONLY_US.check(&file).unwrap_err().code(), Code::OtherOwner);
    }

    #[test]
    fn a_directory_is_trusted_with_all_above_it() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        ONLY_US.check_dirs(&deep).unwrap();
        for (at, mode, refused) in [
            (dir.path().to_owned(), 0o777, true),
            // The mode of /tmp: others cannot replace what is in it, and can add files to it.
            (dir.path().to_owned(), 0o1777, false),
            (deep.clone(), 0o1777, true),
        ] {
            fs::set_permissions(&at, Permissions::from_mode(mode)).unwrap();
            let found = ONLY_US.check_dirs(&deep).err().map(|error| error.code());
            assert_eq!(found, refused.then_some(Code::WritableByOthers), "{mode:o}");
            fs::set_permissions(&at, Permissions::from_mode(0o700)).unwrap();
        }
        if process::geteuid().is_root() {
            chown(dir.path(), Some(65_534), None).unwrap();
            assert_eq!(ONLY_US.check_dirs(&deep).unwrap_err().code(), Code::OtherOwner);
            OwnerTrust { any_owner: true, ..ONLY_US }.check_dirs(&deep).unwrap();
        }
    }

    #[test]
    fn hard_links_and_what_is_no_file_are_not_ours() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.db-shm");
        check_own(&path).unwrap();
        fs::write(&path, "").unwrap();
        check_own(&path).unwrap();
        // By a second name another user could keep hold of the file, or have us write to one of theirs.
        fs::hard_link(&path, dir.path().join("other")).unwrap();
        assert_eq!(check_own(&path).unwrap_err().code(), Code::UnsafeFile);
        fs::remove_file(&path).unwrap();
        symlink("other", &path).unwrap();
        assert_eq!(check_own(&path).unwrap_err().code(), Code::UnsafeFile);
    }

    #[test]
    fn only_streams_are_written_to_in_place() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "kept").unwrap();
        symlink("/dev/null", dir.path().join("link")).unwrap();
        for path in ["file", "link", "none", "."] {
            assert!(open_stream(&dir.path().join(path)).unwrap().is_none(), "{path}");
        }
        assert_eq!(fs::read(dir.path().join("file")).unwrap(), b"kept");
        assert!(open_stream(Path::new("/dev/null")).unwrap().is_some());
    }
}
