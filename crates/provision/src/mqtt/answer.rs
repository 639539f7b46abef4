//! What a broker sends.

use std::fmt;

use super::properties::Cursor;
use super::{MAX_PACKET, Version};

/// A packet of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The answer to CONNECT.
    ConnAck(ConnAck),
    /// The answer to a PUBLISH with QoS 1.
    PubAck(PubAck),
    /// The broker ends a session of MQTT 5.0.
    Disconnect(Disconnect),
    /// Anything else that brokers send (its type, section 2.1.2), which is stepped over: some publish to a client that
    /// has not subscribed to anything.
    Other(u8),
}

/// CONNACK (section 3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnAck {
    /// The version that the answer is in: brokers that know no 5.0 refuse it in the words of 3.1.1.
    pub version: Version,
    /// Whether the broker says that it has a session of this client.
    pub session_present: bool,
    /// The return code of 3.1.1, the reason code of 5.0; 0 is yes.
    pub code: u8,
    /// The broker's own words.
    pub reason: Option<String>,
}

/// PUBACK (section 3.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PubAck {
    /// That of the PUBLISH.
    pub identifier: u16,
    /// The reason code of 5.0; from 0x80 on it is no.
    pub code: u8,
    /// The broker's own words.
    pub reason: Option<String>,
}

/// DISCONNECT of a broker (5.0, section 3.14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disconnect {
    /// The reason code.
    pub code: u8,
    /// The broker's own words.
    pub reason: Option<String>,
}

/// Why octets are no packet of a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// The type is one that brokers do not send, or the bits behind it are wrong: section 2.1.
    Header(u8),
    /// A length of more than four octets, or written in more than it needs.
    Length,
    /// Longer than [`MAX_PACKET`].
    TooLong(usize),
    /// A field goes on behind the end of its packet.
    Short,
    /// There is something behind the last field.
    Long,
    /// A flag that has to be 0 or 1 is neither.
    Flags(u8),
    /// A text is not UTF-8.
    Text,
    /// A property that does not belong here, or stands twice.
    Property(u32),
    /// PUBACK for packet 0, which there is not.
    Identifier,
}

impl Answer {
    /// Reads one packet from the front of `bytes`, and says how many octets it has; `None` when more are needed.
    ///
    /// # Errors
    /// [`Malformed`], as soon as it shows.
    pub fn decode(version: Version, bytes: &[u8]) -> Result<Option<(Self, usize)>, Malformed> {
        let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
        let (kind, flags) = (first >> 4, first & 0x0F);
        // What a broker sends, and which bits go with it; QoS 3 does not exist.
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
            Err(Malformed::Short) => return Ok(None),
            Err(other) => return Err(other),
        };
        if length > MAX_PACKET {
            return Err(Malformed::TooLong(length));
        }
        let used = bytes.len() - cursor.0.len() + length;
        let Ok(body) = cursor.take(length) else { return Ok(None) };
        let answer = match kind {
            2 => Self::ConnAck(ConnAck::decode(version, body)?),
            4 => Self::PubAck(PubAck::decode(version, body)?),
            14 => Self::Disconnect(Disconnect::decode(body)?),
            other => Self::Other(other),
        };
        Ok(Some((answer, used)))
    }
}

impl ConnAck {
    fn decode(version: Version, body: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor(body);
        let flags = cursor.octet()?;
        if flags > 1 {
            return Err(Malformed::Flags(flags));
        }
        let code = cursor.octet()?;
        let (version, reason) = match version {
            Version::V311 => (Version::V311, None),
            // 5.0, section 4.13.2 of the older standard's brokers: they answer in their own version.
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

/// A reason code and properties, both of which may be left out.
fn reason(cursor: &mut Cursor<'_>) -> Result<(u8, Option<String>), Malformed> {
    if cursor.is_empty() {
        return Ok((0, None));
    }
    let code = cursor.octet()?;
    let reason = if cursor.is_empty() { None } else { cursor.properties()?.reason };
    Ok((code, reason))
}

fn end(cursor: &Cursor<'_>) -> Result<(), Malformed> {
    if cursor.is_empty() { Ok(()) } else { Err(Malformed::Long) }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(octet) => write!(f, "it begins with {octet:02x}, as no packet of a broker does"),
            Self::Length => f.write_str("a length takes more octets than MQTT allows"),
            Self::TooLong(length) => write!(f, "it says that it has {length} octets"),
            Self::Short => f.write_str("it ends within a field"),
            Self::Long => f.write_str("something stands behind its last field"),
            Self::Flags(octet) => write!(f, "its flags are {octet:02x}"),
            Self::Text => f.write_str("a text in it is not UTF-8"),
            Self::Property(identifier) => {
                write!(f, "it has the property {identifier:02x}, which does not belong there")
            }
            Self::Identifier => f.write_str("it answers packet 0"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(version: Version, bytes: &[u8]) -> Answer {
        let (answer, used) = Answer::decode(version, bytes).unwrap().unwrap();
        assert_eq!(used, bytes.len());
        answer
    }

    fn connack(version: Version, code: u8) -> Answer {
        Answer::ConnAck(ConnAck { version, session_present: false, code, reason: None })
    }

    #[test]
    fn what_thingsboard_answers_is_understood() {
        assert_eq!(whole(Version::V311, &[0x20, 2, 0, 0]), connack(Version::V311, 0));
        assert_eq!(whole(Version::V311, &[0x20, 2, 0, 5]), connack(Version::V311, 5));
        assert_eq!(whole(Version::V5, &[0x20, 3, 0, 0x87, 0]), connack(Version::V5, 0x87));
        assert_eq!(
            whole(Version::V311, &[0x20, 2, 1, 0]),
            Answer::ConnAck(ConnAck { version: Version::V311, session_present: true, code: 0, reason: None })
        );
        assert_eq!(
            whole(Version::V5, &[0xE0, 2, 0x87, 0]),
            Answer::Disconnect(Disconnect { code: 0x87, reason: None })
        );
        for version in [Version::V311, Version::V5] {
            let answer = whole(version, &[0x40, 2, 0, 7]);
            assert_eq!(answer, Answer::PubAck(PubAck { identifier: 7, code: 0, reason: None }));
        }
        let refused = PubAck { identifier: 7, code: 0x99, reason: None };
        assert_eq!(whole(Version::V5, &[0x40, 4, 0, 7, 0x99, 0]), Answer::PubAck(refused));
    }

    #[test]
    fn a_broker_that_knows_no_mqtt_5_answers_in_its_own_version() {
        assert_eq!(whole(Version::V5, &[0x20, 2, 0, 1]), connack(Version::V311, 1));
    }

    #[test]
    fn properties_are_stepped_over_and_the_reason_is_kept() {
        let mut body = vec![0, 0x87];
        let properties = [
            &[0x11, 0, 0, 0, 9, 0x21, 0, 20, 0x24, 1][..],
            b"\x12\x00\x02id\x1f\x00\x02no\x26\x00\x01k\x00\x01v\x16\x00\x01\xff",
        ]
        .concat();
        body.push(u8::try_from(properties.len()).unwrap());
        body.extend(properties);
        let packet = [&[0x20, u8::try_from(body.len()).unwrap()][..], &body].concat();
        let Answer::ConnAck(connack) = whole(Version::V5, &packet) else { panic!("{packet:?}") };
        assert_eq!((connack.code, connack.reason.as_deref()), (0x87, Some("no")));
    }

    #[test]
    fn what_breaks_the_standard_is_refused() {
        use Malformed as M;
        for (version, bytes, expected) in [
            (Version::V311, &b"HTTP/1.1 400 Bad Request"[..], M::Header(b'H')),
            (Version::V311, &[0x10, 0], M::Header(0x10)),
            (Version::V311, &[0x21, 2, 0, 0], M::Header(0x21)),
            (Version::V311, &[0xE0, 0], M::Header(0xE0)),
            (Version::V5, &[0x36, 0], M::Header(0x36)),
            (Version::V311, &[0x20, 0x80, 0x80, 0x80, 0x80, 1], M::Length),
            (Version::V311, &[0x20, 0x82, 0x00, 0, 0], M::Length),
            (Version::V311, &[0x30, 0xFF, 0xFF, 0xFF, 0x7F], M::TooLong(268_435_455)),
            (Version::V311, &[0x20, 0], M::Short),
            (Version::V311, &[0x20, 3, 0, 0, 0], M::Long),
            (Version::V311, &[0x20, 2, 2, 0], M::Flags(2)),
            (Version::V5, &[0x20, 3, 0, 0, 1], M::Short),
            (Version::V5, &[0x20, 5, 0, 0, 2, 0x7F, 0], M::Property(0x7F)),
            (Version::V5, &[0x20, 7, 0, 0, 4, 0x1F, 0, 1, 0xFF], M::Text),
            (Version::V5, &[0x20, 9, 0, 0, 6, 0x1F, 0, 0, 0x1F, 0, 0], M::Property(0x1F)),
            (Version::V311, &[0x40, 2, 0, 0], M::Identifier),
            (Version::V311, &[0x40, 3, 0, 1, 0], M::Long),
        ] {
            assert_eq!(Answer::decode(version, bytes), Err(expected), "{bytes:02x?}");
            assert!(!expected.to_string().is_empty());
        }
    }

    /// As a broker writes it.
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
        fn every_answer_is_read_as_it_was_written(
            code: u8, session: bool, identifier in 1u16.., words in proptest::option::of(".{0,40}"), behind: Vec<u8>,
        ) {
            let properties = match &words {
                None => vec![0],
                Some(words) => {
                    let text = [&u16::try_from(words.len()).unwrap().to_be_bytes()[..], words.as_bytes()].concat();
                    let mut list = encode(0, &[&[0x1F], &text[..]].concat());
                    list.remove(0);
                    list
                }
            };
            let id = identifier.to_be_bytes();
            let cases = [
                (2, [&[u8::from(session), code], &properties[..]].concat(), Answer::ConnAck(ConnAck {
                    version: Version::V5, session_present: session, code, reason: words.clone(),
                })),
                (4, [&id[..], &[code], &properties].concat(), Answer::PubAck(PubAck {
                    identifier, code, reason: words.clone(),
                })),
                (14, [&[code], &properties[..]].concat(), Answer::Disconnect(Disconnect { code, reason: words.clone() })),
            ];
            for (kind, body, expected) in cases {
                let packet = encode(kind, &body);
                let stream = [&packet[..], &behind].concat();
                prop_assert_eq!(Answer::decode(Version::V5, &stream).unwrap(), Some((expected, packet.len())));
                // Any part of it is only a beginning.
                for end in 0..packet.len() {
                    prop_assert_eq!(Answer::decode(Version::V5, &packet[..end]), Ok(None));
                }
            }
        }

        #[test]
        fn no_octets_stop_it(five: bool, bytes: Vec<u8>) {
            let version = if five { Version::V5 } else { Version::V311 };
            if let Ok(Some((_, used))) = Answer::decode(version, &bytes) {
                prop_assert!((2..=bytes.len()).contains(&used));
            }
        }
    }
}
