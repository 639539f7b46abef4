//! Opening a directory by its path, without letting another user choose where it leads.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path};

use rustix::fs::{self as sys, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::process;

use super::DIRECTORY;
use crate::code::Code;
use crate::error::{Error, Result};
use crate::file::fault;

/// As many links as Linux follows in one path.
const LINKS: usize = 40;

/// Opens a directory, `None` if it does not exist.
///
/// Root follows a symbolic link of another user only into a directory of the same user: a link to any other place could
/// make root write there. The kernel's `protected_symlinks` does the same, but in directories such as /tmp only.
pub(super) fn open_dir(path: &Path) -> Result<Option<OwnedFd>> {
    let opened = if process::geteuid().is_root() {
        walk(path)
    } else {
        sys::open(path, DIRECTORY, Mode::empty()).map_err(Stop::Errno)
    };
    match opened {
        Ok(fd) => Ok(Some(fd)),
        Err(Stop::Errno(Errno::NOENT)) => Ok(None),
        Err(Stop::Errno(errno)) => Err(fault::writing(path, errno)),
        Err(Stop::Link { owner, target }) => Err(foreign_link(path, owner, target)),
    }
}

enum Stop {
    Errno(Errno),
    /// A link of `owner` leads into a directory of `target`.
    Link {
        owner: u32,
        target: u32,
    },
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

fn walk(path: &Path) -> Result<OwnedFd, Stop> {
    let on_the_way = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let start = |path: &Path| sys::open(if path.is_absolute() { "/" } else { "." }, on_the_way, Mode::empty());
    let mut at = start(path)?;
    let mut rest = names(path);
    let mut owners = Vec::new();
    let mut links = 0;
    while let Some(name) = rest.pop_front() {
        match sys::openat(&at, &name, on_the_way, Mode::empty()) {
            Ok(next) => at = next,
            Err(errno @ (Errno::NOTDIR | Errno::LOOP)) => {
                // The link is opened before anything is asked about it, so that all answers are about the same one.
                let link = sys::openat(&at, &name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
                let stat = sys::fstat(&link)?;
                if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
                    return Err(errno.into());
                }
                links += 1;
                if links > LINKS {
                    return Err(Errno::LOOP.into());
                }
                // Root's own links, such as /var/run, are the administrator's choice and may lead anywhere.
                if stat.st_uid != 0 {
                    owners.push(stat.st_uid);
                }
                // An empty path means the open link itself (Linux), so another
                // process cannot change the link after `fstat`.
                let target = OsString::from_vec(sys::readlinkat(&link, "", Vec::new())?.into_bytes());
                // As in the kernel: an absolute target starts at the root
                // again, a relative one at the directory of the link.
                if Path::new(&target).is_absolute() {
                    at = start(Path::new(&target))?;
                }
                let mut inner = names(Path::new(&target));
                inner.append(&mut rest);
                rest = inner;
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    // A handle opened with PATH can be walked through but neither read nor locked,
    // so the directory is opened once more, through the handle and not by its path.
    let dir = sys::openat(&at, ".", DIRECTORY, Mode::empty())?;
    let target = sys::fstat(&dir)?.st_uid;
    match owners.into_iter().find(|owner| *owner != target) {
        Some(owner) => Err(Stop::Link { owner, target }),
        None => Ok(dir),
    }
}

fn names(path: &Path) -> VecDeque<OsString> {
    let name = |component: Component<'_>| match component {
        Component::Normal(_) | Component::ParentDir => Some(component.as_os_str().to_owned()),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    };
    path.components().filter_map(name).collect()
}

fn foreign_link(path: &Path, owner: u32, target: u32) -> Error {
    Code::UnsafeFile
        .error("a symbolic link of another user leads to a directory that is not that user's")
        .at(path)
        .because(format!("the link belongs to user {owner}, the directory to user {target}"))
        .fix("name the directory itself")
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, clippy::print_stdout, reason = "the test plants what others could plant")]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, lchown, symlink};

    use super::*;

    #[test]
    fn paths_lead_where_the_system_leads() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        symlink("a", dir.path().join("relative")).unwrap();
        symlink(dir.path().join("relative/b"), dir.path().join("a/absolute")).unwrap();
        symlink("loop", dir.path().join("loop")).unwrap();
        symlink("nowhere", dir.path().join("dangling")).unwrap();
        // `..` behind a link leads above the link's target, and not back to where the link is.
        for path in ["", "a/b", "relative/b/..", "relative/absolute", "./a//b/../../a/absolute"] {
            let path = dir.path().join(path);
            let opened = walk(&path).unwrap_or_else(|_| panic!("{}", path.display()));
            assert_eq!(sys::fstat(opened).unwrap().st_ino, fs::metadata(&path).unwrap().ino(), "{}", path.display());
        }
        for (path, errno) in [
            ("none", Errno::NOENT),
            ("dangling", Errno::NOENT),
            ("loop", Errno::LOOP),
            ("file", Errno::NOTDIR),
            ("file/x", Errno::NOTDIR),
        ] {
            assert!(matches!(walk(&dir.path().join(path)), Err(Stop::Errno(found)) if found == errno), "{path}");
        }
    }

    #[test]
    fn a_link_of_another_user_leads_only_to_what_is_theirs() {
        if !process::geteuid().is_root() {
            println!("skipped: only root can make links of another user");
            return;
        }
        const USER: u32 = 65_534;
        let dir = tempfile::tempdir().unwrap();
        for name in ["ours", "theirs"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        lchown(dir.path().join("theirs"), Some(USER), Some(USER)).unwrap();
        for (link, to, owner, is_followed) in [
            ("1", "ours", 0, true),
            ("2", "theirs", 0, true),
            ("3", "theirs", USER, true),
            ("4", "ours", USER, false),
            // The link ends in a directory of ours, whatever it passes on the way.
            ("5", "theirs/../ours", USER, false),
            ("6", "3/../ours", 0, false),
        ] {
            symlink(to, dir.path().join(link)).unwrap();
            lchown(dir.path().join(link), Some(owner), Some(owner)).unwrap();
            let opened = open_dir(&dir.path().join(link));
            match is_followed {
                true => assert!(opened.unwrap().is_some(), "{link}"),
                false => assert_eq!(opened.unwrap_err().code(), Code::UnsafeFile, "{link}"),
            }
        }
    }
}
