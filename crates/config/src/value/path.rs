//! Paths in the configuration.

use std::path::{Path, PathBuf};

use base::{Code, Result};
use toml::Spanned;
use toml::de::DeValue;

use super::kind::{ValueKind, wrong_type};
use crate::document::Document;
use crate::quoting::quoted;

/// A path as it was written and as it is meant: in keygen.toml it begins at the file's directory, on the
/// command line and in a variable at the working directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePath {
    written: PathBuf,
    resolved: PathBuf,
}

impl FilePath {
    /// The path as the user wrote it.
    pub fn written(&self) -> &Path {
        &self.written
    }

    /// The path to open.
    pub fn resolved(&self) -> &Path {
        &self.resolved
    }

    /// A path of the command line.
    ///
    /// # Errors
    ///
    /// `BadValue` when it is empty or holds NUL.
    pub fn in_working_directory(text: &str) -> Result<Self> {
        check(text)?;
        Ok(Self { written: text.into(), resolved: text.into() })
    }

    /// A path of keygen.toml.
    pub(crate) fn in_file(text: &str, document: &Document<'_>) -> Result<Self> {
        check(text)?;
        Ok(Self { written: text.into(), resolved: document.resolve(Path::new(text)) })
    }
}

impl AsRef<Path> for FilePath {
    fn as_ref(&self) -> &Path {
        &self.resolved
    }
}

impl ValueKind for FilePath {
    fn takes() -> String {
        "a path".to_owned()
    }

    fn from_toml(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Result<Self> {
        match value.get_ref() {
            DeValue::String(text) => Self::in_file(text, document),
            other => Err(wrong_type(other)),
        }
    }

    fn from_texts(texts: &[&str]) -> Result<Self> {
        Self::in_working_directory(texts.last().copied().unwrap_or_default())
    }

    fn shown(&self) -> Option<String> {
        // Nothing is lost: the path was made from text. As written,
        // because `Config::answers` copies it to a new keygen.toml.
        Some(quoted(&self.written.to_string_lossy()))
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.resolved)
    }
}

fn check(text: &str) -> Result<()> {
    match text {
        "" => Err(Code::BadValue.error("the path is empty")),
        // Otherwise it would be refused only when the file is opened, far from the line that contains it.
        text if text.contains('\0') => Err(Code::BadValue.error("the path contains NUL")),
        _ => Ok(()),
    }
}
