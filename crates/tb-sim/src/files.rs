//! Reading files. The simulator shares no code with the product, so it has no `base::file`; it writes none.

use std::path::Path;

use crate::error::{Error, Result};

/// A file's bytes.
#[allow(clippy::disallowed_methods, reason = "the simulator must not depend on the product's crates")]
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::io("read", path.display(), error))
}

/// A file's text; what is no UTF-8 becomes replacement characters.
///
/// # Errors
/// Where it cannot be read.
pub fn text(path: &Path) -> Result<String> {
    bytes(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}
