//! The packets that the server writes.

use super::connect::Version;

/// DISCONNECT of version 5, with a reason.
pub(crate) fn disconnect(reason: u8) -> Vec<u8> {
    vec![0xe0, 2, reason, 0]
}

/// PUBACK. Only version 5 has a reason.
pub(crate) fn puback(version: Version, id: u16, reason: u8) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    match (version, reason) {
        // For success the reason may be left out (5.0, section 3.4.2.1), and the real server does so.
        (Version::V5, reason) if reason != 0 => vec![0x40, 4, high, low, reason, 0],
        _ => vec![0x40, 2, high, low],
    }
}

pub(crate) fn suback(version: Version, id: u16, codes: &[u8]) -> Vec<u8> {
    acknowledgement(0x90, version, id, codes)
}

/// UNSUBACK. Only version 5 has codes in it.
pub(crate) fn unsuback(version: Version, id: u16, codes: &[u8]) -> Vec<u8> {
    acknowledgement(0xb0, version, id, if version == Version::V5 { codes } else { &[] })
}

/// PINGRESP.
pub(crate) const PINGRESP: [u8; 2] = [0xd0, 0];

/// PUBLISH with quality of service 0 or 1.
pub(crate) fn publish(version: Version, topic: &str, id: Option<u16>, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(topic.len()).unwrap_or_default();
    let mut body = length.to_be_bytes().to_vec();
    body.extend(topic.as_bytes().iter().take(usize::from(length)));
    if let Some(id) = id {
        body.extend(id.to_be_bytes());
    }
    if version == Version::V5 {
        body.push(0);
    }
    body.extend(payload);
    packet(if id.is_some() { 0x32 } else { 0x30 }, &body)
}

fn acknowledgement(first: u8, version: Version, id: u16, codes: &[u8]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    if version == Version::V5 {
        body.push(0);
    }
    body.extend(codes);
    packet(first, &body)
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut length = body.len();
    loop {
        let low = u8::try_from(length & 0x7f).unwrap_or_default();
        length >>= 7;
        // Seven bits a byte; the eighth tells that another one follows (3.1.1, section 2.2.3).
        bytes.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_the_standard() {
        assert_eq!(puback(Version::V5, 0x0102, 0), [0x40, 2, 1, 2]);
        assert_eq!(puback(Version::V5, 0x0102, 0x99), [0x40, 4, 1, 2, 0x99, 0]);
        assert_eq!(puback(Version::V3_1_1, 1, 0x90), [0x40, 2, 0, 1]);
        assert_eq!(suback(Version::V3_1_1, 1, &[1, 0x80]), [0x90, 4, 0, 1, 1, 0x80]);
        assert_eq!(suback(Version::V5, 1, &[0x8f]), [0x90, 4, 0, 1, 0, 0x8f]);
        assert_eq!(unsuback(Version::V3_1_1, 1, &[0]), [0xb0, 2, 0, 1]);
        assert_eq!(publish(Version::V5, "a", None, b"x"), [0x30, 5, 0, 1, b'a', 0, b'x']);
        assert_eq!(packet(0x30, &[0; 200])[..3], [0x30, 0xc8, 1]);
    }
}
