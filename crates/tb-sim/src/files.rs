//! Reading files. The simulator shares no code with the product, so it does not use `base::file`. It writes no files.

use std::path::Path;

use crate::error::{Error, Result};

/// The bytes of a file.
#[allow(clippy::disallowed_methods, reason = "the simulator must not depend on the product's crates")]
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::io("read", path.display(), error))
}

/// The text of a file. Bytes that are not UTF-8 become replacement characters.
///
/// # Errors
/// If the file cannot be read.
pub fn text(path: &Path) -> Result<String> {
    bytes(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}
