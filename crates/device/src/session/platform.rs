//! The traits that a session requires of its machine.
#![allow(async_fn_in_trait, reason = "a session runs on one thread, so that its futures need not be Send")]

use core::fmt;

use embedded_io_async::{Read, Write};

use super::failure::{NetworkFailure, TlsFailure};
use super::reading::Reading;
use crate::identity::Identity;

/// Uptime, pauses, and the date that validity periods are compared with.
pub trait Time {
    /// Milliseconds since an arbitrary time. The value never decreases.
    fn uptime(&self) -> u64;

    /// Waits.
    async fn sleep(&self, milliseconds: u64);

    /// Sets the date, in seconds since 1970.
    fn set_date(&self, unix_seconds: u64);
}

/// A network with TCP and DNS.
pub trait Network {
    /// A TCP connection.
    type Stream<'a>: Read + Write
    where
        Self: 'a;

    /// Waits until the device has an address.
    async fn ready(&self);

    /// Connects to a host name or address.
    ///
    /// # Errors
    /// [`NetworkFailure`].
    async fn connect(&mut self, host: &str, port: u16) -> Result<Self::Stream<'_>, NetworkFailure>;
}

/// Datagrams, which are also exchanged during a connection.
pub trait Datagrams {
    /// Sends a datagram and waits for the answer of the same host. Returns the length of the answer in bytes.
    ///
    /// # Errors
    /// [`NetworkFailure`].
    async fn exchange(&self, host: &str, port: u16, request: &[u8], answer: &mut [u8])
    -> Result<usize, NetworkFailure>;
}

/// The peer of TLS connections, and what is shown to it.
#[derive(Debug, Clone, Copy)]
pub struct TlsPeer<'a> {
    /// The host name or address that the peer's certificate must have.
    pub host: &'a str,
    /// True if the name is not compared.
    pub skip_host_name_check: bool,
    /// The trust anchors: PEM and a NUL.
    pub anchors: &'a str,
    /// The identity of the device; `None` for connections without one.
    pub identity: Option<Identity<'a>>,
}

/// A TLS client. At first it has the trust anchors, the credential and the broker of the record.
pub trait Tls {
    /// The reason why the client cannot use an identity or trust anchors.
    type Refusal: fmt::Display;

    /// A TLS connection.
    type Stream<'a, S: Read + Write + 'a>: Read + Write
    where
        Self: 'a;

    /// Changes the peer and the identity of the next connections.
    ///
    /// # Errors
    /// [`Tls::Refusal`]. The client then keeps the earlier ones.
    fn set_peer(&mut self, peer: &TlsPeer<'_>) -> Result<(), Self::Refusal>;

    /// Performs the handshake. After a failure, the stream holds an alert for the peer, which the caller flushes. Returns
    /// the connection and the TLS version.
    ///
    /// # Errors
    /// [`TlsFailure`].
    async fn handshake<'a, S: Read + Write + 'a>(
        &'a self,
        stream: S,
    ) -> Result<(Self::Stream<'a, S>, &'static str), TlsFailure>;
}

/// A source of unpredictable numbers.
pub trait Random {
    /// The next number.
    fn next(&mut self) -> u32;
}

/// The serial log.
pub trait Log {
    /// Prints a line.
    fn line(&self, line: fmt::Arguments<'_>);
}

/// A sensor.
pub trait Sensor {
    /// The reason why there is no reading.
    type Error: fmt::Display;

    /// Takes a reading.
    ///
    /// # Errors
    /// [`Sensor::Error`] if the sensor does not answer.
    async fn read(&mut self) -> Result<Reading, Self::Error>;
}
