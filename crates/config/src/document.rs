//! The file's text, where things stand in it, and which of its keys are known.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use base::suggest::closest;
use base::text::quote;
use base::{Code, Error, Result};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::row::KeyRow;

/// Whether a character can be one of a key without quotes (TOML 1.0), or separates such keys.
fn is_of_name(one: char) -> bool {
    one.is_ascii_alphanumeric() || matches!(one, '_' | '-' | '.')
}

/// A keygen.toml as text.
pub(super) struct Document<'a> {
    text: &'a str,
    file: Option<&'a Path>,
}

/// Every known key that the file holds, with its value.
pub(super) type Found<'a> = BTreeMap<&'static str, Spanned<DeValue<'a>>>;

impl<'a> Document<'a> {
    /// The text, and the file that it came from, if from any.
    pub(super) fn new(text: &'a str, file: Option<&'a Path>) -> Self {
        Self { text, file }
    }

    /// The file that it came from.
    pub(super) fn file(&self) -> Option<&'a Path> {
        self.file
    }

    /// The meaning of a path in the file: paths there are relative to the file's own directory.
    pub(super) fn resolve(&self, written: &Path) -> PathBuf {
        match self.file.and_then(Path::parent) {
            Some(directory) => directory.join(written),
            None => written.to_path_buf(),
        }
    }

    /// Line and column, both from 1, of a byte of the text.
    pub(super) fn position(&self, offset: usize) -> (usize, usize) {
        let mut end = offset.min(self.text.len());
        // The parser counts in bytes, and an error's offset may lie inside a character, where a slice would panic.
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = self.text.get(..end).unwrap_or_default();
        // Editors on Windows write the mark first and do not count it as a column.
        let before = before.strip_prefix('\u{feff}').unwrap_or(before);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count();
        (before.matches('\n').count() + 1, column + 1)
    }

    /// Adds the location of an error, unless it has one already.
    pub(super) fn place(&self, error: Error, offset: usize) -> Error {
        let error = match self.file {
            Some(file) => error.at(file),
            None => error,
        };
        if error.finding().location.line.is_some() {
            return error;
        }
        let (line, column) = self.position(offset);
        error.position(line, column)
    }

    /// The error about a key or a section that the file has twice. `None` if its name is not a plain one.
    fn duplicate(&self, span: Range<usize>) -> Option<Error> {
        let before = self.text.get(..span.start)?;
        // The name alone: the line may hold a password.
        let is_plain = |name: &&str| !name.is_empty() && name.chars().all(is_of_name);
        let name = self.text.get(span).map(|name| name.trim_matches(|one| !is_of_name(one))).filter(is_plain)?;
        let line = before.rsplit('\n').next().unwrap_or_default();
        if line.trim_start().starts_with('[') {
            return Some(
                Code::ConfigSyntax
                    .error(format!("the section [{name}] occurs twice"))
                    .fix(format!("set the keys in the section [{name}] that is there, and remove the other one")),
            );
        }
        let heading = before.lines().rev().map(str::trim).find(|line| line.starts_with('['));
        let section = heading.and_then(|line| line.trim_start_matches('[').split(']').next()).filter(is_plain);
        Some(
            Code::ConfigSyntax
                .error(match section {
                    Some(section) => format!("the key {name:?} occurs twice in the section [{section}]"),
                    None => format!("the key {name:?} occurs twice"),
                })
                .fix("remove one of the two lines"),
        )
    }

    /// The values of these keys, by their names.
    ///
    /// # Errors
    ///
    /// `ConfigSyntax`, `ConfigVersion`, and `UnknownKey` for the first of the keys that are not known.
    pub(super) fn read(&self, keys: &'static [KeyRow]) -> Result<Found<'a>> {
        let root = DeTable::parse(self.text).map_err(|error| {
            // Only the message: the error's Display prints the line, and the line may hold a password.
            let offset = error.span().map_or(self.text.len(), |span| span.start);
            let syntax = Code::ConfigSyntax.error(error.message());
            let syntax = match error.span().filter(|_| error.message() == "duplicate key") {
                Some(span) => self.duplicate(span).unwrap_or(syntax),
                None => syntax,
            };
            self.place(syntax, offset)
        })?;
        let root = root.into_inner();
        // Before the keys: a file of another version may have other keys, and then the version is the true reason.
        self.check_version(&root)?;
        let mut found = Found::new();
        let mut first = None;
        walk(keys, "", root, &mut found, &mut first);
        match first {
            Some((offset, error)) => Err(self.place(error, offset)),
            None => Ok(found),
        }
    }

    fn check_version(&self, root: &DeTable<'_>) -> Result<()> {
        let Some(version) = root.get("version") else {
            return Err(self.place(Code::ConfigVersion.error("`version = 1` is missing").fix(VERSION_FIX), 0));
        };
        match version.get_ref() {
            DeValue::Integer(number) if number.as_str() == "1" => Ok(()),
            _ => Err(self.place(other_version(), version.span().start)),
        }
    }
}

/// The advice about the version of a configuration.
const VERSION_FIX: &str = "write `version = 1`, or update tbpki";

/// The error for another version of the configuration than 1.
pub(super) fn other_version() -> Error {
    Code::ConfigVersion.error("the version is another one than 1").fix(VERSION_FIX)
}

/// Sorts the known entries of a table into `found`, and keeps the error about the first of the others: tables
/// do not come in the order of the text.
fn walk<'a>(
    keys: &'static [KeyRow],
    prefix: &str,
    table: DeTable<'a>,
    found: &mut Found<'a>,
    first: &mut Option<(usize, Error)>,
) {
    let mut refuse = |offset: usize, error: &dyn Fn() -> Error| {
        if first.as_ref().is_none_or(|(earlier, _)| offset < *earlier) {
            *first = Some((offset, error()));
        }
    };
    let mut sections = Vec::new();
    for (name, value) in table {
        let path = format!("{prefix}{}", name.get_ref());
        // Before the sections, because some values are tables too: the place of a secret, or the anchors.
        if let Some(key) = keys.iter().find(|key| key.path == path) {
            found.insert(key.path, value);
            continue;
        }
        let inner = format!("{path}.");
        if !keys.iter().any(|key| key.path.starts_with(&inner)) {
            refuse(name.span().start, &|| unknown(keys, prefix, name.get_ref()));
            continue;
        }
        let start = value.span().start;
        match value.into_inner() {
            DeValue::Table(table) => sections.push((inner, table)),
            _ => refuse(start, &|| Code::BadValue.error(format!("{path} is a section, not a value")).item(&path)),
        }
    }
    // After the loop, because `refuse` borrows `first` until then.
    for (inner, table) in sections {
        walk(keys, &inner, table, found, first);
    }
}

/// The error for a key that is not known in the section of this prefix (`server.`, or empty).
fn unknown(keys: &'static [KeyRow], prefix: &str, name: &str) -> Error {
    let path = format!("{prefix}{name}");
    let error = Code::UnknownKey.error(format!("unknown key {}", quote(&path)));
    // What could have stood here: the keys and sections right below the prefix.
    let siblings: Vec<&str> = keys
        .iter()
        .filter_map(|key| key.path.strip_prefix(prefix))
        .map(|rest| rest.split('.').next().unwrap_or(rest))
        .collect();
    if let Some(sibling) = closest(name, &siblings) {
        return error.fix(format!("did you mean {sibling}?"));
    }
    // No spelling helps where the key is right and its section is not.
    let elsewhere: Vec<&str> = keys.iter().filter(|key| key.name() == name).map(KeyRow::section).collect();
    if !elsewhere.is_empty() {
        let sections: Vec<String> = elsewhere.iter().map(|section| format!("[{section}]")).collect();
        return error.fix(format!("{name} belongs into {}", sections.join(" or ")));
    }
    error.fix("delete the line; `tbpki config show` lists all keys")
}
