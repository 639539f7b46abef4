//! A reader of ESP-IDF's partition table, for finding the NVS partitions of a chip and its identity slots.
//!
//! Written by hand because esp-bootloader-esp-idf panics on types and subtypes that it does not know, which projects and
//! later versions of ESP-IDF use freely. A damaged table is no danger: a record has a hash of its own.

use crate::slots::PARTITION;

/// The bytes of a partition table that contain entries.
pub const TABLE_LEN: usize = 0xC00;

/// The offsets at which a partition table is searched, in their order. The first one is usual. Projects with a larger
/// bootloader, for example for secure boot, configure a later one (`CONFIG_PARTITION_TABLE_OFFSET`).
pub const TABLE_OFFSETS: core::ops::Range<u32> = 0x8000..0x2_0000;

/// The unit of the offsets of partition tables in bytes.
pub const TABLE_STEP: usize = 0x1000;

const ENTRY: usize = 32;
const MAGIC: [u8; 2] = [0xAA, 0x50];
const DATA: u8 = 1;
const NVS: u8 = 2;
/// The subtype of the slots. ESP-IDF reserves the other ones, and some readers of tables stop at a subtype that they do
/// not know.
const UNDEFINED: u8 = 6;

/// A partition of the type `data`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataPartition {
    /// The offset in the flash in bytes.
    pub offset: u32,
    /// The size in bytes.
    pub size: u32,
}

/// True if a partition table begins with these bytes.
pub fn is_table(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// The NVS partitions of a table, in its order. Everything else is skipped.
pub fn nvs_partitions(table: &[u8]) -> impl Iterator<Item = DataPartition> {
    data_partitions(table, NVS)
}

/// The partition of the identity slots: the first one of the type `data, undefined` with their size. The name does not
/// matter.
pub fn identity_slots(table: &[u8]) -> Option<DataPartition> {
    data_partitions(table, UNDEFINED).find(|partition| partition.size == PARTITION)
}

fn data_partitions(table: &[u8], subtype: u8) -> impl Iterator<Item = DataPartition> {
    // The list ends with the MD5 sum, which begins with 0xEB 0xEB, or with erased flash.
    let entries = table.chunks_exact(ENTRY).take_while(|entry| entry.starts_with(&MAGIC));
    entries.filter_map(move |entry| partition(entry, subtype))
}

fn partition(entry: &[u8], wanted: u8) -> Option<DataPartition> {
    let [_, _, kind, subtype, o0, o1, o2, o3, s0, s1, s2, s3] = *entry.first_chunk()?;
    (kind == DATA && subtype == wanted).then_some(DataPartition {
        offset: u32::from_le_bytes([o0, o1, o2, o3]),
        size: u32::from_le_bytes([s0, s1, s2, s3]),
    })
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;

    fn entry(kind: u8, subtype: u8, offset: u32, size: u32) -> Vec<u8> {
        let mut entry = vec![0xAA, 0x50, kind, subtype];
        entry.extend(offset.to_le_bytes());
        entry.extend(size.to_le_bytes());
        entry.resize(ENTRY, 0);
        entry
    }

    #[test]
    fn nvs_partitions_are_found_among_unknown_types() {
        let mut table = [
            entry(2, 9, 0x1000, 0x7000),
            entry(0x40, 0xFE, 0x9000, 0x1000),
            entry(1, 2, 0xA000, 0x6000),
            entry(0xFF, 0xFF, 0x1_0000, 0x1000),
            entry(1, 2, 0x2_0000, 0x4000),
        ]
        .concat();
        // The entry with the MD5 ends the table: what follows is left over from an older one.
        table.extend([0xEB; 32]);
        table.extend(entry(1, 2, 0xDEAD_0000, 0x4000));
        table.resize(TABLE_LEN, 0xFF);
        assert!(is_table(&table));
        let found: Vec<_> = nvs_partitions(&table).collect();
        let both = [(0xA000, 0x6000), (0x2_0000, 0x4000)];
        assert_eq!(found, both.map(|(offset, size)| DataPartition { offset, size }));
    }

    #[test]
    fn identity_slots_are_found_by_their_type_and_size() {
        let mut table = [
            entry(1, 2, 0x9000, 0x6000),
            // Of another program, and of another size.
            entry(1, 6, 0x1_0000, 0x1000),
            entry(1, 6, 0x3F_0000, 0x1_0000),
            entry(1, 6, 0x40_0000, 0x1_0000),
        ]
        .concat();
        assert_eq!(identity_slots(&table), Some(DataPartition { offset: 0x3F_0000, size: 0x1_0000 }));
        table.truncate(2 * ENTRY);
        assert_eq!(identity_slots(&table), None);
    }

    #[test]
    fn erased_flash_is_no_table() {
        assert!(!is_table(&[0xFF; TABLE_LEN]));
        assert_eq!(nvs_partitions(&[0xFF; TABLE_LEN]).count(), 0);
        assert_eq!(nvs_partitions(&[0xAA, 0x50, 1, 2]).count(), 0);
    }
}
