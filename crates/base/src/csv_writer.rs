//! Lines of CSV (RFC 4180) that are safe to open in a spreadsheet.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return for a formula, and a
//! formula can fetch an address or start a program. Names come from outside, so that a text which begins so gets an
//! apostrophe in front, as OWASP advises. Numbers are written as they are.

use std::borrow::Cow;
use std::io::{self, Write};

use csv::{Terminator, Writer, WriterBuilder};

/// The value of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell<'a> {
    /// A text, from wherever it comes.
    Text(&'a str),
    /// A number.
    Number(i128),
    /// Nothing.
    Empty,
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Cell<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<Option<&'a str>> for Cell<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Empty, Self::Text)
    }
}

impl From<Option<u64>> for Cell<'_> {
    fn from(number: Option<u64>) -> Self {
        number.map_or(Self::Empty, |number| Self::Number(number.into()))
    }
}

/// A writer of lines, which end with CRLF. Lines of one writer have the same number of cells.
pub struct CsvWriter<W: Write>(Writer<W>);

impl<W: Write> CsvWriter<W> {
    /// A writer into `out`. It keeps a buffer of its own.
    pub fn new(out: W) -> Self {
        Self(WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out))
    }

    /// Writes one line.
    ///
    /// # Errors
    /// Those of the output.
    pub fn line<'a>(&mut self, cells: impl IntoIterator<Item = Cell<'a>>) -> io::Result<()> {
        for cell in cells {
            match cell {
                Cell::Text(text) => self.0.write_field(no_formula(text).as_bytes()),
                // Without the apostrophe even if it begins with `-`: a number stays a number for the spreadsheet.
                Cell::Number(number) => self.0.write_field(number.to_string()),
                Cell::Empty => self.0.write_field(""),
            }
            .map_err(io_error)?;
        }
        // No further field, only the end of the line: the fields are in the writer's buffer already.
        self.0.write_record(None::<&[u8]>).map_err(io_error)
    }

    /// Writes a line whose fields were written by a [`CsvWriter`] before, and are taken over as they are.
    ///
    /// # Errors
    /// Those of the output.
    pub fn copied(&mut self, fields: impl IntoIterator<Item: AsRef<[u8]>>) -> io::Result<()> {
        self.0.write_record(fields).map_err(io_error)
    }

    /// Writes what is in the buffer, and returns the output.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(self) -> io::Result<W> {
        self.0.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}

/// The error of the output itself: its kind tells a closed pipe, which the conversion of the crate would lose.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// The text with an apostrophe in front if a spreadsheet would take it for a formula.
fn no_formula(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(cells: &[Cell<'_>]) -> String {
        let mut out = CsvWriter::new(Vec::new());
        out.line(cells.iter().cloned()).unwrap();
        String::from_utf8(out.finish().unwrap()).unwrap()
    }

    #[test]
    fn what_separates_cells_is_quoted() {
        assert_eq!(
            line(&["a".into(), "b,c".into(), "d\"e".into(), "f\ng".into()]),
            "a,\"b,c\",\"d\"\"e\",\"f\ng\"\r\n"
        );
        assert_eq!(line(&[Cell::Empty, Cell::Number(-3), Cell::from(None::<&str>)]), ",-3,\r\n");
    }

    #[test]
    fn fields_that_were_written_before_are_copied_as_they_are() {
        let mut out = CsvWriter::new(Vec::new());
        out.line([Cell::from("=a,b"), Cell::Number(-1)]).unwrap();
        // A formula that was disarmed when it was written must not be disarmed twice.
        out.copied(["'=a,b", "-1"]).unwrap();
        assert_eq!(out.finish().unwrap(), b"\"'=a,b\",-1\r\n\"'=a,b\",-1\r\n");
    }

    #[test]
    fn a_line_of_another_length_is_an_error() {
        let mut out = CsvWriter::new(Vec::new());
        out.line([Cell::Empty, Cell::Empty]).unwrap();
        assert!(out.line([Cell::Empty]).is_err());
    }

    #[test]
    fn no_text_is_a_formula() {
        // A spreadsheet takes a cell that begins so for a formula, and a device name may begin so.
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx"] {
            assert_eq!(line(&[text.into()]), format!("'{text}\r\n"));
        }
        assert_eq!(line(&["\r=1".into()]), "\"'\r=1\"\r\n");
        assert_eq!(line(&["=HYPERLINK(\"x\")".into()]), "\"'=HYPERLINK(\"\"x\"\")\"\r\n");
        // What is further inside is no formula.
        assert_eq!(line(&["a=1".into()]), "a=1\r\n");
    }
}
