//! The error of a chore, with a hint.

use std::fmt;

/// The result of every chore.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// A plain statement of what is wrong, and a hint if the developer can do something.
#[derive(Debug)]
pub(crate) struct Error {
    what: String,
    hint: Option<String>,
}

impl Error {
    /// An error with a statement of what is wrong.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None }
    }

    /// Adds a hint.
    pub(crate) fn fix(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  help: {hint}"),
            None => Ok(()),
        }
    }
}

/// Adds the failed action to an error.
pub(crate) trait Doing<T> {
    /// Names the action, for example "read FILE".
    fn doing(self, what: impl fmt::Display) -> Result<T>;
}

impl<T, E: fmt::Display> Doing<T> for std::result::Result<T, E> {
    fn doing(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|error| Error::new(format!("cannot {what}: {error}")))
    }
}
