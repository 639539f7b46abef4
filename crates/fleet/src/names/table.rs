//! Names from a CSV.

use std::collections::VecDeque;
use std::io::Read;

use base::text::{counted, quote};
use base::{Code, Error, Finding, Result};
use csv::{ByteRecord, Reader, ReaderBuilder};
use ledger::StagedName;

use super::columns::{Column, ColumnSelection, columns, list, title};
use super::faults::NameFault;
use super::row::{invisible_in, put};
use super::scan::{ListLimits, StopReason, StrayQuote};
use super::separator::{self, SeparatorFault};
use super::text::NormalizedText;

/// The rows of a CSV (RFC 4180) behind its header.
pub(super) struct CsvTable<R> {
    reader: Reader<NormalizedText<R>>,
    row: ByteRecord,
    titles: Vec<String>,
    columns: Vec<Column>,
    /// Faults of the last row that were not given yet.
    faults: VecDeque<NameFault>,
    has_names: bool,
    is_over: bool,
    limits: ListLimits,
}

/// The number of bytes read at once.
const BUFFER: usize = 64 << 10;

impl<R: Read> CsvTable<R> {
    /// Reads the header.
    pub(super) fn new(input: R, wish: &ColumnSelection, limits: ListLimits) -> Result<Self> {
        let text = NormalizedText::new(input, wish, limits);
        let separator_fault = text.separator_fault();
        let reader = ReaderBuilder::new()
            .delimiter(text.delimiter())
            .has_headers(false)
            // Lengths of rows are checked below, with a message that names both numbers.
            .flexible(true)
            .buffer_capacity(BUFFER)
            .from_reader(text);
        let mut table = Self {
            reader,
            row: ByteRecord::new(),
            titles: Vec::new(),
            columns: Vec::new(),
            faults: VecDeque::new(),
            has_names: false,
            is_over: false,
            limits,
        };
        let line = loop {
            match table.read_row() {
                // A stray quote in the first line makes all columns doubtful, so that reading ends here.
                Ok(Some(Row { stray: Some(stray), .. })) => return Err(on_line(misplaced(stray), stray.line)),
                // Of semicolons alone too: the separator is that of the first line with a text.
                Ok(Some(_)) if table.row.iter().all(separator::is_blank) => {}
                Ok(Some(row)) => break row.line,
                Ok(None) => return Err(Code::NoNames.error("the list of names is empty").fix(FIRST_LINE)),
                Err((line, error)) => return Err(on_line(error, line)),
            }
        };
        if let Some(fault) = separator_fault {
            return Err(on_line(unclear_separator(fault), line));
        }
        table.columns = table.header(wish).map_err(|error| on_line(error, line))?;
        Ok(table)
    }

    fn header(&mut self, wish: &ColumnSelection) -> Result<Vec<Column>> {
        let mut titles = Vec::with_capacity(self.row.len());
        for field in &self.row {
            let title =
                text(field).map(str::trim).ok_or_else(|| unreadable("the first line is not UTF-8").fix(SAVE))?;
            if let Some(c) = title.chars().find(|c| c.is_control() && *c != '\t') {
                return Err(unreadable(format!(
                    "the first line names no columns: it holds {}",
                    quote(c.encode_utf8(&mut [0; 4]))
                ))
                .fix(FIRST_LINE));
            }
            if let Some(c) = invisible_in(title) {
                let code = u32::from(c);
                let what = format!("the column {} has the invisible character U+{code:04X} in its name", quote(title));
                return Err(Code::NamesHeader.error(what).fix("type the name of the column again"));
            }
            titles.push(title);
        }
        let columns = columns(&titles, wish)?;
        self.titles = titles.into_iter().map(str::to_owned).collect();
        Ok(columns)
    }

    pub(super) fn note(&self) -> Option<Finding> {
        let columns = self.titles.iter().zip(&self.columns);
        let ignored = columns.filter(|(_, column)| **column == Column::Ignored);
        let titles: Vec<&str> = ignored.map(|(title, _)| title.as_str()).collect();
        if titles.is_empty() {
            return None;
        }
        let what = format!("columns were left to Espressif's mfg_gen: {}", list(&titles));
        Some(Code::UnknownColumn.note(what).fix("--attribute COLUMN stores a column as an attribute"))
    }

    pub(super) fn next(&mut self) -> Option<Result<StagedName, NameFault>> {
        loop {
            // A row can have several faults, each of which is reported.
            if let Some(fault) = self.faults.pop_front() {
                return Some(Err(fault));
            }
            if self.is_over {
                return None;
            }
            match self.read_row() {
                Ok(None) => {
                    self.is_over = true;
                    if !self.has_names {
                        let error = Code::NoNames.error("nothing follows the line with the columns");
                        return Some(Err(NameFault::of(1, &error)));
                    }
                }
                Ok(Some(Row { stray: Some(stray), .. })) => {
                    self.has_names = true;
                    return Some(Err(NameFault::of(stray.line, &misplaced(stray))));
                }
                Ok(Some(_)) if self.is_blank() => {}
                Ok(Some(row)) => {
                    self.has_names = true;
                    if let Some(name) = self.name(row.line) {
                        return Some(Ok(name));
                    }
                }
                Err((line, error)) => {
                    // After such an error the position in the file is unknown.
                    self.is_over = true;
                    return Some(Err(NameFault::of(line, &error)));
                }
            }
        }
    }

    /// True if the row has no text: spreadsheets leave rows behind that hold nothing but commas.
    fn is_blank(&self) -> bool {
        self.row.iter().all(|field| field.trim_ascii().is_empty())
    }

    /// The name of the row, unless there is something wrong with it, which is kept.
    fn name(&mut self, line: u64) -> Option<StagedName> {
        let mut name = StagedName { line, ..StagedName::default() };
        // Concatenated lists repeat their first line in the middle.
        if let Some(fault) = self.header_again().or_else(|| self.row_fault()) {
            self.faults.push_back(NameFault::of(line, &fault));
            return None;
        }
        for (column, field) in self.columns.iter().zip(&self.row) {
            if *column == Column::Ignored {
                continue;
            }
            let Some(field) = text(field) else {
                // The whole list has another encoding, so that each line with a letter outside of ASCII would have a fault.
                let what = format!("the field {} is not UTF-8", quote(&title(column)));
                let error = unreadable(what).because("the list ends here: it may be Latin-1 or Windows-1252").fix(SAVE);
                self.faults = [NameFault::of(line, &error)].into();
                self.is_over = true;
                return None;
            };
            if let Err(error) = put(&mut name, column, field) {
                self.faults.push_back(NameFault::of(line, &error));
            }
        }
        self.faults.is_empty().then_some(name)
    }

    /// The fault of a row that is the first line once more, as where lists were put together.
    fn header_again(&self) -> Option<Error> {
        let mut fields = self.row.iter();
        let is_title = |title: &String| {
            fields.next().and_then(text).is_some_and(|field| field.trim().eq_ignore_ascii_case(title.as_str()))
        };
        self.titles.iter().all(is_title).then(|| {
            Code::NamesRow
                .error("the line names the columns again")
                .because("only the first line of a list does that")
                .fix("delete the line")
        })
    }

    /// The fault of a wrong number of fields. Commas at the end do no harm.
    fn row_fault(&self) -> Option<Error> {
        let (fields, columns) = (self.row.len(), self.columns.len());
        let empty_ones_alone = || self.row.iter().skip(columns).all(|field| field.trim_ascii().is_empty());
        if fields == columns || (fields > columns && empty_ones_alone()) {
            return None;
        }
        let what = format!("the line has {} and not {columns}", counted(fields as u64, "field", "fields"));
        let are = if columns == 1 { "is" } else { "are" };
        let why = format!("there {are} {}", counted(columns as u64, "column", "columns"));
        Some(Code::NamesRow.error(what).because(why))
    }

    /// Reads the next row, or nothing at the end. After an error, which has its line, nothing follows.
    fn read_row(&mut self) -> Result<Option<Row>, (u64, Error)> {
        let read = self.reader.read_byte_record(&mut self.row);
        let end = self.reader.position();
        let (end_line, end_byte) = (end.line(), end.byte());
        let text = self.reader.get_mut();
        match read {
            Err(error) => Err((text.row_line(), failure(text.stop(), self.limits, error))),
            Ok(false) => Ok(None),
            Ok(true) if text.length() == Some(end_byte) => {
                // The csv crate reads to the end without an error if a quote is never closed.
                let why = "a quote is opened here, or further down, and not closed";
                Err((text.row_line(), unreadable("the list ends within a text in quotes").because(why)))
            }
            // The row ends with the line before this one, and empty lines before it are no part of it.
            Ok(true) => {
                // The position of the csv crate is behind the row, so the line breaks inside of it are subtracted.
                let within = self.row.as_slice().iter().filter(|byte| **byte == b'\n').count() as u64;
                Ok(Some(Row { line: end_line.saturating_sub(1 + within), stray: text.take_stray(end_byte) }))
            }
        }
    }
}

/// A row that was read.
struct Row {
    /// The line that it begins on.
    line: u64,
    /// A quote that makes its fields uncertain.
    stray: Option<StrayQuote>,
}

fn failure(stop: Option<StopReason>, limits: ListLimits, error: csv::Error) -> Error {
    match stop {
        Some(StopReason::Utf16) => unreadable("the list is UTF-16, not UTF-8").fix(SAVE),
        Some(StopReason::Utf32) => unreadable("the list is UTF-32, not UTF-8").fix(SAVE),
        Some(StopReason::Json) => unreadable("this is JSON, not a CSV")
            .fix("write the names as a CSV, for example `jq -r '\"name\", .[].name' OLD > NEW.csv`"),
        Some(StopReason::Zip) => unreadable("this is a spreadsheet or another archive, not a CSV").fix(SAVE),
        Some(StopReason::Binary) => unreadable("this is not text").because("it contains a NUL").fix(SAVE),
        Some(StopReason::RowTooLong { is_quoted }) => {
            let error = unreadable(format!("a row takes more than {} KiB", limits.row >> 10));
            match is_quoted {
                true => error
                    .because("a quote is opened here, or further down, and not closed for a long time")
                    .fix("close the quote, or double it if it is a part of the text"),
                false => error.because("the line does not end").fix("end the line after the last column"),
            }
        }
        Some(StopReason::TooManyRows) => too_long(format!("the list has more than {} rows", limits.rows)),
        Some(StopReason::TooLong) => too_long(format!("the list takes more than {} MiB", limits.bytes >> 20)),
        None => Code::FileUnreadable.error("the list of names cannot be read any further").caused_by(error),
    }
}

fn too_long(what: String) -> Error {
    Code::NamesTooMany.error(what).fix("split the list, and make each part a job of its own")
}

fn unclear_separator(fault: SeparatorFault) -> Error {
    match fault {
        SeparatorFault::Ambiguous => Code::NamesHeader
            .error("the first line can be separated by commas and by semicolons")
            .because("it has both, and does not name the column of the devices' names with one of them alone")
            .fix("put the line `sep=;` in front if semicolons separate the columns, or `sep=,` if commas do"),
        SeparatorFault::Directive => Code::NamesHeader
            .error("the line with sep= names no separator that is read")
            .because("columns are separated by commas or semicolons")
            .fix("write `sep=;` or `sep=,`, with the character between the columns alone"),
    }
}

fn misplaced(stray: StrayQuote) -> Error {
    let (what, why) = if stray.is_after_quotes {
        ("text follows a quote that ends a field", "a quote inside a field in quotes must be doubled")
    } else {
        ("a quote is inside a field that does not begin with one", "such a field must be in quotes, its quotes doubled")
    };
    let fix =
        "write the value as plain text (0012, not =\"0012\"), or save the list with a program that writes RFC 4180";
    Code::NamesQuotes.error(what).because(why).fix(fix)
}

const SAVE: &str = "save the list as \"CSV UTF-8\"";

const FIRST_LINE: &str = "begin it with a line that names the columns, such as name,label";

fn text(field: &[u8]) -> Option<&str> {
    std::str::from_utf8(field).ok()
}

fn unreadable(what: impl Into<String>) -> Error {
    Code::NamesUnreadable.error(what)
}

fn on_line(error: Error, line: u64) -> Error {
    error.position(usize::try_from(line).unwrap_or(usize::MAX), 1)
}
