//! The names of a fleet, on their way into the ledger: from a CSV, however long, or counted out by a pattern.
//!
//! Nothing is made before every name is known to be usable. A fault does not end the reading, so that all of them are
//! told at once, each with its line ([`Faults`]).

pub(crate) mod attributes;
mod columns;
mod faults;
mod lookalikes;
mod numbered;
mod row;
mod scan;
mod separator;
mod stage;
mod table;
mod text;

use std::io::{self, Read};
use std::path::PathBuf;

use base::{Error, Finding, Result, file};
use ledger::StagedName;

pub use columns::ColumnSelection;
pub use faults::{Faults, NameFault};
pub use lookalikes::Lookalikes;
pub use numbered::NumberPattern;
pub(crate) use scan::has_misplaced_quotes;
pub use stage::{StagingResult, stage, stage_prepared};

use numbered::NumberedNames;
use scan::ListLimits;
use table::CsvTable;

/// The source of names.
#[derive(Debug, Clone)]
pub enum NamesSource {
    /// A CSV with a line that names its columns.
    Table {
        /// The file, or standard input.
        file: Option<PathBuf>,
        /// The requested use of its columns.
        columns: ColumnSelection,
    },
    /// A pattern and numbers.
    Numbered {
        /// The form of the names.
        pattern: NumberPattern,
        /// The first number.
        start: u64,
        /// The number of names.
        count: u64,
    },
}

impl NamesSource {
    /// The finding, with the file of the names.
    pub(crate) fn locate(&self, finding: Finding) -> Finding {
        match self {
            Self::Table { file, .. } => finding.at(file.as_deref().unwrap_or("-".as_ref())),
            Self::Numbered { .. } => finding,
        }
    }

    /// The one error for all faults of a pattern, which has no lines; none for a table.
    pub(crate) fn refusal(&self, faults: &Faults) -> Option<Error> {
        match self {
            Self::Table { .. } => None,
            Self::Numbered { start, count, .. } => faults.of_pattern(*start, *count),
        }
    }
}

/// Names, one after the other, with the line that each came from; of a pattern, its place among the names.
///
/// Memory does not grow with their number. After an error of reading ([`Code::FileUnreadable`] and the like, as a
/// fault) nothing follows.
///
/// [`Code::FileUnreadable`]: base::Code::FileUnreadable
pub struct NamesReader(Names);

enum Names {
    Table(Box<CsvTable<Box<dyn Read + Send>>>),
    Numbered(NumberedNames),
}

/// Opens a source and looks at its first line.
///
/// # Errors
/// What makes every line of it useless: [`Code::FileUnreadable`], [`Code::NamesUnreadable`], [`Code::NoNames`],
/// [`Code::NamesHeader`], [`Code::UnknownColumn`], [`Code::NamesQuotes`]; of a pattern, [`Code::NumberPattern`].
///
/// [`Code::FileUnreadable`]: base::Code::FileUnreadable
/// [`Code::NamesUnreadable`]: base::Code::NamesUnreadable
/// [`Code::NoNames`]: base::Code::NoNames
/// [`Code::NamesHeader`]: base::Code::NamesHeader
/// [`Code::UnknownColumn`]: base::Code::UnknownColumn
/// [`Code::NamesQuotes`]: base::Code::NamesQuotes
/// [`Code::NumberPattern`]: base::Code::NumberPattern
pub fn open(source: &NamesSource) -> Result<NamesReader> {
    match source {
        NamesSource::Table { file, columns } => {
            let input: Box<dyn Read + Send> = match file {
                Some(path) => Box::new(file::stream(path)?),
                None => Box::new(io::stdin()),
            };
            read(input, columns).map_err(|error| error.at(file.as_deref().unwrap_or("-".as_ref())))
        }
        NamesSource::Numbered { pattern, start, count } => {
            NumberedNames::new(pattern, *start, *count).map(|names| NamesReader(Names::Numbered(names)))
        }
    }
}

/// Reads a CSV from anywhere.
///
/// # Errors
/// As [`open`].
pub fn read(input: impl Read + Send + 'static, columns: &ColumnSelection) -> Result<NamesReader> {
    read_within(input, columns, ListLimits::DEFAULT)
}

fn read_within(
    input: impl Read + Send + 'static,
    columns: &ColumnSelection,
    limits: ListLimits,
) -> Result<NamesReader> {
    let input = Box::new(input) as Box<dyn Read + Send>;
    CsvTable::new(input, columns, limits).map(|table| NamesReader(Names::Table(Box::new(table))))
}

impl NamesReader {
    /// The warning about ignored columns: those of a values CSV of Espressif's mfg_gen that are the
    /// other tool's.
    pub fn note(&self) -> Option<Finding> {
        match &self.0 {
            Names::Table(table) => table.note(),
            Names::Numbered(_) => None,
        }
    }
}

impl Iterator for NamesReader {
    type Item = Result<StagedName, NameFault>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Names::Table(table) => table.next(),
            Names::Numbered(names) => names.next().map(Ok),
        }
    }
}

impl std::fmt::Debug for NamesReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NamesReader").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
