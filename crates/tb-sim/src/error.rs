//! Why a simulator does not start.

use std::fmt;
use std::path::Path;

/// What went wrong, in the words that the real server has for it where it has any.
#[derive(Debug)]
pub struct Error(String);

/// What starting comes to.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn io(doing: &str, what: impl fmt::Display, error: impl fmt::Display) -> Self {
        Self(format!("cannot {doing} {what}: {error}"))
    }

    pub(crate) fn no_certificate(path: &Path) -> Self {
        Self(format!("there is no certificate in {}", path.display()))
    }
}

impl Error {
    /// Something that did not work, and why.
    pub fn cannot(doing: &str, error: impl fmt::Display) -> Self {
        Self(format!("cannot {doing}: {error}"))
    }

    /// ThingsBoard's own words where neither a PEM file nor a keystore is there.
    pub fn nothing_to_load() -> Self {
        Self::new(crate::tls::keys::NOTHING_THERE)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
