//! The name of a file inside the directory that it is written to.

use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::error::{Error, Result};

/// The prefix of staging directories.
pub(super) const STAGED: &str = ".tbpki-staged-";
/// The prefix of staging directories with a journal.
pub(super) const COMMITTED: &str = ".tbpki-commit-";

/// A relative path that leads to a file below a directory and nowhere else: plain names between slashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Name(String);

impl Name {
    pub(super) fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        let plain = !text.is_empty()
            && !text.contains('\0')
            && text.split('/').all(|part| {
                // Refuses `..`, `.` and empty parts, hence also absolute paths and a trailing slash.
                matches!(Path::new(part).components().next(), Some(Component::Normal(name)) if name == part)
                    // The names of staging directories are ours alone: recovery
                    // would remove such a directory as a leftover.
                    && !part.starts_with(".tbpki-")
            });
        if plain { Ok(Self(text)) } else { Err(Code::BadValue.error(format!("{text:?} cannot be the name of a file"))) }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The directory that holds the file, empty for the one that everything is relative to.
    pub(super) fn dir(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(dir, _)| dir)
    }

    /// The last part.
    pub(super) fn last(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, last)| last)
    }

    /// The directories on the way, the outermost first: `a` and `a/b` for `a/b/c`.
    pub(super) fn ancestors(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').filter_map(|(at, _)| self.0.get(..at))
    }

    /// The same file seen from one directory further out.
    pub(super) fn below(&self, dir: &str) -> Result<Self> {
        Self::new(format!("{dir}/{}", self.0))
    }

    /// The name with `.suffix` behind it.
    pub(super) fn with_suffix(&self, suffix: &str) -> Result<Self> {
        Self::new(format!("{}.{suffix}", self.0))
    }
}

impl TryFrom<String> for Name {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::new(text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_lead_out_of_its_directory() {
        for text in
            // Names come from journals as well, which a test of `..` alone would not make safe.
            [
                "",
                "/",
                "/etc/passwd",
                "..",
                "../x",
                "a/../b",
                "a/./b",
                "a//b",
                "a/",
                ".",
                "a\0b",
                ".tbpki-commit-1/x",
            ]
        {
            assert!(Name::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_name_knows_its_parts() {
        let name = Name::new("devices/pump 1/key.pem").unwrap();
        assert_eq!((name.dir(), name.last()), ("devices/pump 1", "key.pem"));
        assert_eq!(name.ancestors().collect::<Vec<_>>(), ["devices", "devices/pump 1"]);
        assert_eq!(Name::new(".lock").unwrap().dir(), "");
    }
}
