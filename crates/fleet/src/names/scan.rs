//! The structure of a CSV (RFC 4180, section 2), octet by octet: where rows end, and quotes that must not be there.
//!
//! The csv crate reads every input and reports no misplaced quotes. This scanner sees the same octets first. It agrees
//! with the crate about where fields and rows end, also after a misplaced quote.

/// The limits of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ListLimits {
    /// Octets of a row. A quote that is not closed would otherwise take the rest of the file into memory.
    pub(super) row: u64,
    /// Rows, with the first line.
    pub(super) rows: u64,
    /// Octets of the whole list.
    pub(super) bytes: u64,
}

impl ListLimits {
    /// Ten times the largest fleet that is measured, with 200 octets for each device.
    pub(super) const DEFAULT: Self = Self { row: 256 << 10, rows: 10_000_000, bytes: 2 << 30 };
}

/// The reason to read no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopReason {
    /// UTF-16 of either order.
    Utf16,
    /// UTF-32 of either order.
    Utf32,
    /// JSON.
    Json,
    /// A ZIP archive, as spreadsheets are.
    Zip,
    /// Something with NUL in it.
    Binary,
    /// A row is longer than its limit.
    RowTooLong {
        /// True if the limit is within a text in quotes.
        is_quoted: bool,
    },
    /// There are more rows than the limit.
    TooManyRows,
    /// The list is longer than its limit.
    TooLong,
}

/// A quote where RFC 4180 allows none: the first of its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StrayQuote {
    /// The number of octets before it.
    pub(super) offset: u64,
    /// The line that it is on, from 1.
    pub(super) line: u64,
    /// True if a text in quotes ended before it, as in `"ab"cd`. Otherwise it is inside a field, as in `="12"`.
    pub(super) is_after_quotes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No octet of the row was seen.
    Row,
    /// A field begins.
    Field,
    Plain,
    Quoted,
    /// A quote inside quotes: it ends them, or is the first of two.
    Quote,
}

/// The state of the scanner.
pub(super) struct Scan {
    delimiter: u8,
    limits: ListLimits,
    state: State,
    offset: u64,
    line: u64,
    row_line: u64,
    row_length: u64,
    rows: u64,
    has_stray: bool,
}

impl Scan {
    pub(super) fn new(delimiter: u8, limits: ListLimits) -> Self {
        Self {
            delimiter,
            limits,
            state: State::Row,
            offset: 0,
            line: 1,
            row_line: 1,
            row_length: 0,
            rows: 0,
            has_stray: false,
        }
    }

    /// The line on which the current row begins, from 1.
    pub(super) fn row_line(&self) -> u64 {
        self.row_line
    }

    /// Takes the next octet. Every end of line must be LF.
    ///
    /// # Errors
    /// The reason to stop. The octet then does not count.
    pub(super) fn step(&mut self, byte: u8) -> Result<Option<StrayQuote>, StopReason> {
        // The line on which a row begins, since a field in quotes can span many lines.
        if self.state == State::Row {
            self.row_line = self.line;
        }
        self.check(byte)?;
        let stray = self.advance(byte);
        self.offset += 1;
        self.line += u64::from(byte == b'\n');
        // Empty lines are no rows.
        self.row_length = if self.state == State::Row { 0 } else { self.row_length + 1 };
        Ok(stray)
    }

    // The limits are checked for each byte, so that a list without line breaks cannot fill the memory.
    fn check(&self, byte: u8) -> Result<(), StopReason> {
        let begins = self.state == State::Row && byte != b'\n';
        match byte {
            0 => Err(StopReason::Binary),
            _ if self.offset >= self.limits.bytes => Err(StopReason::TooLong),
            _ if begins && self.rows >= self.limits.rows => Err(StopReason::TooManyRows),
            // A line break outside of quotes ends the row, and needs no room in it.
            b'\n' if self.state != State::Quoted => Ok(()),
            _ if self.row_length >= self.limits.row => {
                Err(StopReason::RowTooLong { is_quoted: self.state == State::Quoted })
            }
            _ => Ok(()),
        }
    }

    fn advance(&mut self, byte: u8) -> Option<StrayQuote> {
        let before = self.state;
        if before == State::Row && byte != b'\n' {
            self.rows += 1;
            self.has_stray = false;
        }
        self.state = match (before, byte) {
            (State::Quoted, b'"') => State::Quote,
            (State::Quoted, _) => State::Quoted,
            // A doubled quote is one quote, and the field goes on.
            (State::Quote, b'"') => State::Quoted,
            (_, b'\n') => State::Row,
            (_, byte) if byte == self.delimiter => State::Field,
            (State::Row | State::Field, b'"') => State::Quoted,
            (State::Row | State::Field | State::Plain | State::Quote, _) => State::Plain,
        };
        let is_after_quotes = before == State::Quote && self.state == State::Plain;
        let is_inside = before == State::Plain && byte == b'"';
        // One fault for each row is enough: a stray quote mostly causes others in the same row.
        if self.has_stray || !(is_after_quotes || is_inside) {
            return None;
        }
        self.has_stray = true;
        Some(StrayQuote { offset: self.offset, line: self.line, is_after_quotes })
    }
}

/// True for a CSV with commas and a quote where RFC 4180 allows none: the csv crate can only guess its meaning.
pub(crate) fn has_misplaced_quotes(csv: &[u8]) -> bool {
    let mut scan = Scan::new(b',', ListLimits::DEFAULT);
    csv.iter().any(|byte| matches!(scan.step(*byte), Ok(Some(_))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ListLimits = ListLimits { row: 8, rows: 3, bytes: 20 };

    type Found = (Vec<(u64, bool)>, Option<(u64, StopReason)>);

    /// The stray quotes of a text, and where and why it was stopped.
    fn scan(text: &str, limits: ListLimits) -> Found {
        let mut scan = Scan::new(b',', limits);
        let mut strays = Vec::new();
        for byte in text.bytes() {
            match scan.step(byte) {
                Ok(stray) => strays.extend(stray.map(|stray| (stray.line, stray.is_after_quotes))),
                Err(stop) => return (strays, Some((scan.row_line(), stop))),
            }
        }
        (strays, None)
    }

    #[test]
    fn quotes_are_allowed_around_fields_and_doubled_in_them() {
        for text in ["a,\"b\"\n", "\"\"\n", "\"a\"\"b\",\"\"\"\"\n", "\"a\nb\",c\n", "\n\n\"a,b\"\n", "a\n\"b"] {
            assert_eq!(scan(text, ListLimits::DEFAULT), (vec![], None), "{text:?}");
        }
    }

    #[test]
    fn other_quotes_are_stray_and_told_once_for_a_row() {
        for (text, strays) in [
            ("=\"12\"\n", vec![(1, false)]),
            ("a\n\"ab\"cd\n", vec![(2, true)]),
            ("a, \"b\"\n", vec![(1, false)]),
            ("\"a\" ,b\n", vec![(1, true)]),
            ("\"a\nb\"c\nd\"\n", vec![(2, true), (3, false)]),
            ("x,\"{\"a\":1}\"\n", vec![(1, true)]),
            ("5\"\n6\"\n", vec![(1, false), (2, false)]),
        ] {
            assert_eq!(scan(text, ListLimits::DEFAULT), (strays, None), "{text:?}");
        }
    }

    #[test]
    fn what_is_too_long_is_stopped_at_the_octet() {
        for (text, stop) in [
            ("12345678\n1\n", None),
            ("1\n123456789\n", Some((2, StopReason::RowTooLong { is_quoted: false }))),
            ("\"345\n678\n", Some((1, StopReason::RowTooLong { is_quoted: true }))),
            ("1\n2\n\n3\n\n", None),
            ("1\n2\n3\n4\n", Some((4, StopReason::TooManyRows))),
            ("1\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n", None),
            ("1\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n", Some((20, StopReason::TooLong))),
            ("1\n2\0\n", Some((2, StopReason::Binary))),
        ] {
            assert_eq!(scan(text, LIMITS), (vec![], stop), "{text:?}");
        }
    }
}
