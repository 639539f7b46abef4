//! The packets that a broker sends.

use alloc::string::String;
use core::fmt;

use super::properties::Cursor;
use super::{MAX_PACKET, Version};

/// A packet from a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerPacket {
    /// The answer to CONNECT.
    ConnAck(ConnAck),
    /// The answer to a PUBLISH with QoS 1.
    PubAck(PubAck),
    /// PINGRESP (section 3.13), the answer to PINGREQ.
    PingResp,
    /// The end of an MQTT 5.0 session.
    Disconnect(Disconnect),
    /// Any other packet type (section 2.1.2), which clients skip: some brokers publish to clients without a
    /// subscription.
    Other(u8),
}

/// CONNACK (section 3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnAck {
    /// The version of this packet. Brokers without MQTT 5.0 reject it in the format of 3.1.1.
    pub version: Version,
    /// True if the broker has a stored session of this client.
    pub session_present: bool,
    /// The return code of 3.1.1 or the reason code of 5.0; 0 means accepted.
    pub code: u8,
    /// The broker's reason string (5.0, section 3.2.2.3.9).
    pub reason: Option<String>,
}

/// PUBACK (section 3.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PubAck {
    /// The identifier of the acknowledged PUBLISH.
    pub identifier: u16,
    /// The reason code of 5.0; 0x80 and above mean rejected.
    pub code: u8,
    /// The broker's reason string.
    pub reason: Option<String>,
}

/// DISCONNECT from a broker (5.0, section 3.14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disconnect {
    /// The reason code.
    pub code: u8,
    /// The broker's reason string.
    pub reason: Option<String>,
}

/// A violation of the standard by a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// The first byte has a type that brokers do not send, or wrong flags (section 2.1).
    Header(u8),
    /// A length has more than four bytes, or more than it needs.
    Length,
    /// The packet is longer than [`MAX_PACKET`]; its length in bytes.
    TooLong(usize),
    /// A field extends beyond the end of its packet.
    Short,
    /// Bytes follow the last field.
    Long,
    /// A flag that must be 0 or 1 has another value.
    Flags(u8),
    /// A text is not UTF-8.
    Text,
    /// A property is not allowed in this packet, or is repeated.
    Property(u32),
    /// A PUBACK has the identifier 0, which is reserved.
    Identifier,
}

impl BrokerPacket {
    /// The first packet of `bytes` and its length in bytes, or `None` if the packet is incomplete.
    ///
    /// # Errors
    /// [`Malformed`], as soon as a prefix of the packet proves it.
    pub fn decode(version: Version, bytes: &[u8]) -> Result<Option<(Self, usize)>, Malformed> {
        let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
        let (kind, flags) = (first >> 4, first & 0x0F);
        // The types that brokers send with their flags (section 2.2.2); QoS 3 does not exist.
        let known = match kind {
            2 | 4 | 5 | 7 | 9 | 11 | 13 => flags == 0,
            3 => flags & 0x06 != 0x06,
            6 => flags == 2,
            14 | 15 => flags == 0 && version == Version::V5,
            _ => false,
        };
        if !known {
            return Err(Malformed::Header(first));
        }
        let mut cursor = Cursor(rest);
        let length = match cursor.varint() {
            Ok(length) => usize::try_from(length).map_err(|_| Malformed::Length)?,
            // The length may be cut by the end of what has arrived so far; more bytes can complete it.
            Err(Malformed::Short) => return Ok(None),
            Err(other) => return Err(other),
        };
        // Before the body is waited for: a broker must not make a device reserve 256 MiB.
        if length > MAX_PACKET {
            return Err(Malformed::TooLong(length));
        }
        let used = bytes.len() - cursor.0.len() + length;
        let Ok(body) = cursor.take(length) else { return Ok(None) };
        let packet = match kind {
            2 => Self::ConnAck(ConnAck::decode(version, body)?),
            4 => Self::PubAck(PubAck::decode(version, body)?),
            13 if body.is_empty() => Self::PingResp,
            // A PINGRESP has no body (3.13).
            13 => return Err(Malformed::Long),
            14 => Self::Disconnect(Disconnect::decode(body)?),
            other => Self::Other(other),
        };
        Ok(Some((packet, used)))
    }
}

impl ConnAck {
    fn decode(version: Version, body: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor(body);
        let flags = cursor.byte()?;
        if flags > 1 {
            return Err(Malformed::Flags(flags));
        }
        let code = cursor.byte()?;
        let (version, reason) = match version {
            Version::V311 => (Version::V311, None),
            // A broker that implements 3.1.1 alone answers in that format (3.1.1, section 3.1.2.2), without properties.
            Version::V5 if cursor.is_empty() => (Version::V311, None),
            Version::V5 => (Version::V5, cursor.properties()?.reason),
        };
        end(&cursor)?;
        Ok(Self { version, session_present: flags == 1, code, reason })
    }
}

impl PubAck {
    fn decode(version: Version, body: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor(body);
        let identifier = cursor.number()?;
        // Identifiers are at least 1 (2.2.1); 0 would acknowledge nothing that was sent.
        if identifier == 0 {
            return Err(Malformed::Identifier);
        }
        let (code, reason) = if version == Version::V5 { reason(&mut cursor)? } else { (0, None) };
        end(&cursor)?;
        Ok(Self { identifier, code, reason })
    }
}

impl Disconnect {
    fn decode(body: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor(body);
        let (code, reason) = reason(&mut cursor)?;
        end(&cursor)?;
        Ok(Self { code, reason })
    }
}

/// The reason code and the reason string. Both are optional.
fn reason(cursor: &mut Cursor<'_>) -> Result<(u8, Option<String>), Malformed> {
    // MQTT 5 lets the code and the properties be left out where the code is 0 (3.4.2.1, 3.14.2.1).
    if cursor.is_empty() {
        return Ok((0, None));
    }
    let code = cursor.byte()?;
    let reason = if cursor.is_empty() { None } else { cursor.properties()?.reason };
    Ok((code, reason))
}

fn end(cursor: &Cursor<'_>) -> Result<(), Malformed> {
    if cursor.is_empty() { Ok(()) } else { Err(Malformed::Long) }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(byte) => write!(f, "no MQTT packet of a broker begins with {byte:02x}"),
            Self::Length => f.write_str("a length field is longer than MQTT allows"),
            Self::TooLong(length) => write!(f, "the packet has {length} bytes, more than {MAX_PACKET}"),
            Self::Short => f.write_str("a field extends beyond the end of the packet"),
            Self::Long => f.write_str("bytes follow the last field of the packet"),
            Self::Flags(byte) => write!(f, "the flags {byte:02x} are invalid"),
            Self::Text => f.write_str("a text is not UTF-8"),
            Self::Property(identifier) => write!(f, "the property {identifier:02x} is not allowed in this packet"),
            Self::Identifier => f.write_str("the packet identifier is 0"),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn whole(version: Version, bytes: &[u8]) -> BrokerPacket {
        let (packet, used) = BrokerPacket::decode(version, bytes).unwrap().unwrap();
        assert_eq!(used, bytes.len());
        packet
    }

    fn connack(version: Version, code: u8) -> BrokerPacket {
        BrokerPacket::ConnAck(ConnAck { version, session_present: false, code, reason: None })
    }

    #[test]
    fn packets_of_thingsboard_are_decoded() {
        assert_eq!(whole(Version::V311, &[0x20, 2, 0, 0]), connack(Version::V311, 0));
        assert_eq!(whole(Version::V311, &[0x20, 2, 0, 5]), connack(Version::V311, 5));
        // ThingsBoard's answer to a login that it does not know: 5 in MQTT 3.1.1, and 0x87 in MQTT 5.
        assert_eq!(whole(Version::V5, &[0x20, 3, 0, 0x87, 0]), connack(Version::V5, 0x87));
        assert_eq!(
            whole(Version::V311, &[0x20, 2, 1, 0]),
            BrokerPacket::ConnAck(ConnAck { version: Version::V311, session_present: true, code: 0, reason: None })
        );
        assert_eq!(
            whole(Version::V5, &[0xE0, 2, 0x87, 0]),
            BrokerPacket::Disconnect(Disconnect { code: 0x87, reason: None })
        );
        for version in [Version::V311, Version::V5] {
            let packet = whole(version, &[0x40, 2, 0, 7]);
            assert_eq!(packet, BrokerPacket::PubAck(PubAck { identifier: 7, code: 0, reason: None }));
        }
        let refused = PubAck { identifier: 7, code: 0x99, reason: None };
        assert_eq!(whole(Version::V5, &[0x40, 4, 0, 7, 0x99, 0]), BrokerPacket::PubAck(refused));
        assert_eq!(whole(Version::V311, &[0xD0, 0]), BrokerPacket::PingResp);
    }

    #[test]
    fn a_broker_without_mqtt_5_answers_in_its_own_version() {
        assert_eq!(whole(Version::V5, &[0x20, 2, 0, 1]), connack(Version::V311, 1));
    }

    #[test]
    fn properties_are_skipped_except_the_reason() {
        let mut body = vec![0, 0x87];
        let properties = [
            &[0x11, 0, 0, 0, 9, 0x21, 0, 20, 0x24, 1][..],
            b"\x12\x00\x02id\x1f\x00\x02no\x26\x00\x01k\x00\x01v\x16\x00\x01\xff",
        ]
        .concat();
        body.push(u8::try_from(properties.len()).unwrap());
        body.extend(properties);
        let packet = [&[0x20, u8::try_from(body.len()).unwrap()][..], &body].concat();
        let BrokerPacket::ConnAck(connack) = whole(Version::V5, &packet) else { panic!("{packet:?}") };
        assert_eq!((connack.code, connack.reason.as_deref()), (0x87, Some("no")));
    }

    #[test]
    fn violations_of_the_standard_are_refused() {
        use Malformed as M;
        for (version, bytes, expected) in [
            // A web server at the port.
            (Version::V311, &b"HTTP/1.1 400 Bad Request"[..], M::Header(b'H')),
            (Version::V311, &[0x10, 0], M::Header(0x10)),
            (Version::V311, &[0x21, 2, 0, 0], M::Header(0x21)),
            (Version::V311, &[0xE0, 0], M::Header(0xE0)),
            (Version::V5, &[0x36, 0], M::Header(0x36)),
            // A fifth octet of length, and a length that is longer than it needs to be.
            (Version::V311, &[0x20, 0x80, 0x80, 0x80, 0x80, 1], M::Length),
            (Version::V311, &[0x20, 0x82, 0x00, 0, 0], M::Length),
            // The largest length that MQTT has. The device must not try to hold it.
            (Version::V311, &[0x30, 0xFF, 0xFF, 0xFF, 0x7F], M::TooLong(268_435_455)),
            (Version::V311, &[0x20, 0], M::Short),
            (Version::V311, &[0x20, 3, 0, 0, 0], M::Long),
            (Version::V311, &[0x20, 2, 2, 0], M::Flags(2)),
            (Version::V5, &[0x20, 3, 0, 0, 1], M::Short),
            (Version::V5, &[0x20, 5, 0, 0, 2, 0x7F, 0], M::Property(0x7F)),
            (Version::V5, &[0x20, 7, 0, 0, 4, 0x1F, 0, 1, 0xFF], M::Text),
            // The reason may occur only once (MQTT 5, section 3.2.2.3.9).
            (Version::V5, &[0x20, 9, 0, 0, 6, 0x1F, 0, 0, 0x1F, 0, 0], M::Property(0x1F)),
            (Version::V311, &[0x40, 2, 0, 0], M::Identifier),
            (Version::V311, &[0x40, 3, 0, 1, 0], M::Long),
            (Version::V311, &[0xD0, 1, 0], M::Long),
        ] {
            assert_eq!(BrokerPacket::decode(version, bytes), Err(expected), "{bytes:02x?}");
            assert!(!expected.to_string().is_empty());
        }
    }

    /// A packet as a broker encodes it.
    fn encode(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind << 4];
        let mut rest = body.len();
        loop {
            let digit = u8::try_from(rest % 128).unwrap();
            rest /= 128;
            bytes.push(if rest > 0 { digit | 0x80 } else { digit });
            if rest == 0 {
                break;
            }
        }
        bytes.extend_from_slice(body);
        bytes
    }

    proptest! {
        #[test]
        fn every_packet_round_trips(
            code: u8, session: bool, identifier in 1u16.., text in proptest::option::of(".{0,40}"), behind: Vec<u8>,
        ) {
            let properties = match &text {
                None => vec![0],
                Some(text) => {
                    let text = [&u16::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat();
                    let mut list = encode(0, &[&[0x1F], &text[..]].concat());
                    list.remove(0);
                    list
                }
            };
            let id = identifier.to_be_bytes();
            let cases = [
                (2, [&[u8::from(session), code], &properties[..]].concat(), BrokerPacket::ConnAck(ConnAck {
                    version: Version::V5, session_present: session, code, reason: text.clone(),
                })),
                (4, [&id[..], &[code], &properties].concat(), BrokerPacket::PubAck(PubAck {
                    identifier, code, reason: text.clone(),
                })),
                (14, [&[code], &properties[..]].concat(), BrokerPacket::Disconnect(Disconnect { code, reason: text.clone() })),
            ];
            for (kind, body, expected) in cases {
                let packet = encode(kind, &body);
                let stream = [&packet[..], &behind].concat();
                prop_assert_eq!(BrokerPacket::decode(Version::V5, &stream).unwrap(), Some((expected, packet.len())));
                // Every proper prefix is incomplete, not malformed.
                for end in 0..packet.len() {
                    prop_assert_eq!(BrokerPacket::decode(Version::V5, &packet[..end]), Ok(None));
                }
            }
        }

        #[test]
        fn no_bytes_cause_a_panic(five: bool, bytes: Vec<u8>) {
            let version = if five { Version::V5 } else { Version::V311 };
            if let Ok(Some((_, used))) = BrokerPacket::decode(version, &bytes) {
                prop_assert!((2..=bytes.len()).contains(&used));
            }
        }
    }
}
