//! The device's side: its credentials record, its session with the platform, its enrolment, and Mbed TLS.
//!
//! Without features this crate holds the credentials [`record`] and [`nvs`], a reader that never writes, [`flash_table`],
//! which finds its partition, and the [`slots`] of identities that a device has fetched itself. `devkit` takes the
//! names, types and order of the entries from here when it writes images, and the firmware reads them back. None of it
//! depends on a standard library or on a chip.
//!
//! The feature `session` adds the login and telemetry over the caller's TLS, network and clock, and the feature `enrolment`
//! a client of EST over the caller's TLS. The feature `life` joins the two: a session whose device enrols and renews. The
//! feature `mbedtls` adds TLS and keys for chips.

#![no_std]

extern crate alloc;

#[cfg(feature = "session")]
mod date;
#[cfg(feature = "enrolment")]
pub mod enrolment;
pub mod flash_table;
mod identity;
#[cfg(feature = "life")]
pub mod life;
#[cfg(feature = "mbedtls")]
pub mod mbedtls;
pub mod nvs;
pub mod record;
mod secret;
#[cfg(feature = "session")]
pub mod session;
pub mod slots;

pub use identity::Identity;
pub use record::Record;
pub use secret::Secret;
