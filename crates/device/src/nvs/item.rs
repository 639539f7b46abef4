//! An entry of 32 bytes.
//!
//! ```text
//! 0  namespace   1  type   2  span   3  chunk   4  CRC-32 of bytes 0-3 and 8-31   8  key, NUL-padded   24  data
//! ```

use super::crc::Crc;
use super::{ENTRIES, SLOT};

/// The types that the record uses (`nvs_type_t`). Entries of other types are skipped.
pub(super) mod kind {
    pub(in super::super) const U8: u8 = 0x01;
    pub(in super::super) const U16: u8 = 0x02;
    pub(in super::super) const STR: u8 = 0x21;
    /// A blob within one page, as version 1 of the format stores it.
    pub(in super::super) const BLOB_V1: u8 = 0x41;
    /// A chunk of a blob.
    pub(in super::super) const BLOB_DATA: u8 = 0x42;
    /// The index of a blob: its length and its chunks.
    pub(in super::super) const BLOB_INDEX: u8 = 0x48;
}

/// An entry with a valid header CRC.
#[derive(Clone, Copy)]
pub(super) struct NvsEntry {
    /// The offset of its data in the partition. The data are not verified yet.
    pub(super) data_at: u32,
    pub(super) namespace: u8,
    pub(super) kind: u8,
    /// The number of entries that it occupies, including itself.
    pub(super) span: u8,
    pub(super) chunk: u8,
    pub(super) key: [u8; 16],
    pub(super) data: [u8; 8],
}

impl NvsEntry {
    /// Parses the entry with this index in its page and this offset in the partition.
    ///
    /// # Errors
    /// The fault of the entry.
    pub(super) fn parse(slot: &[u8; SLOT as usize], index: u8, offset: u32) -> Result<Self, &'static str> {
        let [namespace, kind, span, chunk, c0, c1, c2, c3, rest @ ..] = *slot;
        let crc = Crc::new().update(&[namespace, kind, span, chunk]).update(&rest).finish();
        if crc != u32::from_le_bytes([c0, c1, c2, c3]) {
            return Err("its checksum does not match");
        }
        // A span beyond the page would let the reader take bytes of the next one.
        if span == 0 || span > ENTRIES - index {
            return Err("it does not fit into its page");
        }
        let (mut key, mut data) = ([0; 16], [0; 8]);
        for (to, from) in key.iter_mut().chain(&mut data).zip(rest) {
            *to = from;
        }
        Ok(Self { data_at: offset + SLOT, namespace, kind, span, chunk, key, data })
    }

    /// True if the key is `name`.
    pub(super) fn is_named(&self, name: &str) -> bool {
        let mut padded = [0; 16];
        // The key must end in a NUL, so that it has at most 15 bytes.
        name.len() < padded.len() && {
            for (to, from) in padded.iter_mut().zip(name.bytes()) {
                *to = from;
            }
            padded == self.key
        }
    }

    /// The length in bytes and the CRC of the data in the following entries.
    pub(super) fn length_and_crc(&self) -> (u32, u32) {
        let [l0, l1, _, _, c0, c1, c2, c3] = self.data;
        (u32::from(u16::from_le_bytes([l0, l1])), u32::from_le_bytes([c0, c1, c2, c3]))
    }

    /// The capacity of the following entries in bytes.
    pub(super) fn room(&self) -> u32 {
        u32::from(self.span - 1) * SLOT
    }

    /// The fields of a blob index: length in bytes, number of chunks, and the number of the first chunk.
    pub(super) fn blob(&self) -> (u32, u8, u8) {
        let [l0, l1, l2, l3, count, start, _, _] = self.data;
        (u32::from_le_bytes([l0, l1, l2, l3]), count, start)
    }
}
