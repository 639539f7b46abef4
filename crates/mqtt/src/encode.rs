//! The packets that a client sends.

use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroU16;

use zeroize::Zeroizing;

use super::Version;

/// PINGREQ (section 3.12).
pub const PINGREQ: [u8; 2] = [0xC0, 0];

/// DISCONNECT (section 3.14) with the reason "normal", which both versions encode alike.
pub const DISCONNECT: [u8; 2] = [0xE0, 0];

const CONNECT: u8 = 0x10;
const PUBLISH_QOS_1: u8 = 0x32;

/// The limit of the remaining length, in bytes: four digits of seven bits (section 2.2.3).
const MAX_REMAINING: usize = (1 << 28) - 1;

/// CONNECT (section 3.1) with a clean session and without a will.
#[derive(Clone)]
pub struct Connect<'a> {
    /// The protocol version.
    pub version: Version,
    /// The client identifier.
    pub client_id: &'a str,
    /// The user name, which may be an access token.
    pub user_name: Option<&'a str>,
    /// The password; sent only together with a user name.
    pub password: Option<&'a str>,
    /// The keep-alive time in seconds. The broker disconnects a client that is silent for one and a half times as long.
    pub keep_alive_seconds: u16,
}

/// The field that is longer than MQTT can encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong(pub &'static str);

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} is too long for MQTT", self.0)
    }
}

impl core::error::Error for TooLong {}

impl Connect<'_> {
    /// The packet. It is wiped when dropped, because the user name may be an access token.
    ///
    /// # Errors
    /// [`TooLong`] if a text is longer than 65,535 bytes.
    pub fn encode(&self) -> Result<Zeroizing<Vec<u8>>, TooLong> {
        // MQTT 5 needs the length of its properties even where there are none.
        let properties: &[u8] = if self.version == Version::V5 { &[0] } else { &[] };
        let texts = [("client id", Some(self.client_id)), ("user name", self.user_name), ("password", self.password)];
        // The protocol name with its length (6 bytes), the level (1), the flags (1) and the keep-alive time (2).
        let length = 10
            + properties.len()
            + texts.iter().filter_map(|(_, text)| *text).map(|text| 2 + text.len()).sum::<usize>();
        let mut packet = start(CONNECT, length)?;
        text(&mut packet, "protocol name", "MQTT")?;
        // Without an old session no subscription or message of another run arrives.
        let clean_session = 0x02;
        let flags = clean_session | u8::from(self.user_name.is_some()) << 7 | u8::from(self.password.is_some()) << 6;
        packet.extend_from_slice(&[self.version.level(), flags]);
        packet.extend_from_slice(&self.keep_alive_seconds.to_be_bytes());
        packet.extend_from_slice(properties);
        for (field, value) in texts {
            if let Some(value) = value {
                text(&mut packet, field, value)?;
            }
        }
        Ok(packet)
    }
}

/// PUBLISH with QoS 1 (section 3.3). The broker's PUBACK repeats `identifier`.
///
/// # Errors
/// [`TooLong`] if the topic is longer than 65,535 bytes, or the packet longer than 256 MiB.
pub fn publish(
    version: Version,
    identifier: NonZeroU16,
    topic: &str,
    payload: &[u8],
) -> Result<Zeroizing<Vec<u8>>, TooLong> {
    let properties: &[u8] = if version == Version::V5 { &[0] } else { &[] };
    // The length of the topic and the identifier have two bytes each.
    let mut packet = start(PUBLISH_QOS_1, 4 + topic.len() + properties.len() + payload.len())?;
    text(&mut packet, "topic", topic)?;
    packet.extend_from_slice(&identifier.get().to_be_bytes());
    packet.extend_from_slice(properties);
    packet.extend_from_slice(payload);
    Ok(packet)
}

/// The fixed header of a packet whose remaining length is known. All of it is allocated at once: a buffer that grows
/// would leave copies of a token behind.
fn start(first: u8, remaining: usize) -> Result<Zeroizing<Vec<u8>>, TooLong> {
    if remaining > MAX_REMAINING {
        return Err(TooLong("packet"));
    }
    // Reserved at once: a vector that grows leaves copies of the password behind. A header has five bytes at most.
    let mut packet = Zeroizing::new(Vec::with_capacity(remaining + 5));
    packet.push(first);
    let mut rest = remaining;
    loop {
        // The lowest digit first; the top bit tells that another one follows (section 2.2.3).
        let digit = (rest % 128) as u8;
        rest /= 128;
        packet.push(if rest > 0 { digit | 0x80 } else { digit });
        if rest == 0 {
            return Ok(packet);
        }
    }
}

fn text(packet: &mut Vec<u8>, field: &'static str, text: &str) -> Result<(), TooLong> {
    let length = u16::try_from(text.len()).map_err(|_| TooLong(field))?;
    packet.extend_from_slice(&length.to_be_bytes());
    packet.extend_from_slice(text.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloc::borrow::ToOwned;
    use alloc::string::{String, ToString};

    use proptest::prelude::*;

    use super::*;

    fn connect(version: Version) -> Connect<'static> {
        Connect { version, client_id: "c", user_name: None, password: None, keep_alive_seconds: 60 }
    }

    fn published(version: Version, identifier: u16, payload: &[u8]) -> Vec<u8> {
        publish(version, NonZeroU16::new(identifier).unwrap(), "t", payload).unwrap().to_vec()
    }

    #[test]
    fn packets_match_the_standard() {
        assert_eq!(*connect(Version::V311).encode().unwrap(), b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01c");
        assert_eq!(*connect(Version::V5).encode().unwrap(), b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01c");
        let full = Connect { user_name: Some("u"), password: Some("pw"), ..connect(Version::V311) };
        assert_eq!(*full.encode().unwrap(), b"\x10\x14\x00\x04MQTT\x04\xc2\x00\x3c\x00\x01c\x00\x01u\x00\x02pw");
        let token = Connect { user_name: Some("TOKEN"), ..connect(Version::V311) };
        assert_eq!(*token.encode().unwrap(), b"\x10\x14\x00\x04MQTT\x04\x82\x00\x3c\x00\x01c\x00\x05TOKEN");
        assert_eq!(published(Version::V311, 258, b"{}"), b"\x32\x07\x00\x01t\x01\x02{}");
        assert_eq!(published(Version::V5, 1, b"{}"), b"\x32\x08\x00\x01t\x00\x01\x00{}");
        assert_eq!((PINGREQ, DISCONNECT), ([0xC0, 0], [0xE0, 0]));
    }

    #[test]
    fn lengths_use_as_few_bytes_as_possible_and_have_a_limit() {
        // 128 octets with topic and identifier: the first length that takes two octets.
        assert_eq!(published(Version::V311, 1, &[b'x'; 123]).get(..3), Some(&[0x32, 0x80, 0x01][..]));
        // Texts have a length of 16 bits.
        let long = "x".repeat(70_000);
        let error = Connect { client_id: &long, ..connect(Version::V5) }.encode().unwrap_err();
        assert_eq!(error, TooLong("client id"));
        assert_eq!(error.to_string(), "the client id is too long for MQTT");
    }

    #[test]
    fn a_packet_is_allocated_once() {
        let token = "t".repeat(300);
        let packet = Connect { user_name: Some(&token), ..connect(Version::V5) }.encode().unwrap();
        // 5 octets: the header and the longest length, which are reserved before the length is known.
        assert!(packet.len() <= packet.capacity() && packet.capacity() <= packet.len() + 5, "{}", packet.capacity());
    }

    /// The fields of a CONNECT as a broker reads them: level, flags, keep-alive time, texts.
    fn read_connect(bytes: &[u8]) -> (u8, u8, u16, Vec<Vec<u8>>) {
        let mut rest = &bytes[1..];
        let mut length = 0;
        let mut shift = 0;
        loop {
            let digit = rest[0];
            rest = &rest[1..];
            length |= usize::from(digit & 0x7F) << shift;
            shift += 7;
            if digit < 0x80 {
                break;
            }
        }
        assert_eq!(rest.len(), length);
        assert_eq!(&rest[..6], b"\x00\x04MQTT");
        let (level, flags) = (rest[6], rest[7]);
        let keep_alive = u16::from_be_bytes([rest[8], rest[9]]);
        rest = &rest[if level == 5 { 11 } else { 10 }..];
        let mut texts = Vec::new();
        while let [high, low, after @ ..] = rest {
            let (text, after) = after.split_at(usize::from(u16::from_be_bytes([*high, *low])));
            texts.push(text.to_owned());
            rest = after;
        }
        assert!(rest.is_empty());
        (level, flags, keep_alive, texts)
    }

    proptest! {
        #[test]
        fn a_broker_reads_every_field(
            five: bool, client_id in ".{0,300}", user in proptest::option::of(".{0,40}"),
            password in proptest::option::of(".{0,40}"), keep_alive_seconds: u16,
        ) {
            let version = if five { Version::V5 } else { Version::V311 };
            let packet = Connect {
                version, client_id: &client_id, user_name: user.as_deref(), password: password.as_deref(),
                keep_alive_seconds,
            };
            let (level, flags, seconds, texts) = read_connect(&packet.encode().unwrap());
            prop_assert_eq!((level, seconds), (version.level(), keep_alive_seconds));
            prop_assert_eq!(flags, 2 | u8::from(user.is_some()) << 7 | u8::from(password.is_some()) << 6);
            let expected: Vec<Vec<u8>> =
                [Some(client_id), user, password].into_iter().flatten().map(String::into_bytes).collect();
            prop_assert_eq!(texts, expected);
        }
    }
}
