//! MQTT packets from a connection.

use std::io::{self, Read};

use mqtt::{BrokerPacket, MAX_PACKET, Malformed, Version};

/// A reader of MQTT packets that buffers at most one packet of the longest allowed length.
#[derive(Debug)]
pub struct PacketReader {
    version: Version,
    buffer: Vec<u8>,
}

/// The reason why no further packet can be read.
#[derive(Debug)]
pub enum PacketReadError {
    /// The peer closed the connection between two packets or within one.
    Closed,
    /// The bytes are not an MQTT packet. The first bytes are kept, so that a message can show which protocol answered.
    Malformed(Malformed, Vec<u8>),
    /// The connection failed.
    Io(io::Error),
}

/// The number of bytes that [`PacketReadError::Malformed`] keeps.
const SHOWN: usize = 16;

impl PacketReader {
    /// A reader for a new connection.
    pub fn new(version: Version) -> Self {
        Self { version, buffer: Vec::new() }
    }

    /// The next packet.
    ///
    /// # Errors
    /// [`PacketReadError`], after which no packet can be read.
    pub fn next(&mut self, stream: &mut impl Read) -> Result<BrokerPacket, PacketReadError> {
        loop {
            match BrokerPacket::decode(self.version, &self.buffer) {
                Ok(Some((packet, used))) => {
                    // The rest of the buffer may hold the beginning of the next packet.
                    self.buffer.drain(..used);
                    return Ok(packet);
                }
                Ok(None) => {}
                Err(malformed) => {
                    let shown = self.buffer.iter().take(SHOWN).copied().collect();
                    return Err(PacketReadError::Malformed(malformed, shown));
                }
            }
            // `decode` rejects packets above the limit, so that an incomplete one always leaves room here.
            let mut chunk = [0; 4096];
            // The longest fixed header has five bytes.
            let room = (MAX_PACKET + 5).saturating_sub(self.buffer.len()).min(chunk.len());
            let chunk = chunk.get_mut(..room).unwrap_or_default();
            match stream.read(chunk) {
                Ok(0) => return Err(PacketReadError::Closed),
                Ok(read) => self.buffer.extend_from_slice(chunk.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // rustls reports a connection that ended without close_notify in this way.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(PacketReadError::Closed),
                Err(error) => return Err(PacketReadError::Io(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that returns one byte per call.
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
            let mut reader = PacketReader::new(Version::V311);
            assert!(matches!(reader.next(&mut stream), Ok(BrokerPacket::ConnAck(_))));
            assert!(matches!(reader.next(&mut stream), Ok(BrokerPacket::Other(3))));
            assert!(matches!(reader.next(&mut stream), Ok(BrokerPacket::PubAck(_))));
            assert!(matches!(reader.next(&mut stream), Err(PacketReadError::Closed)));
        }
    }

    #[test]
    fn a_torn_packet_is_an_end_and_junk_is_shown() {
        let mut reader = PacketReader::new(Version::V311);
        assert!(matches!(reader.next(&mut &[0x20, 2, 0][..]), Err(PacketReadError::Closed)));
        let mut reader = PacketReader::new(Version::V311);
        match reader.next(&mut &b"HTTP/1.1 400 Bad Request\r\n"[..]) {
            Err(PacketReadError::Malformed(Malformed::Header(b'H'), shown)) => assert_eq!(shown, b"HTTP/1.1 400 Bad"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_endless_packet_is_not_taken_in() {
        // The longest that is allowed, and then a stream without an end.
        let mut stream = [&[0x30, 0x80, 0x80, 0x08][..], &[0; MAX_PACKET]].concat().to_vec();
        stream.extend([0x20, 2, 0, 0]);
        let mut reader = PacketReader::new(Version::V311);
        assert!(matches!(reader.next(&mut &stream[..]), Ok(BrokerPacket::Other(3))));
        // One byte more than is allowed, and a stream that would go on for ever.
        let mut endless = [0x30, 0x81, 0x80, 0x08].chain(io::repeat(0));
        assert!(matches!(
            PacketReader::new(Version::V311).next(&mut endless),
            Err(PacketReadError::Malformed(Malformed::TooLong(_), _))
        ));
    }
}
