//! Errors and findings: what is wrong, where, why, and what to do about it.

use std::error::Error as StdError;
use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::code::{Class, Code};

/// The result of everything in this workspace that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The weight of a [`Finding`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing has to be done.
    Note,
    /// Works today, but not everywhere or not for long.
    Warning,
    /// Does not work.
    Fault,
}

/// The place of a [`Finding`]: a file, a position in it, a thing by name, or several of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Location {
    /// The file, as the user named it.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    #[schemars(with = "Option<PathBuf>")]
    pub file: Option<PathBuf>,
    /// The line in it, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column in that line, counted from 1 in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// A device, a certificate of a chain, a key of a configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
}

/// A path as text: an error about a path that is not UTF-8 must still be printed as JSON.
fn as_text<S: serde::Serializer>(file: &Option<PathBuf>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    file.as_ref().map(|file| file.to_string_lossy()).serialize(serializer)
}

impl Location {
    /// True if nothing is known about the location.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}", file.display())?;
            if let Some(line) = self.line {
                write!(f, ":{line}")?;
                if let Some(column) = self.column {
                    write!(f, ":{column}")?;
                }
            }
        }
        // Text that came from no file still has lines.
        if let (None, Some(line)) = (&self.file, self.line) {
            write!(f, "line {line}")?;
            if let Some(column) = self.column {
                write!(f, ", column {column}")?;
            }
        }
        match &self.item {
            Some(item) if self.file.is_some() || self.line.is_some() => write!(f, " ({item})"),
            Some(item) => f.write_str(item),
            None => Ok(()),
        }
    }
}

/// One thing that was noticed about a file, a chain, a configuration or a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// The stable number.
    pub code: Code,
    /// The weight.
    pub severity: Severity,
    /// The problem, in one sentence without a full stop.
    pub what: String,
    /// Where.
    #[serde(rename = "place", skip_serializing_if = "Location::is_empty")]
    pub location: Location,
    /// The reason, if the sentence does not contain it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Finding {
    /// A finding without a location and without advice.
    pub fn new(code: Code, severity: Severity, what: impl Into<String>) -> Self {
        Self { code, severity, what: what.into(), location: Location::default(), why: None, fix: None }
    }

    /// Names the file.
    #[must_use]
    pub fn at(mut self, file: impl AsRef<Path>) -> Self {
        self.location.file = Some(file.as_ref().to_path_buf());
        self
    }

    /// Names the line and column, both counted from 1.
    #[must_use]
    pub fn position(mut self, line: usize, column: usize) -> Self {
        self.location.line = Some(line);
        self.location.column = Some(column);
        self
    }

    /// Names the thing.
    #[must_use]
    pub fn item(mut self, item: impl Into<String>) -> Self {
        self.location.item = Some(item.into());
        self
    }

    /// Adds the reason.
    #[must_use]
    pub fn because(mut self, why: impl fmt::Display) -> Self {
        self.why = Some(why.to_string());
        self
    }

    /// Adds the `help:` line: one action that the user can take.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.location.is_empty() {
            write!(f, "{}: ", self.location)?;
        }
        f.write_str(&self.what)?;
        if let Some(why) = &self.why {
            write!(f, ": {why}")?;
        }
        Ok(())
    }
}

/// A [`Finding`] that ended what was being done.
///
/// Texts in it never hold key material, passwords or tokens.
pub struct Error {
    finding: Box<Finding>,
    class: Class,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error from a finding, whatever its severity was.
    pub fn new(mut finding: Finding) -> Self {
        finding.severity = Severity::Fault;
        let class = finding.code.class();
        Self { finding: Box::new(finding), class, source: None }
    }

    /// The stable number of the error.
    pub fn code(&self) -> Code {
        self.finding.code
    }

    /// The class that decides the exit status: that of its code, or [`Class::Usage`] after
    /// [`argument`](Self::argument).
    pub fn class(&self) -> Class {
        self.class
    }

    /// The whole content.
    pub fn finding(&self) -> &Finding {
        &self.finding
    }

    /// The error as a warning, for a verb that goes on without the part that failed.
    pub fn into_warning(self) -> Finding {
        Finding { severity: Severity::Warning, ..self.into_finding() }
    }

    /// The finding itself, for a report that goes on.
    pub fn into_finding(self) -> Finding {
        *self.finding
    }

    /// Names the file, unless one is named already: the first to know is the nearest.
    #[must_use]
    pub fn at(mut self, file: impl AsRef<Path>) -> Self {
        if self.finding.location.file.is_none() {
            self.finding.location.file = Some(file.as_ref().to_path_buf());
        }
        self
    }

    /// Names the line and column, both counted from 1.
    #[must_use]
    pub fn position(mut self, line: usize, column: usize) -> Self {
        self.finding.location.line = Some(line);
        self.finding.location.column = Some(column);
        self
    }

    /// Names the thing, unless one is named already.
    #[must_use]
    pub fn item(mut self, item: impl Into<String>) -> Self {
        if self.finding.location.item.is_none() {
            self.finding.location.item = Some(item.into());
        }
        self
    }

    /// Names the command-line argument whose value is wrong (`--days`), which makes this a usage error unless it is
    /// a bug.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        // A bug keeps its class: its exit status must not depend on the argument that led to it.
        if self.class == Class::User {
            self.class = Class::Usage;
        }
        self.item(argument)
    }

    /// Adds the reason.
    #[must_use]
    pub fn because(mut self, why: impl fmt::Display) -> Self {
        self.finding.why = Some(why.to_string());
        self
    }

    /// Adds an error of another library as the reason, and keeps it as the [`source`](StdError::source).
    #[must_use]
    pub fn caused_by(self, error: impl StdError + Send + Sync + 'static) -> Self {
        self.because(&error).with_source(error)
    }

    /// Keeps an error of another library as the [`source`](StdError::source), if the finding has a reason of its own.
    #[must_use]
    pub fn with_source(mut self, error: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(error));
        self
    }

    /// Adds the `help:` line: one action that the user can take.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.finding.fix = Some(fix.into());
        self
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.finding.code, self.finding)?;
        match &self.finding.fix {
            Some(fix) => write!(f, " [{fix}]"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.finding.fmt(f)
    }
}

impl StdError for Error {
    /// The error of another library that was the cause.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source = self.source.as_deref()?;
        Some(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_an_argument_is_a_usage_error() {
        let class = |code: Code| (code.error("x").class(), code.error("x").argument("--days").class());
        assert_eq!(class(Code::BadValue), (Class::User, Class::Usage));
        assert_eq!(class(Code::Usage), (Class::Usage, Class::Usage));
        assert_eq!(class(Code::Internal), (Class::Bug, Class::Bug));
        assert_eq!(Code::BadValue.error("x").item("--days").class(), Class::User);
    }

    #[test]
    fn an_error_keeps_its_cause() {
        let cause = std::io::Error::other("the disk is on fire");
        let error = Code::FileUnreadable.error("the file cannot be read").caused_by(cause).at("a");
        assert_eq!(error.to_string(), "a: the file cannot be read: the disk is on fire");
        assert_eq!(error.source().unwrap().to_string(), "the disk is on fire");
        assert!(error.source().unwrap().downcast_ref::<std::io::Error>().is_some());
        assert!(Code::FileUnreadable.error("x").because("y").source().is_none());
    }

    #[test]
    fn a_location_shows_what_is_known_of_it() {
        let finding = Finding::new(Code::BadValue, Severity::Note, "x");
        assert_eq!(finding.clone().to_string(), "x");
        assert_eq!(finding.clone().item("server.days").to_string(), "server.days: x");
        assert_eq!(finding.clone().position(3, 8).item("server.days").to_string(), "line 3, column 8 (server.days): x");
        assert_eq!(finding.clone().at("a.toml").position(3, 8).to_string(), "a.toml:3:8: x");
        assert_eq!(finding.at("a.toml").item("server.days").to_string(), "a.toml (server.days): x");
    }
}
