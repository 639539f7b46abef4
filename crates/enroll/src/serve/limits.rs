//! What the service takes from its clients, at most.

use std::time::Duration;

/// The limits of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the head of a request.
    pub head: usize,
    /// Bytes of its body.
    pub body: usize,
    /// The time for the TLS handshake.
    pub handshake: Duration,
    /// The time from a request's head to its answer, and for a head to arrive.
    pub request: Duration,
    /// Connections of a listener at once.
    pub connections: usize,
    /// Connections of one address to a listener at once.
    pub per_address: usize,
    /// Certificates that an identity gets within 24 hours.
    pub issuances: u32,
    /// Requests that wait to be signed.
    pub queue: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // hyper panics if its buffer is smaller than 8 KiB.
            head: 8 << 10,
            body: 16 << 10,
            handshake: Duration::from_secs(10),
            request: Duration::from_secs(30),
            connections: 1_000,
            per_address: 64,
            issuances: 4,
            queue: 1_000,
        }
    }
}
