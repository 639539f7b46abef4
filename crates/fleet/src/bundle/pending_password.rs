//! The mark of a one-time password that is recorded before the files of its image are in their places: if the run is killed in
//! between, the same command goes on, and no other directory takes the password for its own.

use std::path::{Path, PathBuf};

use base::file::{self, Mode};
use base::{Result, digest};
use ledger::Password;

/// The prefix of marks. They are next to the directory of the image, which appears as a whole.
const MARK: &str = ".password-";

/// The most bytes of a mark: a SHA-256 in hexadecimal.
const LIMIT: usize = 64;

/// Marks the password with this hash as that of the image in `dir`.
///
/// # Errors
/// Those of writing a file.
pub(super) fn write(dir: &Path, hash: &[u8; 32]) -> Result<()> {
    let Some((_, path)) = mark(dir) else { return Ok(()) };
    file::replace(&path, digest::hex(hash).as_bytes(), Mode::Private, LIMIT, |_| true)
}

/// True if the password of the ledger is that of the image in `dir`, whose files were not written.
///
/// # Errors
/// Those of reading a file.
pub(super) fn is_in(dir: &Path, recorded: Option<&Password>) -> Result<bool> {
    let (Some((_, path)), Some(recorded)) = (mark(dir), recorded) else { return Ok(false) };
    let marked = file::read_optional(path, LIMIT)?;
    Ok(marked.is_some_and(|marked| marked.as_slice() == digest::hex(&recorded.hash).as_bytes()))
}

/// Removes the mark, once the files are in their places.
///
/// # Errors
/// Those of removing a file.
pub(super) fn remove(dir: &Path) -> Result<()> {
    match mark(dir) {
        Some((name, path)) if path.exists() => file::remove(path.parent().unwrap_or(Path::new(".")), &name).map(drop),
        _ => Ok(()),
    }
}

/// The name and the path of the mark of a directory.
fn mark(dir: &Path) -> Option<(String, PathBuf)> {
    let name = format!("{MARK}{}", dir.file_name()?.to_str()?);
    Some((name.clone(), dir.parent()?.join(name)))
}
