//! Errors that prevent a start.

use std::fmt;
use std::path::Path;

/// The message if neither a PEM file nor a keystore exists.
pub(crate) const NOTHING_THERE: &str =
    "Invalid SSL credentials configuration. None of the PEM or KEYSTORE configurations can be used!";

/// The cause, in the words of the real server if it has any.
#[derive(Debug)]
pub struct Error(String);

/// The result of a start.
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
    /// An action that failed, and the cause.
    pub fn cannot(doing: &str, error: impl fmt::Display) -> Self {
        Self(format!("cannot {doing}: {error}"))
    }

    /// ThingsBoard's message if neither a PEM file nor a keystore exists.
    pub fn nothing_to_load() -> Self {
        Self::new(NOTHING_THERE)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
