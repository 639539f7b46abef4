//! What a client sends.

use base::{Code, Error, Result, Secret};
use zeroize::Zeroizing;

use super::Version;

const CONNECT: u8 = 0x10;
const PUBLISH_QOS_1: u8 = 0x32;
const DISCONNECT: u8 = 0xE0;

/// CONNECT (3.1.1 and 5.0, section 3.1), always with a clean session and without a will.
#[derive(Debug, Clone)]
pub struct Connect {
    /// The protocol version.
    pub version: Version,
    /// The client identifier.
    pub client_id: String,
    /// The user name, which may be an access token.
    pub user_name: Option<Secret>,
    /// The password.
    pub password: Option<Secret>,
    /// Seconds after which the broker may take a silent client for dead.
    pub keep_alive: u16,
}

impl Connect {
    /// The packet, wiped after use since a user name may be an access token.
    ///
    /// # Errors
    /// [`Code::BadValue`] when a text is longer than MQTT can say: 65,535 octets.
    pub fn encode(&self) -> Result<Zeroizing<Vec<u8>>> {
        let mut body = Zeroizing::new(Vec::with_capacity(64));
        text(&mut body, "MQTT", "protocol name")?;
        body.push(self.version.level());
        let mut flags = 0x02; // clean session, clean start
        if self.user_name.is_some() {
            flags |= 0x80;
        }
        if self.password.is_some() {
            flags |= 0x40;
        }
        body.push(flags);
        body.extend_from_slice(&self.keep_alive.to_be_bytes());
        if self.version == Version::V5 {
            body.push(0); // no properties
        }
        text(&mut body, &self.client_id, "client id")?;
        if let Some(user_name) = &self.user_name {
            text(&mut body, user_name.reveal(), "user name")?;
        }
        if let Some(password) = &self.password {
            text(&mut body, password.reveal(), "password")?;
        }
        packet(CONNECT, &body)
    }
}

/// PUBLISH with QoS 1 (section 3.3). `identifier` is what the PUBACK repeats, and must not be 0.
///
/// # Errors
/// [`Code::BadValue`] when the topic is longer than 65,535 octets, or all of it longer than MQTT can say.
pub fn publish(version: Version, identifier: u16, topic: &str, payload: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let mut body = Vec::with_capacity(topic.len() + payload.len() + 8);
    text(&mut body, topic, "topic")?;
    body.extend_from_slice(&identifier.to_be_bytes());
    if version == Version::V5 {
        body.push(0);
    }
    body.extend_from_slice(payload);
    packet(PUBLISH_QOS_1, &body)
}

/// DISCONNECT (section 3.14): a normal end in both versions.
pub fn disconnect() -> [u8; 2] {
    [DISCONNECT, 0]
}

fn text(body: &mut Vec<u8>, text: &str, what: &str) -> Result<()> {
    let length = u16::try_from(text.len()).map_err(|_| too_long(what))?;
    body.extend_from_slice(&length.to_be_bytes());
    body.extend_from_slice(text.as_bytes());
    Ok(())
}

fn packet(kind: u8, body: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    // Four digits of seven bits each (section 2.2.3).
    let mut rest =
        u32::try_from(body.len()).ok().filter(|length| *length < 1 << 28).ok_or_else(|| too_long("packet"))?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(body.len() + 5));
    bytes.push(kind);
    loop {
        let digit = (rest % 128) as u8;
        rest /= 128;
        bytes.push(if rest > 0 { digit | 0x80 } else { digit });
        if rest == 0 {
            break;
        }
    }
    bytes.extend_from_slice(body);
    Ok(bytes)
}

fn too_long(what: &str) -> Error {
    Code::BadValue.error(format!("the {what} is longer than MQTT can say"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn connect(version: Version) -> Connect {
        Connect { version, client_id: "c".to_owned(), user_name: None, password: None, keep_alive: 60 }
    }

    #[test]
    fn the_octets_are_those_of_the_standard() {
        assert_eq!(*connect(Version::V311).encode().unwrap(), b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01c");
        assert_eq!(*connect(Version::V5).encode().unwrap(), b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01c");
        let full = Connect {
            user_name: Some(Secret::from("u")),
            password: Some(Secret::from("pw")),
            ..connect(Version::V311)
        };
        assert_eq!(*full.encode().unwrap(), b"\x10\x14\x00\x04MQTT\x04\xc2\x00\x3c\x00\x01c\x00\x01u\x00\x02pw");
        assert_eq!(*publish(Version::V311, 258, "t", b"{}").unwrap(), b"\x32\x07\x00\x01t\x01\x02{}");
        assert_eq!(*publish(Version::V5, 1, "t", b"{}").unwrap(), b"\x32\x08\x00\x01t\x00\x01\x00{}");
        assert_eq!(disconnect(), [0xE0, 0]);
    }

    #[test]
    fn lengths_take_as_many_octets_as_they_need() {
        let long = publish(Version::V311, 1, "t", &[b'x'; 123]).unwrap();
        assert_eq!(long.get(..3).unwrap(), [0x32, 0x80, 0x01]);
        let error = Connect { client_id: "x".repeat(70_000), ..connect(Version::V5) }.encode().unwrap_err();
        assert_eq!(error.code(), Code::BadValue);
        assert!(error.to_string().contains("client id"));
    }

    /// What a broker makes of the packet: version, flags, keep-alive, texts.
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
            texts.push(text.to_vec());
            rest = after;
        }
        assert!(rest.is_empty());
        (level, flags, keep_alive, texts)
    }

    proptest! {
        #[test]
        fn a_broker_reads_what_was_meant(
            five: bool, client_id in ".{0,300}", user in proptest::option::of(".{0,40}"),
            password in proptest::option::of(".{0,40}"), keep_alive: u16,
        ) {
            let version = if five { Version::V5 } else { Version::V311 };
            let packet = Connect {
                version, client_id: client_id.clone(), user_name: user.clone().map(Secret::new),
                password: password.clone().map(Secret::new), keep_alive,
            };
            let (level, flags, seconds, texts) = read_connect(&packet.encode().unwrap());
            prop_assert_eq!((level, seconds), (version.level(), keep_alive));
            prop_assert_eq!(flags, 2 | u8::from(user.is_some()) << 7 | u8::from(password.is_some()) << 6);
            let expected: Vec<Vec<u8>> =
                [Some(client_id), user, password].into_iter().flatten().map(String::into_bytes).collect();
            prop_assert_eq!(texts, expected);
        }
    }
}
