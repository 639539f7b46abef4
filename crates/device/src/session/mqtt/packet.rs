//! The packets of MQTT 3.1.1 that a device sends, and the answers to them.

use alloc::vec::Vec;

/// PINGREQ (section 3.12).
pub(super) const PING: [u8; 2] = [0xc0, 0];

/// An answer of the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// CONNACK (section 3.2).
    Connected {
        /// 0 where the device is let in.
        code: u8,
    },
    /// PUBACK (section 3.4).
    Published {
        /// The packet that is acknowledged.
        id: u16,
    },
    /// PINGRESP (section 3.13).
    Pong,
}

/// CONNECT with a clean session (section 3.1).
pub(super) fn connect(client_id: &str, user_name: Option<&str>, keep_alive_seconds: u16) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, "MQTT");
    // Protocol level 4; a clean session, and a user name or none.
    body.extend([4, 0b0000_0010 | if user_name.is_some() { 0b1000_0000 } else { 0 }]);
    body.extend(keep_alive_seconds.to_be_bytes());
    text(&mut body, client_id);
    if let Some(user_name) = user_name {
        text(&mut body, user_name);
    }
    packet(0x10, &body)
}

/// PUBLISH with QoS 1 (section 3.3).
pub(super) fn publish(topic: &str, id: u16, message: &str) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, topic);
    body.extend(id.to_be_bytes());
    body.extend(message.as_bytes());
    packet(0x32, &body)
}

/// Understands the two bytes that begin an answer, and what is behind them.
pub(super) fn answer(head: [u8; 2], body: &[u8]) -> Option<Answer> {
    match (head, body) {
        // The first byte says whether there was a session, which is nothing to us.
        ([0x20, 2], [_, code]) => Some(Answer::Connected { code: *code }),
        ([0x40, 2], [high, low]) => Some(Answer::Published { id: u16::from_be_bytes([*high, *low]) }),
        ([0xd0, 0], []) => Some(Answer::Pong),
        _ => None,
    }
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(body.len() + 5);
    packet.push(kind);
    let mut length = body.len();
    // Seven bits a byte, the lowest first (section 2.2.3).
    loop {
        let more = if length > 0x7f { 0x80 } else { 0 };
        packet.push((length & 0x7f) as u8 | more);
        length >>= 7;
        if length == 0 {
            break;
        }
    }
    packet.extend_from_slice(body);
    packet
}

/// Text behind its length. Names and tokens of a record have fewer than 256 bytes.
fn text(body: &mut Vec<u8>, text: &str) {
    body.extend((text.len() as u16).to_be_bytes());
    body.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    #[test]
    fn connect_is_as_the_standard_has_it() {
        assert_eq!(connect("pump-1", None, 60), b"\x10\x12\x00\x04MQTT\x04\x02\x00\x3c\x00\x06pump-1");
        assert_eq!(connect("p", Some("TOKEN"), 60), b"\x10\x14\x00\x04MQTT\x04\x82\x00\x3c\x00\x01p\x00\x05TOKEN");
    }

    #[test]
    fn publish_is_as_the_standard_has_it() {
        assert_eq!(publish("a/b", 10, "{}"), b"\x32\x09\x00\x03a/b\x00\x0a{}");
        let long: String = core::iter::repeat_n('x', 200).collect();
        assert_eq!(publish("a/b", 10, &long)[..3], [0x32, 0xcf, 0x01]);
    }

    #[test]
    fn answers_are_understood_and_nothing_else_is() {
        assert_eq!(answer([0x20, 2], &[0, 5]), Some(Answer::Connected { code: 5 }));
        assert_eq!(answer([0x40, 2], &[1, 2]), Some(Answer::Published { id: 0x102 }));
        assert_eq!(answer([0xd0, 0], &[]), Some(Answer::Pong));
        for (head, body) in [([0x30, 2], &[0, 0][..]), ([0xd0, 2], &[0, 0]), ([0x20, 0], &[]), ([0x48, 0x54], &[])] {
            assert_eq!(answer(head, body), None, "{head:x?}");
        }
    }
}
