//! What a session needs of the machine that it runs on.
#![allow(async_fn_in_trait, reason = "nothing here is sent to another thread: a chip's futures stay where they are")]

use core::fmt;

use embedded_io_async::{Read, Write};

use super::failure::{NetworkFailure, TlsFailure};
use super::reading::Reading;

/// Uptime, pauses, and the date that certificates are held against.
pub trait Time {
    /// Milliseconds since some moment in the past. It never goes back.
    fn uptime(&self) -> u64;

    /// Waits for so many milliseconds.
    async fn sleep(&self, milliseconds: u64);

    /// Says what date it is, in seconds since 1970.
    fn set_date(&self, unix_seconds: u64);
}

/// A network with TCP, UDP and names.
pub trait Network {
    /// A TCP connection.
    type Stream<'a>: Read + Write
    where
        Self: 'a;

    /// Waits until there is a network and this device has an address in it.
    async fn ready(&self);

    /// Connects to a host by its name or address.
    ///
    /// # Errors
    /// Where there is no such host, or it does not answer.
    async fn connect(&mut self, host: &str, port: u16) -> Result<Self::Stream<'_>, NetworkFailure>;

    /// Sends a datagram and waits for the answer of the same host; its length is handed out.
    ///
    /// # Errors
    /// Where there is no such host, or nothing can be sent to it.
    async fn exchange(
        &mut self,
        host: &str,
        port: u16,
        request: &[u8],
        answer: &mut [u8],
    ) -> Result<usize, NetworkFailure>;
}

/// A TLS client that was given the record's trust anchors, login and broker.
pub trait Tls {
    /// A TLS connection.
    type Stream<'a, S: Read + Write + 'a>: Read + Write
    where
        Self: 'a;

    /// Does the handshake. The connection says which version it agreed upon.
    ///
    /// # Errors
    /// Where the broker is not who it should be, or the handshake does not come to its end.
    async fn handshake<'a, S: Read + Write + 'a>(
        &'a self,
        stream: S,
    ) -> Result<(Self::Stream<'a, S>, &'static str), TlsFailure>;
}

/// Numbers that nobody can foresee.
pub trait Random {
    /// The next one.
    fn next(&mut self) -> u32;
}

/// Lines for whoever watches the serial port.
pub trait Log {
    /// Prints one line.
    fn line(&self, line: fmt::Arguments<'_>);
}

/// What is measured.
pub trait Sensor {
    /// Why there is no reading.
    type Error: fmt::Display;

    /// Takes a reading.
    ///
    /// # Errors
    /// Where the sensor does not answer.
    async fn read(&mut self) -> Result<Reading, Self::Error>;
}
