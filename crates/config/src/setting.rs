//! A value of the configuration together with where it came from.

use std::fmt;
use std::ops::Deref;
use std::path::PathBuf;

use base::Finding;
use serde::Serialize;

use super::row::KeyName;

/// The source of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// No layer sets the key.
    Default,
    /// keygen.toml.
    File {
        /// The file, where the text came from one.
        file: Option<PathBuf>,
        /// The line of the value, counted from 1.
        line: usize,
        /// The column of the value, counted from 1.
        column: usize,
    },
    /// An environment variable, by its name.
    Variable(String),
    /// A flag, by its name (`--days`).
    Flag(String),
    /// Worked out from something else, which the text names.
    Derived(String),
}

impl Origin {
    /// Adds the location of the value to a finding, with the line if it is known.
    pub fn place(&self, finding: Finding) -> Finding {
        match self {
            Origin::File { file: Some(file), line, column } => finding.at(file).position(*line, *column),
            Origin::File { file: None, line, column } => finding.position(*line, *column),
            _ => finding,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { file: Some(file), line, .. } => write!(f, "{}:{line}", file.display()),
            Origin::File { file: None, line, .. } => write!(f, "line {line}"),
            Origin::Variable(name) | Origin::Flag(name) => f.write_str(name),
            Origin::Derived(from) => write!(f, "from {from}"),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A value and its origin. It reads like the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value, from wherever it came.
    pub value: T,
    /// The source of the value.
    pub origin: Origin,
}

impl<T> Setting<T> {
    /// True if a flag, a variable or the file sets this value.
    pub fn is_explicit(&self) -> bool {
        matches!(self.origin, Origin::File { .. } | Origin::Variable(_) | Origin::Flag(_))
    }
}

impl<T> Deref for Setting<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// A line of `tbpki config show --origin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownSetting {
    /// The key, with its section: `server.days`.
    pub key: &'static str,
    /// The value as keygen.toml would have it; nothing when it is not set. Of a secret, where it is.
    pub value: Option<String>,
    /// The path to open, from the working directory, if the value is a path or the location of one.
    pub path: Option<PathBuf>,
    /// The source of the value.
    pub origin: Origin,
}

impl ShownSetting {
    /// The value as JSON has it; `None` if it is not set.
    pub fn json(&self) -> Option<serde_json::Value> {
        let text = self.value.as_ref()?;
        // The text is TOML that tbpki wrote. If it were not, it would still be shown as text.
        let parsed = format!("value = {text}").parse::<toml::Table>().ok().and_then(|mut table| table.remove("value"));
        Some(parsed.and_then(|value| serde_json::to_value(value).ok()).unwrap_or_else(|| text.clone().into()))
    }
}

/// A value given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The key of keygen.toml whose value is replaced.
    pub key: KeyName,
    /// The text. Of a key that takes a list each override adds one entry, or several between commas. Of a
    /// secret it is the path of a file, `-` for standard input: secrets do not stand on command lines.
    pub text: String,
    /// The flag's name for messages: `--days`.
    pub flag: &'static str,
}
