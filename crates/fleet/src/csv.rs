//! Lines of CSV (RFC 4180) that are safe to open in a spreadsheet.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return for a formula, and a
//! formula can fetch an address or start a program. Names come from outside, so that a text which begins so gets an
//! apostrophe in front, as OWASP advises. Numbers are written as they are.

use std::borrow::Cow;
use std::io::{self, Write};

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

/// Writes one line, with CRLF at its end.
///
/// # Errors
/// Those of `out`.
pub fn write_line<'a>(out: &mut dyn Write, cells: impl IntoIterator<Item = Cell<'a>>) -> io::Result<()> {
    for (index, cell) in cells.into_iter().enumerate() {
        if index > 0 {
            out.write_all(b",")?;
        }
        match cell {
            Cell::Text(text) => out.write_all(quoted(text).as_bytes())?,
            Cell::Number(number) => write!(out, "{number}")?,
            Cell::Empty => {}
        }
    }
    out.write_all(b"\r\n")
}

/// A text as the value of a cell: quoted where it has to be, and no formula.
pub(crate) fn quoted(text: &str) -> Cow<'_, str> {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let apostrophe = if is_formula { "'" } else { "" };
    if text.contains([',', '"', '\r', '\n']) {
        Cow::Owned(format!("\"{apostrophe}{}\"", text.replace('"', "\"\"")))
    } else if is_formula {
        Cow::Owned(format!("{apostrophe}{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(cells: &[Cell<'_>]) -> String {
        let mut out = Vec::new();
        write_line(&mut out, cells.iter().cloned()).unwrap();
        String::from_utf8(out).unwrap()
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
    fn a_text_by_itself_is_written_as_in_a_line() {
        assert_eq!(quoted("pump-1"), "pump-1");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
        for formula in ["=1+1", "+1", "-1", "@x"] {
            assert_eq!(quoted(formula), format!("'{formula}"));
        }
        assert_eq!(quoted("=a,b"), "\"'=a,b\"");
    }

    #[test]
    fn no_text_is_a_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx"] {
            assert_eq!(line(&[text.into()]), format!("'{text}\r\n"));
        }
        assert_eq!(line(&["\r=1".into()]), "\"'\r=1\"\r\n");
        assert_eq!(line(&["=HYPERLINK(\"x\")".into()]), "\"'=HYPERLINK(\"\"x\"\")\"\r\n");
        // What is further inside is no formula.
        assert_eq!(line(&["a=1".into()]), "a=1\r\n");
    }
}
