//! Bytes from outside as text that can be split into lines.

use std::collections::VecDeque;
use std::io::{self, Read};

use super::columns::ColumnSelection;
use super::scan::{ListLimits, Scan, StopReason, StrayQuote};
use super::separator::{self, SeparatorFault};

/// A reader that gives every end of line as LF, whether it was CR LF, LF or CR, drops byte order marks at the beginning,
/// and ends with two ends of line, so that every row is over before the input is.
///
/// What it gives does not depend on the pieces in which the input comes.
pub(super) struct NormalizedText<R> {
    input: R,
    /// The beginning that was read ahead, and not given yet.
    head: VecDeque<u8>,
    /// An error of reading the beginning, which is given behind it.
    failure: Option<io::Error>,
    is_over: bool,
    after_cr: bool,
    scan: Scan,
    strays: VecDeque<StrayQuote>,
    delimiter: u8,
    separator_fault: Option<SeparatorFault>,
    /// The number of bytes that were given.
    given: u64,
    /// The bytes of [`END`] that were given.
    ending: usize,
    stop: Option<StopReason>,
    /// The line of a NUL that was found before the first row was read, from 1.
    nul_line: Option<u64>,
}

const END: &[u8] = b"\n\n";

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The number of bytes that identify a file format.
const BEGINNING: usize = 512;

/// The number of bytes of a first line that are searched for a separator.
const FIRST_LINE: usize = 64 << 10;

impl<R: Read> NormalizedText<R> {
    pub(super) fn new(input: R, wish: &ColumnSelection, limits: ListLimits) -> Self {
        let mut text = Self {
            input,
            head: VecDeque::new(),
            failure: None,
            is_over: false,
            after_cr: false,
            // The separator is not known yet, and is found below.
            scan: Scan::new(b',', limits),
            strays: VecDeque::new(),
            delimiter: b',',
            separator_fault: None,
            given: 0,
            ending: 0,
            stop: None,
            nul_line: None,
        };
        text.begin(wish, limits);
        text
    }

    /// The octet between two fields.
    pub(super) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// The reason for which the first line does not tell that octet.
    pub(super) fn separator_fault(&self) -> Option<SeparatorFault> {
        self.separator_fault
    }

    /// The reason why it was read no further. Then reading has failed.
    pub(super) fn stop(&self) -> Option<StopReason> {
        self.stop
    }

    /// The line on which the row begins that was last begun, from 1.
    pub(super) fn row_line(&self) -> u64 {
        self.nul_line.unwrap_or_else(|| self.scan.row_line())
    }

    /// The misplaced quote in front of `end`, counted in bytes that were given. It is told once.
    pub(super) fn take_stray(&mut self, end: u64) -> Option<StrayQuote> {
        self.strays.pop_front_if(|stray| stray.offset < end)
    }

    /// The number of bytes in all, once the end is known.
    pub(super) fn length(&self) -> Option<u64> {
        (self.ending == END.len()).then_some(self.given)
    }

    /// Looks at the beginning: drops marks, knows other formats, and finds the separator.
    fn begin(&mut self, wish: &ColumnSelection, limits: ListLimits) {
        self.fill_head(|head| head.len() >= BEGINNING);
        // Only these: how much more there is depends on the pieces of the input.
        let beginning = first(self.head.make_contiguous(), BEGINNING);
        self.stop = format_of(beginning);
        self.nul_line = (self.stop == Some(StopReason::Binary)).then(|| nul_line(beginning));
        let mut marks = 0;
        // Concatenated files have a mark for each of their parts.
        while self.stop.is_none() && self.head.make_contiguous().starts_with(BOM) {
            self.head.drain(..BOM.len());
            marks += BOM.len() as u64;
            if marks >= limits.bytes {
                self.stop = Some(StopReason::TooLong);
            }
            self.fill_head(|head| head.len() >= BOM.len());
        }
        if self.stop.is_none() {
            self.fill_head(|head| head.len() >= FIRST_LINE || separator::has_first_line(head));
            let found = separator::find(first(self.head.make_contiguous(), FIRST_LINE), wish);
            self.head.drain(found.directive);
            self.separator_fault = found.fault;
            self.delimiter = found.delimiter;
            self.scan = Scan::new(self.delimiter, limits);
        }
    }

    /// Reads on until the head is `enough`, the input is over, or it fails.
    fn fill_head(&mut self, enough: impl Fn(&[u8]) -> bool) {
        let mut piece = [0; 4096];
        while self.failure.is_none() && !self.is_over && !enough(self.head.make_contiguous()) {
            match self.input.read(&mut piece) {
                Ok(0) => self.is_over = true,
                Ok(got) => self.head.extend(piece.iter().take(got)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.failure = Some(error),
            }
        }
    }

    /// Reads the next piece as it comes.
    fn piece(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // The bytes that were read ahead come before the rest of the input.
        if !self.head.is_empty() {
            return self.head.read(buffer);
        }
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        while !self.is_over {
            match self.input.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                got => return got,
            }
        }
        Ok(0)
    }

    /// Makes every end of line a LF, and looks at every octet; how many are left.
    fn unify(&mut self, bytes: &mut [u8]) -> usize {
        let mut kept = 0;
        // In place: a line end of two bytes becomes one, so that the text only gets shorter.
        for at in 0..bytes.len() {
            let Some(byte) = bytes.get(at).copied() else { break };
            let is_second_half = byte == b'\n' && self.after_cr;
            self.after_cr = byte == b'\r';
            if is_second_half {
                continue;
            }
            let byte = if byte == b'\r' { b'\n' } else { byte };
            match self.scan.step(byte) {
                Ok(stray) => self.strays.extend(stray),
                Err(stop) => {
                    self.stop = Some(stop);
                    break;
                }
            }
            if let Some(place) = bytes.get_mut(kept) {
                *place = byte;
            }
            kept += 1;
        }
        kept
    }
}

fn first(bytes: &[u8], most: usize) -> &[u8] {
    bytes.get(..most).unwrap_or(bytes)
}

/// The reason to stop for files that begin as other formats do.
fn format_of(bytes: &[u8]) -> Option<StopReason> {
    // Four bytes tell the formats that users mistake for CSV: UTF-16 of Excel, and .xlsx files, which are ZIP archives.
    // JSON begins with a bracket, and a list with the names of columns.
    let text = bytes.strip_prefix(BOM).unwrap_or(bytes).trim_ascii_start();
    if let [first @ (b'[' | b'{'), rest @ ..] = text
        && matches!((first, rest.trim_ascii_start().first()), (_, Some(b'{' | b'"')) | (b'[', Some(b'[')))
    {
        return Some(StopReason::Json);
    }
    match bytes {
        // Before UTF-16, whose little-endian mark is the first half of that of UTF-32.
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] | [0x20..=0x7e, 0, 0, 0, ..] | [0, 0, 0, 0x20..=0x7e, ..] => {
            Some(StopReason::Utf32)
        }
        [0, 0, ..] => Some(StopReason::Binary),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [_, 0, ..] | [0, _, ..] => Some(StopReason::Utf16),
        [b'P', b'K', 3, 4, ..] => Some(StopReason::Zip),
        _ if bytes.contains(&0) => Some(StopReason::Binary),
        _ => None,
    }
}

/// The line of the first NUL in a text, from 1. In a file of another format lines have no meaning, and it is the first one.
fn nul_line(bytes: &[u8]) -> u64 {
    let before = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let Ok(text) = std::str::from_utf8(before) else { return 1 };
    if text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        return 1;
    }
    1 + text.replace("\r\n", "\n").matches(['\n', '\r']).count() as u64
}

impl<R: Read> Read for NormalizedText<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.stop.is_some() {
                return Err(io::Error::other("not a list of names"));
            }
            let length = self.piece(buffer)?;
            if length == 0 {
                break;
            }
            // What precedes the reason to stop is given first: it must not matter in which pieces the input comes.
            let length = self.unify(buffer.get_mut(..length).unwrap_or_default());
            // All of it may have been the second half of an end of line.
            if length > 0 {
                self.given += length as u64;
                return Ok(length);
            }
        }
        // Two line breaks at the end make the csv crate finish a last row that has none.
        let rest = END.get(self.ending..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        for (place, byte) in buffer.iter_mut().zip(rest) {
            *place = *byte;
        }
        self.ending += length;
        self.given += length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = 1.min(buffer.len());
            self.0.read(&mut buffer[..length])
        }
    }

    fn text<R: Read>(input: R) -> NormalizedText<R> {
        NormalizedText::new(input, &ColumnSelection::default(), ListLimits::DEFAULT)
    }

    /// The bytes before the end or an error, and the reason to stop.
    fn given(mut reader: NormalizedText<impl Read>) -> (Vec<u8>, Option<StopReason>) {
        let mut bytes = Vec::new();
        let result = reader.read_to_end(&mut bytes);
        assert_eq!(result.is_err(), reader.stop().is_some());
        (bytes, reader.stop())
    }

    #[test]
    fn every_end_of_line_is_one_wherever_the_pieces_end() {
        for (input, expected) in [
            ("a\r\nb\nc\rd", "a\nb\nc\nd\n\n"),
            ("a\r\r\n\nb\r\n", "a\n\n\nb\n\n\n"),
            ("\u{feff}a", "a\n\n"),
            ("\u{feff}\u{feff}\u{feff}a", "a\n\n"),
            ("\u{feff}", "\n\n"),
            ("a\u{feff}", "a\u{feff}\n\n"),
            ("\r\n", "\n\n\n"),
            ("", "\n\n"),
            ("sep=;\r\na;b\r\n", "\na;b\n\n\n"),
            ("\u{feff}sep=,\na", "\na\n\n"),
        ] {
            let mut reader = text(input.as_bytes());
            let mut whole = Vec::new();
            reader.read_to_end(&mut whole).unwrap();
            assert_eq!(String::from_utf8_lossy(&whole), expected, "{input:?}");
            assert_eq!(reader.length(), Some(expected.len() as u64));
            assert_eq!(given(text(Slow(input.as_bytes()))), (whole, None), "{input:?}");
        }
    }

    #[test]
    fn other_formats_are_told_apart_wherever_the_pieces_end() {
        let late = ["name\n", &"pump\n".repeat(20_000), "p\0\n"].concat();
        for (bytes, stop, before) in [
            (&b"\xff\xfen\0"[..], StopReason::Utf16, 0),
            (b"\xfe\xff\0n", StopReason::Utf16, 0),
            (b"n\0a\0m\0e\0", StopReason::Utf16, 0),
            (b"\xff\xfe\0\0n\0\0\0", StopReason::Utf32, 0),
            (b"\0\0\xfe\xff\0\0\0n", StopReason::Utf32, 0),
            (b"n\0\0\0a\0\0\0", StopReason::Utf32, 0),
            (b"\0\0\0n\0\0\0a", StopReason::Utf32, 0),
            (b"[{\"name\":\"x\"}]", StopReason::Json, 0),
            (b"\xef\xbb\xbf\n[\n  \"x\"\n]", StopReason::Json, 0),
            (b"PK\x03\x04....", StopReason::Zip, 0),
            (b"\x7fELF\x02\x01\x01\0\0", StopReason::Binary, 0),
            (b"name\npump\0\n", StopReason::Binary, 0),
            (late.as_bytes(), StopReason::Binary, late.len() - 2),
        ] {
            let whole = given(text(bytes));
            assert_eq!((whole.0.len(), whole.1), (before, Some(stop)), "{bytes:?}");
            assert_eq!(given(text(Slow(bytes))), whole, "{bytes:?}");
        }
    }

    #[test]
    fn a_nul_is_on_its_line_and_other_formats_have_no_lines() {
        let late = ["name\n", &"pump\n".repeat(200), "p\0\n"].concat();
        for (bytes, line) in [
            (&b"name\npump\0\n"[..], 2),
            (b"name\r\na\rb\n\0", 4),
            (b"\xef\xbb\xbfname\0", 1),
            (late.as_bytes(), 202),
            (b"\x7fELF\n\n\x01\0\0", 1),
            (b"\x89PNG\r\n\x1a\n\0", 1),
        ] {
            let mut reader = text(bytes);
            reader.read_to_end(&mut Vec::new()).unwrap_err();
            assert_eq!(reader.row_line(), line, "{bytes:?}");
        }
    }

    #[test]
    fn nothing_is_read_without_end() {
        let small = ListLimits { row: 100, rows: 1000, bytes: 10_000 };
        for (piece, limits, stop) in [
            (&b"x"[..], ListLimits::DEFAULT, StopReason::RowTooLong { is_quoted: false }),
            (b"\n", small, StopReason::TooLong),
            (BOM, small, StopReason::TooLong),
            (b"x\n", small, StopReason::TooManyRows),
            (b",\r\n", small, StopReason::TooManyRows),
        ] {
            let (bytes, stopped) =
                given(NormalizedText::new(Endless { piece, at: 0 }, &ColumnSelection::default(), limits));
            assert_eq!(stopped, Some(stop), "{piece:?}");
            assert!(bytes.len() as u64 <= limits.row + limits.bytes.min(10_000), "{piece:?}");
        }
    }

    /// The same piece again and again.
    struct Endless<'a> {
        piece: &'a [u8],
        at: usize,
    }

    impl Read for Endless<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            for place in buffer.iter_mut() {
                *place = self.piece[self.at % self.piece.len()];
                self.at += 1;
            }
            Ok(buffer.len())
        }
    }

    #[test]
    fn an_error_of_the_first_bytes_is_given_behind_them() {
        struct Failing<'a>(&'a [u8]);
        impl Read for Failing<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                match self.0.read(buffer)? {
                    0 => Err(io::Error::other("the disk is gone")),
                    got => Ok(got),
                }
            }
        }
        let mut reader = text(Failing(b"name"));
        let mut bytes = Vec::new();
        assert_eq!(reader.read_to_end(&mut bytes).unwrap_err().to_string(), "the disk is gone");
        assert_eq!((bytes.as_slice(), reader.stop()), (&b"name"[..], None));
    }
}
