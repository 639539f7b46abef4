//! From a stream of octets to packets.

use std::io::{self, Read};

use super::answer::{Answer, Malformed};
use super::{MAX_PACKET, Version};

/// Takes packets from a connection, and no more of it than one packet can be long.
#[derive(Debug)]
pub struct Reader {
    version: Version,
    buffer: Vec<u8>,
}

/// Why there is no packet.
#[derive(Debug)]
pub enum Broken {
    /// The connection ended between two packets, or within one.
    Ended,
    /// What came is no packet; its first octets, for people to recognise what talks there.
    Malformed(Malformed, Vec<u8>),
    /// The connection failed.
    Io(io::Error),
}

/// As many octets of what is no packet are kept.
const SHOWN: usize = 16;

impl Reader {
    /// Nothing read so far.
    pub fn new(version: Version) -> Self {
        Self { version, buffer: Vec::new() }
    }

    /// The next packet.
    ///
    /// # Errors
    /// [`Broken`], after which nothing more can be read.
    pub fn next(&mut self, stream: &mut impl Read) -> Result<Answer, Broken> {
        loop {
            match Answer::decode(self.version, &self.buffer) {
                Ok(Some((answer, used))) => {
                    self.buffer.drain(..used);
                    return Ok(answer);
                }
                Ok(None) => {}
                Err(malformed) => {
                    let shown = self.buffer.iter().take(SHOWN).copied().collect();
                    return Err(Broken::Malformed(malformed, shown));
                }
            }
            // A packet that is not complete is shorter than the longest that is taken, so this ends.
            let mut chunk = [0; 4096];
            let room = (MAX_PACKET + 5).saturating_sub(self.buffer.len()).min(chunk.len());
            let chunk = chunk.get_mut(..room).unwrap_or_default();
            match stream.read(chunk) {
                Ok(0) => return Err(Broken::Ended),
                Ok(read) => self.buffer.extend_from_slice(chunk.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(Broken::Ended),
                Err(error) => return Err(Broken::Io(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out one octet at a time.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            let (Some((first, rest)), Some(place)) = (self.0.split_first(), bytes.first_mut()) else { return Ok(0) };
            *place = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn packets_come_in_any_pieces() {
        let bytes = [0x20, 2, 0, 0, 0x30, 4, 0, 1, b't', b'x', 0x40, 2, 0, 1];
        for mut stream in [Box::new(&bytes[..]) as Box<dyn Read>, Box::new(Drip(&bytes))] {
            let mut reader = Reader::new(Version::V311);
            assert!(matches!(reader.next(&mut stream), Ok(Answer::ConnAck(_))));
            assert!(matches!(reader.next(&mut stream), Ok(Answer::Other(3))));
            assert!(matches!(reader.next(&mut stream), Ok(Answer::PubAck(_))));
            assert!(matches!(reader.next(&mut stream), Err(Broken::Ended)));
        }
    }

    #[test]
    fn a_torn_packet_is_an_end_and_junk_is_shown() {
        let mut reader = Reader::new(Version::V311);
        assert!(matches!(reader.next(&mut &[0x20, 2, 0][..]), Err(Broken::Ended)));
        let mut reader = Reader::new(Version::V311);
        match reader.next(&mut &b"HTTP/1.1 400 Bad Request\r\n"[..]) {
            Err(Broken::Malformed(Malformed::Header(b'H'), shown)) => assert_eq!(shown, b"HTTP/1.1 400 Bad"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_endless_packet_is_not_taken_in() {
        // The longest that is allowed, and then a stream without an end.
        let mut stream = [&[0x30, 0x80, 0x80, 0x08][..], &[0; MAX_PACKET]].concat().to_vec();
        stream.extend([0x20, 2, 0, 0]);
        let mut reader = Reader::new(Version::V311);
        assert!(matches!(reader.next(&mut &stream[..]), Ok(Answer::Other(3))));
        let mut endless = [0x30, 0x81, 0x80, 0x08].chain(io::repeat(0));
        assert!(matches!(
            Reader::new(Version::V311).next(&mut endless),
            Err(Broken::Malformed(Malformed::TooLong(_), _))
        ));
    }
}
