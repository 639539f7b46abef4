//! What a device does.
//!
//! By default that is its credentials [`record`] alone: what it needs to log in, as it lies in the flash of a chip. Both
//! sides share it: who writes images takes the names, types and order from here, and the firmware reads them back with
//! [`nvs`], a reader that never writes. Nothing here depends on another crate, on a standard library, or on a chip.

#![no_std]

extern crate alloc;

pub mod nvs;
pub mod record;
mod secret;
pub mod sha256;

pub use record::Record;
pub use secret::Secret;
