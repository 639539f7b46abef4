//! The identity slots: the keys and certificates that a device has made and fetched itself.
//!
//! A partition of 64 KiB contains two slots of eight sectors. A renewal writes to one slot while the other one keeps the
//! identity that the device logs in with, so that a power failure at any moment leaves one of them complete.
//!
//! ```text
//! sector 0     key part          header, private key
//! sectors 1-6  certificate part  header, dates, chain, trust anchors
//! sector 7     confirmations     blocks of 32 bytes, one is written when a login has succeeded
//! ```
//!
//! A part counts only if the SHA-256 over its header and body matches, and if its header names the owner: the device name
//! and the salt of the record. A device that was given another record ignores the slots of the earlier one. The hash of a
//! certificate part also covers the hash of its key part, so that neither is believed with a part of another renewal.
//!
//! All numbers are little-endian. Every write begins at a multiple of 32 bytes and has such a length, because an encrypted
//! flash accepts nothing smaller, and no bit is written twice between two erasures.

mod body;
mod error;
mod flash;
mod owner;
mod pair;
mod part;
#[cfg(test)]
mod power_cut;
#[cfg(test)]
pub(crate) mod simulated;

pub use body::{MAX_PEM_TOGETHER, StoredCertificate};
pub use error::SlotError;
pub use flash::WritableFlash;
pub use owner::Owner;
pub use pair::{Generation, PendingKey, Slots, StoredIdentity};

/// The size of a sector in bytes: the unit in which flash is erased.
pub const SECTOR: u32 = 4096;

/// The size of a slot in bytes.
pub const SLOT: u32 = 8 * SECTOR;

/// The size of the partition in bytes.
pub const PARTITION: u32 = 2 * SLOT;

/// The unit of every write in bytes.
pub const BLOCK: u32 = 32;
