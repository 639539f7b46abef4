//! One file that the user names, or standard output.

pub(super) mod log;
mod note;
mod replace;

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{self as sys, FileType};
use zeroize::Zeroizing;

use super::fault;
use super::owner::trust;
use super::{FileSet, Mode, WriteOutcome};
use crate::code::Code;
use crate::error::Result;

pub use note::write_note;
pub use replace::replace;

/// Where the single output of a verb goes: `--out FILE` or `--out -`.
///
/// Nothing is opened before there is something to write, so a verb that fails leaves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputTarget {
    to: To,
    mode: Mode,
    old_suffix: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum To {
    Stdout,
    File(PathBuf),
}

impl OutputTarget {
    /// An output to a path, or with `-` to standard output.
    pub fn new(path: impl Into<PathBuf>, mode: Mode) -> Self {
        let path = path.into();
        Self { to: if path == Path::new("-") { To::Stdout } else { To::File(path) }, mode, old_suffix: None }
    }

    /// Lets a file that is there be replaced, and keeps it as `FILE.old_suffix`.
    #[must_use]
    pub fn replacing(mut self, old_suffix: impl Into<String>) -> Self {
        self.old_suffix = Some(old_suffix.into());
        self
    }

    /// True if this is standard output.
    pub fn is_stdout(&self) -> bool {
        self.to == To::Stdout
    }

    /// Finds what would stop [`write`](Self::write), as far as that can be told without writing.
    ///
    /// # Errors
    /// Those of [`FileSet::check`].
    pub fn check(&self, bytes: &[u8]) -> Result<WriteOutcome> {
        match &self.to {
            To::File(path) if trust::open_stream(path)?.is_none() => outcome(self.set(path, bytes)?.check()?),
            _ => Ok(WriteOutcome::Written),
        }
    }

    /// Writes everything.
    ///
    /// # Errors
    /// Those of [`FileSet::commit`].
    pub fn write(&self, bytes: &[u8]) -> Result<WriteOutcome> {
        let failed = |error: io::Error| Code::FileUnwritable.error("this cannot be written").caused_by(error);
        match &self.to {
            To::Stdout => {
                // The flush is part of the write: at exit a closed pipe or a
                // full disk would be found too late to be reported.
                let mut stdout = io::stdout().lock();
                stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| failed(error).at("-"))?;
                Ok(WriteOutcome::Written)
            }
            // A pipe, a terminal, /dev/null: written to, never replaced.
            To::File(path) => match trust::open_stream(path)? {
                Some(mut stream) => {
                    stream.write_all(bytes).map_err(|error| failed(error).at(path))?;
                    Ok(WriteOutcome::Written)
                }
                None => outcome(self.set(path, bytes)?.commit()?),
            },
        }
    }

    fn set(&self, path: &Path, bytes: &[u8]) -> Result<FileSet> {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or_else(|| Code::FileUnwritable.error("this is not the name of a file").at(path).fix("name a file"))?;
        let mut set = FileSet::new(path.parent().unwrap_or(Path::new("")));
        set.old_suffix.clone_from(&self.old_suffix);
        set.add(name, Zeroizing::new(bytes.to_vec()), self.mode)?;
        Ok(set)
    }
}

/// Fails if standard output leads nowhere: it is `/dev/null`, or was closed, in whose place Rust opens `/dev/null`. For output
/// that exists only once, before the step that it is the result of.
///
/// # Errors
/// [`Code::FileUnwritable`].
pub fn check_stdout_is_read() -> Result<()> {
    check_is_read(io::stdout())
}

fn check_is_read(output: impl AsFd) -> Result<()> {
    let failed = |errno| fault::writing(Path::new("-"), errno);
    let stat = sys::fstat(&output).map_err(failed)?;
    let null = sys::stat("/dev/null").map_err(failed)?;
    let is_device = FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice;
    if is_device && stat.st_rdev == null.st_rdev {
        return Err(Code::FileUnwritable
            .error("standard output is closed or /dev/null")
            .because("the output exists only once")
            .fix("name a file with --out, or do not redirect standard output"));
    }
    Ok(())
}

fn outcome(written: Vec<super::WrittenFile>) -> Result<WriteOutcome> {
    let first = written.into_iter().next().map(|written| written.outcome);
    first.ok_or_else(|| Code::Internal.error("a file was written and not reported"))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test looks at the file behind our back")]
mod tests {
    use std::fs;
    use std::os::unix::fs::{FileTypeExt, MetadataExt};

    use super::*;

    #[test]
    fn a_file_is_not_overwritten_unasked_and_kept_when_asked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("anchor.pem");
        let output = OutputTarget::new(&path, Mode::Public);
        assert_eq!(output.check(b"1").unwrap(), WriteOutcome::Written);
        assert!(!path.exists());
        assert_eq!(output.write(b"1").unwrap(), WriteOutcome::Written);
        assert_eq!(output.write(b"1").unwrap(), WriteOutcome::Unchanged);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o644);

        assert_eq!(output.check(b"2").unwrap_err().code(), Code::TargetExists);
        assert_eq!(output.write(b"2").unwrap_err().code(), Code::TargetExists);
        let kept = dir.path().join("anchor.pem.0A");
        assert_eq!(output.replacing("0A").write(b"2").unwrap(), WriteOutcome::Replaced(kept.clone()));
        assert_eq!((fs::read(&path).unwrap(), fs::read(&kept).unwrap()), (b"2".to_vec(), b"1".to_vec()));
    }

    #[test]
    fn output_that_leads_nowhere_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        check_is_read(fs::File::create(dir.path().join("file")).unwrap()).unwrap();
        let null = fs::File::options().write(true).open("/dev/null").unwrap();
        assert_eq!(check_is_read(null).unwrap_err().code(), Code::FileUnwritable);
    }

    #[test]
    fn a_device_is_written_to_and_never_replaced() {
        // As root, a rename would replace the device with a file, for every process of the machine.
        let output = OutputTarget::new("/dev/null", Mode::Public).replacing("old");
        assert_eq!(output.check(b"1").unwrap(), WriteOutcome::Written);
        assert_eq!(output.write(b"1").unwrap(), WriteOutcome::Written);
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
        assert!(!OutputTarget::new("/dev/null", Mode::Public).is_stdout());
        assert!(OutputTarget::new("-", Mode::Public).is_stdout());
    }
}
