//! The meaning of the system's error numbers for an operation on files.

use std::io;
use std::path::Path;

use rustix::io::Errno;

use crate::code::Code;
use crate::error::Error;

/// An error from a system call that was to change something at `path`.
pub(super) fn writing(path: &Path, errno: Errno) -> Error {
    if errno == Errno::NOTDIR {
        return not_a_directory(path);
    }
    let error = match errno {
        // A full quota is a full disk for this user, and the remedy is the same.
        Errno::NOSPC | Errno::DQUOT => Code::DiskFull
            .error("there is no room left to write this")
            .fix("make room and run the same command once more"),
        Errno::FBIG => Code::FileUnwritable
            .error("the file would be larger than this process may write, or than the file system allows")
            .fix("raise the limit, for example with `ulimit -f unlimited`, and run the same command once more"),
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

/// The error for a path that leads through a file, or ends at one where a directory is needed. It names the file.
fn not_a_directory(path: &Path) -> Error {
    // The outermost one: what is below a file cannot be there.
    let ancestors: Vec<&Path> = path.ancestors().filter(|path| !path.as_os_str().is_empty()).collect();
    let file = ancestors.into_iter().rev().find(|path| path.exists() && !path.is_dir()).unwrap_or(path);
    Code::NotADirectory.error("this is not a directory").at(file).fix("name a directory, or move the file away")
}

fn unreadable(kind: &str, path: &Path, errno: Errno) -> Error {
    if errno == Errno::NOTDIR {
        return not_a_directory(path);
    }
    let error = Code::FileUnreadable.error(format!("the {kind} cannot be read"));
    let error = error.at(path).because(io::Error::from(errno));
    match errno {
        Errno::NOENT => error.fix(format!("check the path: the {kind} does not exist")),
        Errno::ACCESS | Errno::PERM => error.fix("run tbpki as a user who may read it, or change its mode or owner"),
        _ => error,
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test prepares what is read behind our back")]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_the_place_of_a_directory_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        for path in [file.join("pki/ca/key.pem"), file.join("x"), file.clone()] {
            for error in [reading(&path, Errno::NOTDIR), writing(&path, Errno::NOTDIR)] {
                assert_eq!(error.code(), Code::NotADirectory);
                assert_eq!(error.finding().location.file.as_deref(), Some(file.as_path()));
            }
        }
    }

    #[test]
    fn a_limit_of_the_size_of_files_is_told_with_its_remedy() {
        let error = writing(Path::new("x"), Errno::FBIG);
        assert_eq!(error.code(), Code::FileUnwritable);
        assert!(error.finding().fix.as_deref().unwrap().contains("ulimit -f"), "{error}");
    }
}
