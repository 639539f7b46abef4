//! Tests on the wire, on the loopback.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

mod anchor;
mod check;
mod probe;
mod server;
