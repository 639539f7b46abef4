//! Numbers of the format (ESP-IDF, components/nvs_flash).

/// A page, in bytes: what the flash erases at once.
pub const PAGE_SIZE: usize = 4096;

/// The smallest partition that can be written to on the chip: one page has to stay free for moving data.
pub const MIN_SIZE: usize = 3 * PAGE_SIZE;

/// The largest partition that is tried when looking for the size that fits.
pub(super) const MAX_SIZE: usize = 4 << 20;

/// Entries of a page.
pub(super) const ENTRIES: usize = 126;

/// An entry, in bytes.
pub(super) const ENTRY_SIZE: usize = 32;

/// Where the entries of a page begin: behind its header and their states.
pub(super) const FIRST_ENTRY: usize = 64;

/// Where the states of the entries begin.
pub(super) const STATES: usize = 32;

/// A page that takes entries.
pub(super) const ACTIVE: u32 = 0xFFFF_FFFE;

/// A page that takes no more.
pub(super) const FULL: u32 = 0xFFFF_FFFC;

/// The version of pages whose blobs may go over several of them.
pub(super) const VERSION_2: u8 = 0xFE;

/// What stands in place of the number of a chunk where there are none.
pub(super) const NO_CHUNK: u8 = 0xFF;

/// Types of entries: the high digit says what, the low one how many bytes.
pub(super) mod kind {
    pub(in super::super) const U8: u8 = 0x01;
    pub(in super::super) const U16: u8 = 0x02;
    pub(in super::super) const U32: u8 = 0x04;
    pub(in super::super) const U64: u8 = 0x08;
    pub(in super::super) const I8: u8 = 0x11;
    pub(in super::super) const I16: u8 = 0x12;
    pub(in super::super) const I32: u8 = 0x14;
    pub(in super::super) const I64: u8 = 0x18;
    pub(in super::super) const TEXT: u8 = 0x21;
    pub(in super::super) const BLOB_DATA: u8 = 0x42;
    pub(in super::super) const BLOB_INDEX: u8 = 0x48;
}

/// The check sum of the format: CRC-32 as zlib computes it from 0xFFFFFFFF on.
pub(super) fn crc(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(u32::MAX);
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}
