//! Names from a CSV.

use std::collections::VecDeque;
use std::io::Read;

use base::text::quote;
use base::{Code, Error, Finding, Result};
use csv::{ByteRecord, Reader, ReaderBuilder};
use ledger::StagedName;

use super::columns::{Column, ColumnWish, columns, list, title};
use super::faults::NameFault;
use super::row::put;
use super::text::{Foreign, MAX_ROW, Text};

/// The rows of a CSV (RFC 4180) behind its header.
pub(super) struct Table<R> {
    reader: Reader<Text<R>>,
    row: ByteRecord,
    columns: Vec<Column>,
    ignored: Vec<String>,
    /// Faults of the last row that were not given yet.
    faults: VecDeque<NameFault>,
    has_names: bool,
    is_over: bool,
}

/// How much is read at once.
const BUFFER: usize = 64 << 10;

impl<R: Read> Table<R> {
    /// Reads the header.
    pub(super) fn new(input: R, wish: &ColumnWish) -> Result<Self> {
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(BUFFER)
            .from_reader(Text::new(input));
        let mut table = Self {
            reader,
            row: ByteRecord::new(),
            columns: Vec::new(),
            ignored: Vec::new(),
            faults: VecDeque::new(),
            has_names: false,
            is_over: false,
        };
        let line = match table.read_row() {
            Ok(Some(line)) => line,
            Ok(None) => return Err(Code::NoNames.error("the list of names is empty").fix(FIRST_LINE)),
            Err((line, error)) => return Err(on_line(error, line)),
        };
        table.columns = table.header(wish).map_err(|error| on_line(error, line))?;
        Ok(table)
    }

    fn header(&mut self, wish: &ColumnWish) -> Result<Vec<Column>> {
        let mut titles = Vec::with_capacity(self.row.len());
        for field in &self.row {
            let title = text(field)
                .map(str::trim)
                .ok_or_else(|| unreadable("the first line is not UTF-8").fix("save the list as \"CSV UTF-8\""))?;
            if let Some(c) = title.chars().find(|c| c.is_control() && *c != '\t') {
                return Err(unreadable(format!("the first line names no columns: it holds {c:?}")).fix(FIRST_LINE));
            }
            titles.push(title);
        }
        let columns = columns(&titles, wish)?;
        let is_ignored = |(title, column): (&&str, &Column)| (*column == Column::Ignored).then(|| (*title).to_owned());
        self.ignored = titles.iter().zip(&columns).filter_map(is_ignored).collect();
        Ok(columns)
    }

    pub(super) fn note(&self) -> Option<Finding> {
        if self.ignored.is_empty() {
            return None;
        }
        let titles: Vec<&str> = self.ignored.iter().map(String::as_str).collect();
        let what = format!("columns were left to Espressif's mfg_gen: {}", list(&titles));
        Some(Code::UnknownColumn.note(what).fix("--attribute COLUMN takes one into the platform"))
    }

    pub(super) fn next(&mut self) -> Option<Result<StagedName, NameFault>> {
        loop {
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
                // Spreadsheets leave rows behind that hold nothing but commas.
                Ok(Some(_)) if self.row.iter().all(|field| field.trim_ascii().is_empty()) => {}
                Ok(Some(line)) => {
                    self.has_names = true;
                    if let Some(name) = self.name(line) {
                        return Some(Ok(name));
                    }
                }
                Err((line, error)) => {
                    self.is_over = true;
                    return Some(Err(NameFault::of(line, &error)));
                }
            }
        }
    }

    /// The name of the row, unless there is something wrong with it, which is kept.
    fn name(&mut self, line: u64) -> Option<StagedName> {
        let mut name = StagedName { line, ..StagedName::default() };
        if let Some(fault) = self.row_fault() {
            self.faults.push_back(NameFault::of(line, &fault));
            return None;
        }
        for (column, field) in self.columns.iter().zip(&self.row) {
            if *column == Column::Ignored {
                continue;
            }
            let put = match text(field) {
                Some(field) => put(&mut name, column, field),
                None => Err(unreadable(format!("the field {} is not UTF-8", quote(&title(column))))),
            };
            if let Err(error) = put {
                self.faults.push_back(NameFault::of(line, &error));
            }
        }
        self.faults.is_empty().then_some(name)
    }

    /// What is wrong with the number of fields. Commas at the end do no harm.
    fn row_fault(&self) -> Option<Error> {
        let (fields, columns) = (self.row.len(), self.columns.len());
        let empty_ones_alone = || self.row.iter().skip(columns).all(|field| field.trim_ascii().is_empty());
        if fields == columns || (fields > columns && empty_ones_alone()) {
            return None;
        }
        let count = |number, of: &str| format!("{number} {of}{}", if number == 1 { "" } else { "s" });
        let what = format!("the line has {} and not {}", count(fields, "field"), columns);
        Some(Code::NamesRow.error(what).because(format!("there are {}", count(columns, "column"))))
    }

    /// Reads the next row; the line that it begins on, or nothing at the end. After an error nothing follows.
    fn read_row(&mut self) -> Result<Option<u64>, (u64, Error)> {
        let begin = self.reader.position().line();
        self.reader.get_mut().row();
        let read = self.reader.read_byte_record(&mut self.row);
        let end = self.reader.position();
        match read {
            Err(error) => Err((begin, self.failure(&error))),
            Ok(false) => Ok(None),
            Ok(true) if self.reader.get_ref().length() == Some(end.byte()) => {
                let why = "a quote is opened here, or further down, and not closed";
                Err((begin, unreadable("the list ends within a text in quotes").because(why)))
            }
            // The row ends with the line before this one, and empty lines before it are no part of it.
            Ok(true) => {
                let within = self.row.as_slice().iter().filter(|byte| **byte == b'\n').count() as u64;
                Ok(Some(end.line().saturating_sub(1 + within)))
            }
        }
    }

    fn failure(&self, error: &csv::Error) -> Error {
        let text = self.reader.get_ref();
        let save = "save the list as \"CSV UTF-8\"";
        match text.foreign() {
            Some(Foreign::Utf16) => unreadable("the list is UTF-16, not UTF-8").fix(save),
            Some(Foreign::Zip) => unreadable("this is a spreadsheet or another archive, not a CSV").fix(save),
            Some(Foreign::Binary) => unreadable("this is not text").because("it holds a NUL").fix(save),
            None if text.is_row_too_long() => {
                let why = "a quote is opened here, or further down, and not closed for a long time";
                unreadable(format!("a row takes more than {} KiB", MAX_ROW >> 10)).because(why)
            }
            None => Code::FileUnreadable.error("the list of names cannot be read any further").because(error),
        }
    }
}

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
