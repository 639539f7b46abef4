//! The meaning of the system's error numbers for an operation on files.

use std::io;
use std::path::Path;

use rustix::io::Errno;

use crate::code::Code;
use crate::error::Error;

/// An error from a system call that was to change something at `path`.
pub(super) fn writing(path: &Path, errno: Errno) -> Error {
    let error = match errno {
        // A full quota is a full disk for this user, and the remedy is the same.
        Errno::NOSPC | Errno::DQUOT => Code::DiskFull
            .error("there is no room left to write this")
            .fix("make room and run the same command once more"),
        Errno::NOTDIR => Code::NotADirectory.error("this is not a directory"),
        Errno::XDEV => Code::FileUnwritable
            .error("a directory on the way to this is on another file system")
            .fix("keep the whole store on one file system: only there does a rename replace a file in one step"),
        Errno::ACCESS | Errno::PERM => Code::FileUnwritable
            .error("this cannot be written")
            .fix("run tbpki as a user who may, or name another place"),
        Errno::ROFS => Code::FileUnwritable
            .error("this cannot be written")
            .fix("mount the file system for writing, or name another place"),
        _ => Code::FileUnwritable.error("this cannot be written"),
    };
    error.at(path).because(io::Error::from(errno))
}

/// The code of a failed write of another library: whether the disk is full.
pub fn code_of_write(error: &io::Error) -> Code {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::DiskFull,
        _ => Code::FileUnwritable,
    }
}

/// An error from a system call that was to read the file `path`.
pub(super) fn reading(path: &Path, errno: Errno) -> Error {
    unreadable("file", path, errno)
}

/// An error from a system call that was to read the directory `path`.
pub(super) fn reading_dir(path: &Path, errno: Errno) -> Error {
    unreadable("directory", path, errno)
}

fn unreadable(kind: &str, path: &Path, errno: Errno) -> Error {
    let error = Code::FileUnreadable.error(format!("the {kind} cannot be read"));
    let error = error.at(path).because(io::Error::from(errno));
    match errno {
        Errno::NOENT | Errno::NOTDIR => error.fix(format!("check the path: the {kind} does not exist")),
        Errno::ACCESS | Errno::PERM => error.fix("run tbpki as a user who may read it, or change its mode or owner"),
        _ => error,
    }
}
