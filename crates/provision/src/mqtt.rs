//! As much MQTT as it takes to log in, to publish one message and to leave: versions 3.1.1 and 5.0 (OASIS).
//!
//! What is sent is small and made here; what comes is outside input: nothing is taken in that is longer than
//! [`MAX_PACKET`], every length is checked, and what breaks the standard is refused with its section.

use std::fmt;

mod answer;
mod properties;
mod reader;
mod reason;
mod request;

pub use answer::{Answer, ConnAck, Disconnect, Malformed, PubAck};
pub use reader::{Broken, Reader};
pub use reason::words;
pub use request::{Connect, disconnect, publish};

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// MQTT 3.1.1, protocol level 4.
    V311,
    /// MQTT 5.0, protocol level 5.
    V5,
}

/// The longest packet that is taken in. ThingsBoard's own limit is 65,536 octets of payload.
pub const MAX_PACKET: usize = 128 << 10;

impl Version {
    const fn level(self) -> u8 {
        match self {
            Self::V311 => 4,
            Self::V5 => 5,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::V311 => "MQTT 3.1.1",
            Self::V5 => "MQTT 5",
        })
    }
}
