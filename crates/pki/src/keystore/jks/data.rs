//! Numbers, texts and blocks as Java's `DataOutputStream` writes them.

use base::{Code, Error, Result};

use super::super::fault::unreadable;

/// Reads from a file that may lie about every length.
pub(super) struct JksReader<'a> {
    all: &'a [u8],
    rest: &'a [u8],
}

impl<'a> JksReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { all: bytes, rest: bytes }
    }

    /// The bytes that are not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The bytes that have been read.
    pub(super) fn consumed(&self) -> &'a [u8] {
        // The rest is always the end of the whole, so that the default is never used.
        self.all.strip_suffix(self.rest).unwrap_or(self.all)
    }

    pub(super) fn bytes(&mut self, length: usize) -> Result<&'a [u8]> {
        // A length is checked against the rest of the file before anything is allocated.
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(|| self.torn())?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn number(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Milliseconds since 1970.
    pub(super) fn date(&mut self) -> Result<i64> {
        self.array().map(i64::from_be_bytes)
    }

    /// Bytes behind their length.
    pub(super) fn block(&mut self) -> Result<&'a [u8]> {
        let length = self.number()?;
        self.bytes(usize::try_from(length).map_err(|_| self.torn())?)
    }

    pub(super) fn text(&mut self) -> Result<String> {
        let length = u16::from_be_bytes(self.array()?);
        let bytes = self.bytes(usize::from(length))?;
        decode_text(bytes).ok_or_else(|| unreadable("the JKS keystore holds a name that is not modified UTF-8"))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(|| self.torn())?;
        self.rest = rest;
        Ok(*taken)
    }

    fn torn(&self) -> Error {
        let position = self.all.len() - self.rest.len();
        unreadable("the JKS keystore ends in the middle of an entry")
            .because(format!("byte {position} begins something that is longer than the rest of the file"))
    }
}

/// Writes what [`JksReader`] reads.
#[derive(Default)]
pub(super) struct JksWriter(Vec<u8>);

impl JksWriter {
    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn number(&mut self, number: u32) {
        self.bytes(&number.to_be_bytes());
    }

    /// Milliseconds since 1970.
    pub(super) fn date(&mut self, milliseconds: i64) {
        self.bytes(&milliseconds.to_be_bytes());
    }

    /// Checks the number of items that follow.
    pub(super) fn count(&mut self, count: usize) -> Result<()> {
        self.number(u32::try_from(count).map_err(|_| too_long())?);
        Ok(())
    }

    /// Bytes behind their length.
    pub(super) fn block(&mut self, bytes: &[u8]) -> Result<()> {
        self.count(bytes.len())?;
        self.bytes(bytes);
        Ok(())
    }

    pub(super) fn text(&mut self, text: &str) -> Result<()> {
        let bytes = encode_text(text);
        self.bytes(&u16::try_from(bytes.len()).map_err(|_| too_long())?.to_be_bytes());
        self.bytes(&bytes);
        Ok(())
    }
}

fn too_long() -> Error {
    Code::NameTooLong.error("something is too long for a JKS keystore")
}

/// Modified UTF-8: each UTF-16 unit for itself, NUL as two bytes.
fn encode_text(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for unit in text.encode_utf16() {
        // The masks keep what each byte has room for.
        let low = (unit & 0x3f) as u8 | 0x80;
        // Java writes surrogate pairs as two units of three bytes each, unlike UTF-8. `encode_text` and `decode_text`
        // must agree with it.
        let middle = (unit >> 6 & 0x3f) as u8 | 0x80;
        match unit {
            0x01..=0x7f => bytes.push(unit as u8),
            // NUL becomes two bytes, so that the text has no zero byte: Java's modified UTF-8.
            0x00 | 0x80..=0x7ff => bytes.extend([(unit >> 6) as u8 | 0xc0, low]),
            0x800.. => bytes.extend([(unit >> 12) as u8 | 0xe0, middle, low]),
        }
    }
    bytes
}

fn decode_text(bytes: &[u8]) -> Option<String> {
    let mut units = Vec::with_capacity(bytes.len());
    let mut bytes = bytes.iter().copied();
    while let Some(first) = bytes.next() {
        let mut next = || bytes.next().filter(|byte| byte & 0xc0 == 0x80).map(|byte| u16::from(byte & 0x3f));
        units.push(match first {
            // Longer forms than needed pass, as in Java's own reader: NUL itself is written as one.
            0x00..=0x7f => u16::from(first),
            0xc0..=0xdf => u16::from(first & 0x1f) << 6 | next()?,
            0xe0..=0xef => u16::from(first & 0x0f) << 12 | next()? << 6 | next()?,
            _ => return None,
        });
    }
    // Lone surrogates are possible in Java's strings but not in ours. They make the name unreadable.
    String::from_utf16(&units).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_java_writes_them() {
        assert_eq!(encode_text("aß€"), "aß€".as_bytes());
        assert_eq!(encode_text("\0"), [0xc0, 0x80]);
        assert_eq!(encode_text("🔑"), [0xed, 0xa0, 0xbd, 0xed, 0xb4, 0x91]);
    }

    #[test]
    fn names_read_back() {
        for text in ["", "serveralias", "äöü ß € \u{ffff}", "\0", "🔑 key"] {
            assert_eq!(decode_text(&encode_text(text)).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_not_modified_utf8_is_no_name() {
        for bytes in [&b"\xff"[..], b"\xc3", b"\xe2\x82", b"\xc3a", b"\x80", b"\xed\xa0\xbd"] {
            assert_eq!(decode_text(bytes), None, "{bytes:x?}");
        }
    }

    #[test]
    fn a_length_beyond_the_file_is_an_error_and_no_allocation() {
        let error = JksReader::new(&[0xff; 100]).block().unwrap_err();
        assert_eq!(error.code(), Code::KeystoreUnreadable);
    }
}
