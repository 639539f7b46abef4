//! The device's side: its credentials record, its session with the platform, and Mbed TLS.
//!
//! Without features this crate holds the credentials [`record`] and [`nvs`], a reader that never writes, and [`flash_table`], which finds its partition. `devkit` takes the
//! names, types and order of the entries from here when it writes images, and the firmware reads them back. None of it
//! depends on a standard library or on a chip.
//!
//! The feature `session` adds the login and telemetry over the caller's TLS, network and clock. The feature `mbedtls` adds
//! TLS for chips.

#![no_std]

extern crate alloc;

pub mod flash_table;
#[cfg(feature = "mbedtls")]
pub mod mbedtls;
pub mod nvs;
pub mod record;
mod secret;
#[cfg(feature = "session")]
pub mod session;

pub use record::Record;
pub use secret::Secret;
