//! A read-only reader of ESP-IDF's NVS partitions.
//!
//! The format is that of ESP-IDF's "Non-Volatile Storage Library": pages of 4,096 bytes, each with a header of 32 bytes,
//! a bitmap of two bits for each of its 126 entries, and those entries of 32 bytes. It is a log: newer pages have higher
//! sequence numbers and newer entries higher indexes. If a key occurs twice, because power failed between writing the new
//! value and erasing the old one, the newer entry is valid.
//!
//! Written by hand because ESP-IDF's library repairs a partition by erasing when it opens it, and one flipped bit must not
//! cost a device its credentials. This reader never writes. It skips damaged entries that are not needed, and names the
//! damage if a needed entry is missing.

mod crc;
mod error;
mod flash;
mod item;
mod namespace;
mod page;

pub use error::{Damage, NvsError};
pub use flash::{Flash, FlashError};
pub use namespace::Namespace;

/// The size of a page in bytes: the unit in which flash is erased.
pub const PAGE: u32 = 4096;

/// The size of a header, a bitmap or an entry in bytes.
const SLOT: u32 = 32;

/// The number of entries of a page.
const ENTRIES: u8 = 126;

/// The size limit of a partition in bytes. It is far more than a record needs and bounds the work on a damaged one.
pub const MAX_PARTITION: u32 = 256 * PAGE;
