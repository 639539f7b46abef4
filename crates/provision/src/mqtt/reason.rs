//! The codes of MQTT in words.

use super::Version;

/// What a code of CONNACK, PUBACK or DISCONNECT says: 3.1.1, section 3.2.2.3, and 5.0, section 2.4.
pub fn words(version: Version, code: u8) -> &'static str {
    match version {
        Version::V311 => match code {
            0 => "accepted",
            1 => "this version of MQTT is not accepted",
            2 => "the client id is not accepted",
            3 => "the server is unavailable",
            4 => "bad user name or password",
            5 => "not authorized",
            _ => "a code that MQTT 3.1.1 does not know",
        },
        Version::V5 => match code {
            0x00 => "accepted",
            0x10 => "accepted, and nobody subscribes to it",
            0x80 => "unspecified error",
            0x81 => "malformed packet",
            0x82 => "protocol error",
            0x83 => "an error of the implementation",
            0x84 => "this version of MQTT is not accepted",
            0x85 => "the client id is not valid",
            0x86 => "bad user name or password",
            0x87 => "not authorized",
            0x88 => "the server is unavailable",
            0x89 => "the server is busy",
            0x8A => "banned",
            0x8B => "the server is shutting down",
            0x8C => "bad authentication method",
            0x8D => "the keep-alive time has passed",
            0x8E => "another session took over",
            0x90 => "the topic name is not accepted",
            0x93 => "too many messages at once",
            0x95 => "the packet is too large",
            0x96 => "messages come too fast",
            0x97 => "a quota is used up",
            0x98 => "an administrator's doing, or changed credentials",
            0x99 => "the payload is not of the right form",
            0x9A => "retained messages are not supported",
            0x9B => "this quality of service is not supported",
            0x9C => "use another server",
            0x9D => "the server has moved",
            0x9F => "too many connections in too short a time",
            0xA0 => "the session has lasted long enough",
            _ => "a code that MQTT 5.0 does not know",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_speak_of_the_same_in_the_same_words() {
        for (old, new) in [(1, 0x84), (3, 0x88), (4, 0x86), (5, 0x87)] {
            assert_eq!(words(Version::V311, old), words(Version::V5, new));
        }
        assert!(
            words(Version::V311, 6).contains("does not know") && words(Version::V5, 0x11).contains("does not know")
        );
    }
}
