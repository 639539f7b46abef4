//! Reading an NVS partition of ESP-IDF, and nothing but reading.
//!
//! The format is that of ESP-IDF's "Non-Volatile Storage Library": pages of 4,096 bytes, each with a header of 32 bytes,
//! a bitmap of two bits for each of its 126 entries, and those entries of 32 bytes. A log, in short: newer pages have
//! higher sequence numbers, newer entries higher places, and where a key is there twice, because power went away between
//! writing the new value and erasing the old one, the newer counts.
//!
//! ESP-IDF's own library mends what it finds as it opens a partition, by erasing. A factory's credentials are not to be
//! lost to one flipped bit, so here nothing is ever written: damage is passed over where the wanted entries are whole,
//! and named where one of them is missing.

mod crc;
mod error;
mod flash;
mod item;
mod namespace;
mod page;

pub use error::{Damage, Error};
pub use flash::{Flash, FlashError};
pub use namespace::Namespace;

/// The bytes of a page: the least that flash erases at once.
pub const PAGE: u32 = 4096;

/// The bytes of a header, a bitmap or an entry.
const SLOT: u32 = 32;

/// The entries of a page.
const ENTRIES: u8 = 126;

/// The most bytes of a partition: far more than a record needs, and what bounds the work on a damaged one.
pub const MAX_PARTITION: u32 = 256 * PAGE;
