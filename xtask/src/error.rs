//! What stops a chore, and what to do about it.

use std::fmt;

/// The result of every chore.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// What is wrong, and where there is something to do about it, what.
pub(crate) struct Error {
    what: String,
    advice: Option<String>,
}

impl Error {
    /// An error that says what is wrong.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), advice: None }
    }

    /// Says what to do.
    pub(crate) fn fix(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.advice {
            Some(advice) => write!(f, "\n  -> {advice}"),
            None => Ok(()),
        }
    }
}

/// Turns an I/O error into one that says what was being done.
pub(crate) trait Doing<T> {
    /// Names what was being done, as in "read FILE".
    fn doing(self, what: impl fmt::Display) -> Result<T>;
}

impl<T, E: fmt::Display> Doing<T> for std::result::Result<T, E> {
    fn doing(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|error| Error::new(format!("cannot {what}: {error}")))
    }
}
