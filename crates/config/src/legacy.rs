//! `keygen.properties`, the configuration of ThingsBoard's old key scripts, read and converted.
//!
//! The scripts sourced the file, so a shell executed everything in it. tbpki parses it and executes nothing. A line
//! is `NAME=value`, optionally with `export` in front, a comment, or empty. The value is the rest of the line without
//! its outer quotes: `CITY=San Francisco` is that city, although a shell would read it differently. After an unquoted
//! value, ` # text` is a comment, as in a shell. `$(hostname)` is the one expansion; everything else that requires a
//! shell is rejected by name. Quotes and backslashes have the meaning that they have in a shell, and byte order marks
//! are ignored. If a variable is set twice, the last value is used and a finding reports it.

use std::collections::BTreeMap;
use std::path::Path;

use base::text::quote;
use base::{Code, Error, Finding, Result, file};

use crate::Environment;

mod convert;
mod line;

pub use convert::{Converted, SecretFile};

use line::{Assignment, LegacyValue, LineError};

/// The most bytes that a keygen.properties has.
const MAX_BYTES: usize = 1024 * 1024;

/// The contents of a keygen.properties file, before it is converted.
#[derive(Debug, Clone)]
pub struct Properties {
    variables: BTreeMap<String, Variable>,
    findings: Vec<Finding>,
}

/// A variable's value and the line, counted from 1, that set it last.
#[derive(Debug, Clone)]
struct Variable {
    value: LegacyValue,
    line: usize,
}

/// The directory of the new store.
#[derive(Debug, Clone, Copy)]
pub struct StoreDir<'a> {
    /// As keygen.toml names it: from the directory of keygen.toml.
    pub in_config: &'a str,
    /// As a command names it: from the working directory.
    pub from_here: &'a str,
}

/// Reads and converts the file at `path`, for a new store.
///
/// # Errors
///
/// As [`parse`] and [`Properties::convert`], and `FileUnreadable`; each names the file.
pub fn load(path: &Path, store: StoreDir<'_>, environment: &Environment) -> Result<Converted> {
    // It contains passwords.
    let bytes = file::read_secret(path, MAX_BYTES)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let line = bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count() + 1;
        Code::PropertiesSyntax.error("the line is not UTF-8").fix("save the file as UTF-8").at(path).position(line, 1)
    })?;
    let mut converted =
        parse(text).and_then(|properties| properties.convert(store, environment)).map_err(|error| error.at(path))?;
    for finding in &mut converted.findings {
        finding.location.file = Some(path.to_path_buf());
    }
    Ok(converted)
}

/// Reads the text of a keygen.properties.
///
/// # Errors
///
/// `NeedsShell` or `PropertiesSyntax` with line and column. An error about the
/// value of a password does not contain any part of it.
pub fn parse(text: &str) -> Result<Properties> {
    let mut properties = Properties { variables: BTreeMap::new(), findings: Vec::new() };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.split('\n').enumerate() {
        let number = index + 1;
        // Bash would keep the carriage return of a file from Windows as a part of the value.
        let line = line.strip_suffix('\r').unwrap_or(line);
        let assignment = line::read(line).map_err(|trouble| refuse(line, number, &trouble))?;
        let Some(Assignment { name, value }) = assignment else { continue };
        let variable = Variable { value, line: number };
        // Bash lets the last assignment win too, so the result is the same and only the surprise is reported.
        if let Some(earlier) = properties.variables.insert(name.to_owned(), variable) {
            properties.findings.push(
                Code::LegacyConverted
                    .warning(format!("{} is set again; the value of line {} does not count", quote(name), earlier.line))
                    .position(number, 1),
            );
        }
    }
    Ok(properties)
}

fn refuse(line: &str, number: usize, trouble: &LineError) -> Error {
    let column = line.get(..trouble.offset).unwrap_or_default().chars().count() + 1;
    let error = trouble.code.error(trouble.what.clone()).position(number, column);
    let error = match trouble.fix {
        Some(fix) => error.fix(fix),
        None => error,
    };
    match &trouble.name {
        Some(name) => error.item(name),
        None => error,
    }
}

#[cfg(test)]
mod tests;
