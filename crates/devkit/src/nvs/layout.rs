//! The constants of the format (ESP-IDF, components/nvs_flash).

/// The size of a page in bytes: the unit in which flash is erased.
pub const PAGE_SIZE: usize = 4096;

/// The minimum partition size in bytes: the chip needs one free page to move data.
pub const MIN_SIZE: usize = 3 * PAGE_SIZE;

/// The largest partition size in bytes that [`super::needed`] tries.
pub(super) const MAX_SIZE: usize = 4 << 20;

/// The number of entries of a page.
pub(super) const ENTRIES: usize = 126;

/// The size of an entry in bytes.
pub(super) const ENTRY_SIZE: usize = 32;

/// The offset of the first entry in a page, after the header and the states.
pub(super) const FIRST_ENTRY: usize = 64;

/// The offset of the entry states in a page.
pub(super) const STATES: usize = 32;

/// The state of a page with free entries.
pub(super) const ACTIVE: u32 = 0xFFFF_FFFE;

/// The state of a full page.
pub(super) const FULL: u32 = 0xFFFF_FFFC;

/// The format version in which blobs may span pages.
pub(super) const VERSION_2: u8 = 0xFE;

/// The chunk number of entries that are not chunks.
pub(super) const NO_CHUNK: u8 = 0xFF;

/// The checksum of the format: CRC-32 as in zlib, with the initial value 0xFFFFFFFF.
pub(super) fn crc(parts: &[&[u8]]) -> u32 {
    // A second inversion at the start: ESP-IDF passes 0xFFFFFFFF to a function that inverts on its own.
    let mut hasher = crc32fast::Hasher::new_with_initial(u32::MAX);
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}
