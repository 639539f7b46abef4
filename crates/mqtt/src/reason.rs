//! Texts for the return codes of MQTT 3.1.1 and the reason codes of 5.0.

use super::Version;

/// The meaning of a code in CONNACK, PUBACK or DISCONNECT (3.1.1, section 3.2.2.3; 5.0, section 2.4).
pub fn describe(version: Version, code: u8) -> &'static str {
    match version {
        Version::V311 => match code {
            0 => "accepted",
            1 => "this version of MQTT is not supported",
            2 => "the client id is not accepted",
            3 => "the server is unavailable",
            4 => "bad user name or password",
            5 => "not authorized",
            _ => "unknown return code",
        },
        Version::V5 => match code {
            0x00 => "accepted",
            0x10 => "accepted, no matching subscribers",
            0x80 => "unspecified error",
            0x81 => "malformed packet",
            0x82 => "protocol error",
            0x83 => "implementation specific error",
            0x84 => "this version of MQTT is not supported",
            0x85 => "the client id is not valid",
            0x86 => "bad user name or password",
            0x87 => "not authorized",
            0x88 => "the server is unavailable",
            0x89 => "the server is busy",
            0x8A => "banned",
            0x8B => "the server is shutting down",
            0x8C => "bad authentication method",
            0x8D => "keep-alive timeout",
            0x8E => "session taken over",
            0x90 => "the topic name is not accepted",
            0x93 => "receive maximum exceeded",
            0x95 => "the packet is too large",
            0x96 => "message rate too high",
            0x97 => "quota exceeded",
            0x98 => "administrative action, for example changed credentials",
            0x99 => "invalid payload format",
            0x9A => "retained messages are not supported",
            0x9B => "this quality of service is not supported",
            0x9C => "use another server",
            0x9D => "the server has moved",
            0x9F => "connection rate exceeded",
            0xA0 => "maximum connect time exceeded",
            _ => "unknown reason code",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_share_their_texts() {
        for (old, new) in [(1, 0x84), (3, 0x88), (4, 0x86), (5, 0x87)] {
            assert_eq!(describe(Version::V311, old), describe(Version::V5, new));
        }
        assert!(describe(Version::V311, 6).contains("unknown") && describe(Version::V5, 0x11).contains("unknown"));
    }
}
