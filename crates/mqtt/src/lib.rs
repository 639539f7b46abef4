//! The MQTT packets of a client that logs in, publishes with QoS 1 and disconnects: versions 3.1.1 and 5.0 (OASIS).
//!
//! A crate of its own, because `device` runs on chips and `provision` on hosts: neither may depend on the other, and one
//! codec with one set of tests and one fuzz target serves both. `tb-sim` keeps its own codec, so that a mistake here
//! cannot hide in a test.
//!
//! This crate does no I/O. Packets from a broker are outside input: every length is checked, no packet is longer than
//! [`MAX_PACKET`], and violations of the standard are reported as [`Malformed`].

#![no_std]

extern crate alloc;

use core::fmt;

mod encode;
mod packet;
mod properties;
mod reason;

pub use encode::{Connect, DISCONNECT, PINGREQ, TooLong, publish};
pub use packet::{BrokerPacket, ConnAck, Disconnect, Malformed, PubAck};
pub use reason::describe;

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// MQTT 3.1.1, protocol level 4.
    V311,
    /// MQTT 5.0, protocol level 5.
    V5,
}

/// The length limit of incoming packets, in bytes. ThingsBoard itself accepts at most 65,536 bytes of payload.
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
