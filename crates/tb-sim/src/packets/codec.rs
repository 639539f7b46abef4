//! Bytes to packets. What Netty's decoder refuses is refused here.

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// A packet: kind and flags of the fixed header, and the bytes after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) body: Vec<u8>,
}

/// The next bytes of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    Frame(Frame),
    /// Bytes that are no packet, or too long a one.
    Malformed,
    /// The end.
    End,
}

/// Kinds of packets (5.0, section 2.1.2).
pub(crate) mod kind {
    pub(crate) const CONNECT: u8 = 1;
    pub(crate) const PUBLISH: u8 = 3;
    pub(crate) const PUBREL: u8 = 6;
    pub(crate) const SUBSCRIBE: u8 = 8;
    pub(crate) const UNSUBSCRIBE: u8 = 10;
    pub(crate) const PINGREQ: u8 = 12;
    pub(crate) const DISCONNECT: u8 = 14;
    pub(crate) const AUTH: u8 = 15;
}

/// Packets from a stream. A read that is cancelled loses no bytes, so it can be used in a `select!`.
pub(crate) struct Frames {
    buffer: Vec<u8>,
    longest: usize,
}

impl Frames {
    pub(crate) fn new(longest: usize) -> Self {
        Self { buffer: Vec::new(), longest }
    }

    /// The next packet.
    pub(crate) async fn next<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> Incoming {
        loop {
            match split(&self.buffer, self.longest) {
                Split::Frame(frame, length) => {
                    self.buffer.drain(..length);
                    return Incoming::Frame(frame);
                }
                Split::Malformed => return Incoming::Malformed,
                Split::Incomplete => {}
            }
            let mut chunk = [0_u8; 4096];
            match stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return Incoming::End,
                Ok(length) => self.buffer.extend(chunk.iter().take(length)),
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Split {
    Frame(Frame, usize),
    Incomplete,
    Malformed,
}

fn split(buffer: &[u8], longest: usize) -> Split {
    let Some((first, rest)) = buffer.split_first() else { return Split::Incomplete };
    let (kind, flags) = (first >> 4, first & 0x0f);
    if !has_valid_flags(kind, flags) {
        return Split::Malformed;
    }
    let mut reader = Reader::new(rest);
    let Some(length) = reader.variable() else {
        // A length has at most four bytes, so after four there is nothing to wait for.
        return if rest.len() >= 4 { Split::Malformed } else { Split::Incomplete };
    };
    // Before the body has come: memory is not reserved for what a client merely announces.
    if length > longest {
        return Split::Malformed;
    }
    let header = buffer.len() - reader.rest().len();
    match reader.take(length) {
        Some(body) => Split::Frame(Frame { kind, flags, body: body.to_vec() }, header + length),
        None => Split::Incomplete,
    }
}

/// Checks the first byte alone, as Netty does: other bytes than MQTT end a connection before a length is waited for.
fn has_valid_flags(kind: u8, flags: u8) -> bool {
    match kind {
        0 => false,
        kind::PUBLISH => flags & 0x06 != 0x06,
        kind::PUBREL | kind::SUBSCRIBE | kind::UNSUBSCRIBE => flags == 0x02,
        _ => flags == 0,
    }
}

/// Reads the pieces of a packet. `None` is the end, or what is malformed.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// A packet's identifier, which is never 0.
    pub(crate) fn identifier(&mut self) -> Option<u16> {
        self.u16().filter(|id| *id != 0)
    }

    /// A length and as many bytes.
    pub(crate) fn binary(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    /// A length and as many bytes of text.
    pub(crate) fn text(&mut self) -> Option<String> {
        self.binary().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// A number in one to four bytes (3.1.1, section 2.2.3).
    pub(crate) fn variable(&mut self) -> Option<usize> {
        let mut value = 0_usize;
        for shift in [0, 7, 14, 21] {
            let byte = self.u8()?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// Skips the properties of version 5 (section 2.2.2); `None` if they cannot be read.
    pub(crate) fn properties(&mut self) -> Option<()> {
        let length = self.variable()?;
        let mut inside = Reader::new(self.take(length)?);
        while !inside.rest.is_empty() {
            match inside.variable()? {
                // By the types of the values (5.0, section 2.2.2.2): a byte, two, four, a variable integer, a text, a
                // pair of texts.
                1 | 23 | 25 | 36 | 37 | 40 | 41 | 42 => {
                    inside.take(1)?;
                }
                19 | 33 | 34 | 35 => {
                    inside.take(2)?;
                }
                2 | 17 | 24 | 39 => {
                    inside.take(4)?;
                }
                11 => {
                    inside.variable()?;
                }
                3 | 8 | 9 | 18 | 21 | 22 | 26 | 28 | 31 => {
                    inside.binary()?;
                }
                38 => {
                    inside.binary()?;
                    inside.binary()?;
                }
                _ => return None,
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_split_off_one_by_one() {
        let ping = Frame { kind: 12, flags: 0, body: vec![] };
        assert_eq!(split(&[0xc0, 0, 0xc0], 10), Split::Frame(ping, 2));
        let publish = Frame { kind: 3, flags: 0, body: vec![0, 1, b'a'] };
        assert_eq!(split(&[0x30, 3, 0, 1, b'a'], 10), Split::Frame(publish, 5));
        for incomplete in [&[][..], &[0x30], &[0x30, 3, 0], &[0x30, 0x80], &[0x30, 0x80, 0x80, 0x80]] {
            assert_eq!(split(incomplete, 1000), Split::Incomplete, "{incomplete:?}");
        }
    }

    #[test]
    fn what_is_no_packet_is_malformed() {
        for malformed in [
            &[0x00, 0][..],
            &[0x80, 0],
            &[0x60, 0],
            b"GET / HTTP/1.1",
            &[0x16, 3, 1],
            &[0x36],
            &[0x30, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 11],
        ] {
            assert_eq!(split(malformed, 10), Split::Malformed, "{malformed:?}");
        }
    }

    #[test]
    fn unknown_properties_cannot_be_read() {
        assert_eq!(Reader::new(&[0]).properties(), Some(()));
        assert_eq!(Reader::new(&[5, 17, 0, 0, 0, 9]).properties(), Some(()));
        assert_eq!(Reader::new(&[2, 99, 0]).properties(), None);
        assert_eq!(Reader::new(&[3, 17, 0, 0]).properties(), None);
        assert_eq!(Reader::new(&[9, 17]).properties(), None);
    }
}
