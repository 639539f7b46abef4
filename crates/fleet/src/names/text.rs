//! Bytes from outside as text that can be split into lines.

use std::io::{self, Read};

/// What one row may take. A quote that is not closed would otherwise take the rest of the file into memory.
pub(super) const MAX_ROW: usize = 256 << 10;

/// What a source is, other than text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Foreign {
    /// UTF-16 of either order.
    Utf16,
    /// A ZIP archive, as spreadsheets are.
    Zip,
    /// Something with NUL in it.
    Binary,
}

/// A reader that gives every end of line as LF, whether it was CR LF, LF or CR, drops the byte order mark, and ends
/// with two ends of line, so that every row is over before the input is.
pub(super) struct Text<R> {
    input: R,
    /// The first bytes, once they are known.
    begun: bool,
    after_cr: bool,
    /// How many bytes were given.
    given: u64,
    /// How many may follow before somebody says that a row is over.
    left: usize,
    /// The bytes of [`END`] that were given.
    ending: usize,
    foreign: Option<Foreign>,
}

const END: &[u8] = b"\n\n";

impl<R: Read> Text<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, begun: false, after_cr: false, given: 0, left: MAX_ROW, ending: 0, foreign: None }
    }

    /// What it turned out to be instead of text. Then reading has failed.
    pub(super) fn foreign(&self) -> Option<Foreign> {
        self.foreign
    }

    /// A row begins.
    pub(super) fn row(&mut self) {
        self.left = MAX_ROW;
    }

    /// Whether the row has become too long. Then reading has failed.
    pub(super) fn is_row_too_long(&self) -> bool {
        self.left == 0
    }

    /// How many bytes there were in all, once the end is known.
    pub(super) fn length(&self) -> Option<u64> {
        (self.ending == END.len()).then_some(self.given)
    }

    /// Fills as much of the buffer as one read gives; at the beginning, enough to tell what it is.
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        loop {
            match self.input.read(buffer.get_mut(filled..).unwrap_or_default()) {
                Ok(0) => return Ok(filled),
                Ok(got) => filled += got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if self.begun || filled >= BEGINNING {
                return Ok(filled);
            }
        }
    }

    /// Drops the mark and looks for what only other formats begin with.
    fn begin(&mut self, bytes: &mut [u8], length: usize) -> usize {
        self.begun = true;
        self.foreign = match bytes.get(..length).unwrap_or_default() {
            [0, 0, ..] => Some(Foreign::Binary),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [_, 0, ..] | [0, _, ..] => Some(Foreign::Utf16),
            [b'P', b'K', 3, 4, ..] => Some(Foreign::Zip),
            _ => None,
        };
        if bytes.starts_with(BOM) && length >= BOM.len() {
            bytes.copy_within(BOM.len()..length, 0);
            return length - BOM.len();
        }
        length
    }

    /// Makes every end of line a LF; how many bytes are left.
    fn unify(&mut self, bytes: &mut [u8]) -> usize {
        if !self.after_cr && !bytes.contains(&b'\r') {
            return bytes.len();
        }
        let mut kept = 0;
        for at in 0..bytes.len() {
            let Some(byte) = bytes.get(at).copied() else { break };
            let is_second_half = byte == b'\n' && self.after_cr;
            self.after_cr = byte == b'\r';
            if is_second_half {
                continue;
            }
            if let Some(place) = bytes.get_mut(kept) {
                *place = if byte == b'\r' { b'\n' } else { byte };
            }
            kept += 1;
        }
        kept
    }
}

const BOM: &[u8] = b"\xef\xbb\xbf";

/// How many bytes tell what a file is.
const BEGINNING: usize = 4;

impl<R: Read> Read for Text<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_row_too_long() || self.foreign.is_some() {
            return Err(io::Error::other("not a list of names"));
        }
        let most = buffer.len().min(self.left);
        let buffer = buffer.get_mut(..most).unwrap_or_default();
        loop {
            let mut length = self.fill(buffer)?;
            if length == 0 {
                break;
            }
            if !self.begun {
                length = self.begin(buffer, length);
            }
            let bytes = buffer.get_mut(..length).unwrap_or_default();
            if bytes.contains(&0) && self.foreign.is_none() {
                self.foreign = Some(Foreign::Binary);
            }
            if self.foreign.is_some() {
                return Err(io::Error::other("not text"));
            }
            let length = self.unify(bytes);
            // All of it may have been a mark, or the second half of an end of line.
            if length > 0 {
                self.given += length as u64;
                self.left -= length;
                return Ok(length);
            }
        }
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

    #[test]
    fn every_end_of_line_is_one_wherever_the_pieces_end() {
        for (given, text) in [
            ("a\r\nb\nc\rd", "a\nb\nc\nd\n\n"),
            ("a\r\r\n\nb\r\n", "a\n\n\nb\n\n\n"),
            ("\u{feff}a", "a\n\n"),
            ("\u{feff}", "\n\n"),
            ("a\u{feff}", "a\u{feff}\n\n"),
            ("\r\n", "\n\n\n"),
            ("", "\n\n"),
        ] {
            let mut whole = Vec::new();
            let mut reader = Text::new(given.as_bytes());
            reader.read_to_end(&mut whole).unwrap();
            assert_eq!(String::from_utf8_lossy(&whole), text, "{given:?}");
            assert_eq!(reader.length(), Some(text.len() as u64));

            let mut pieces = Vec::new();
            Text::new(Slow(given.as_bytes())).read_to_end(&mut pieces).unwrap();
            assert_eq!(pieces, whole, "{given:?}");
        }
    }

    #[test]
    fn other_formats_are_told_apart() {
        for (bytes, foreign) in [
            (&b"\xff\xfen\0"[..], Foreign::Utf16),
            (b"\xfe\xff\0n", Foreign::Utf16),
            (b"n\0a\0m\0e\0", Foreign::Utf16),
            (b"PK\x03\x04....", Foreign::Zip),
            (b"\x7fELF\x02\x01\x01\0\0", Foreign::Binary),
            (b"name\npump\0\n", Foreign::Binary),
        ] {
            let mut reader = Text::new(bytes);
            assert!(reader.read_to_end(&mut Vec::new()).is_err());
            assert_eq!(reader.foreign(), Some(foreign), "{bytes:?}");
        }
    }

    #[test]
    fn a_row_is_not_read_without_end() {
        let mut reader = Text::new(io::repeat(b'x'));
        assert!(reader.read_to_end(&mut Vec::new()).is_err());
        assert!(reader.is_row_too_long());
        let mut reader = Text::new(&b"xxxx"[..]);
        reader.row();
        assert_eq!(reader.read_to_end(&mut Vec::new()).unwrap(), 6);
        assert!(!reader.is_row_too_long());
    }
}
