//! Directory trees of ours: their names, and their removal.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{self as sys, AtFlags, Dir};
use rustix::io::Errno;

use super::open_dir;

/// Directories of ours are never nested deeper.
const DEPTH: usize = 16;

/// Removes a directory with all that is in it, or a file.
pub(in crate::file) fn remove(parent: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
    // Most entries are files, so the attempt costs less than a question before.
    match sys::unlinkat(parent, name, AtFlags::empty()) {
        // Linux returns EISDIR, POSIX specifies EPERM.
        Err(Errno::ISDIR | Errno::PERM) => {}
        other => return other,
    }
    // An empty one may go without being opened, which its mode could forbid.
    match sys::unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Err(Errno::NOTEMPTY | Errno::EXIST) => {}
        other => return other,
    }
    let fd = open_dir(parent, name)?;
    empty(fd.as_fd(), DEPTH)?;
    sys::unlinkat(parent, name, AtFlags::REMOVEDIR)
}

fn empty(dir: BorrowedFd<'_>, depth: usize) -> Result<(), Errno> {
    for name in names(dir)? {
        let name: &CStr = &name;
        match sys::unlinkat(dir, name, AtFlags::empty()) {
            Err(Errno::ISDIR | Errno::PERM) => {
                // A depth that our own directories never reach.
                let depth = depth.checked_sub(1).ok_or(Errno::NAMETOOLONG)?;
                let text = name.to_str().map_err(|_| Errno::ILSEQ)?;
                // A directory that cannot be opened may still be empty; the removal below tells.
                if let Ok(inner) = open_dir(dir, text) {
                    empty(inner.as_fd(), depth)?;
                }
                sys::unlinkat(dir, name, AtFlags::REMOVEDIR)?;
            }
            other => other?,
        }
    }
    Ok(())
}

/// The names in a directory.
pub(in crate::file) fn names(dir: BorrowedFd<'_>) -> Result<Vec<CString>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        // Both refer to directories outside of the tree.
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}
