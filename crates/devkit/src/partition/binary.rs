//! The binary format of partition tables: entries of 32 bytes, an MD5 over them, then erased flash.

use base::{Code, Result};
use md5::{Digest, Md5};

use super::{Flags, FlashStart, Partition, PartitionTable, PartitionType, Subtype, TABLE_SIZE};

const MAGIC: [u8; 2] = [0xAA, 0x50];

const MD5_MAGIC: [u8; 2] = [0xEB, 0xEB];

const ENTRY: usize = 32;

/// The length of a binary table in bytes.
const LENGTH: usize = 0xC00;

/// The length of a signature of secure boot version 1 in bytes: a version of 0, and 64 bytes of ECDSA.
const SIGNATURE: usize = 68;

impl PartitionTable {
    /// True if the bytes begin with the magic number of binary tables.
    pub fn is_binary(bytes: &[u8]) -> bool {
        bytes.starts_with(&MAGIC)
    }

    /// The binary table, 3,072 bytes, and after it the signature of a signed table. A table that was read from this format
    /// keeps its bytes.
    pub fn to_binary(&self) -> Vec<u8> {
        let mut bytes = self.given.clone().unwrap_or_else(|| self.generated());
        bytes.extend(&self.signature);
        bytes
    }

    /// The binary table as gen_esp32part writes it, without a signature.
    fn generated(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LENGTH);
        for partition in self.partitions() {
            let mut name = [0; 16];
            name.iter_mut().zip(partition.name.bytes()).for_each(|(to, from)| *to = from);
            bytes.extend(MAGIC);
            bytes.extend([partition.kind.0, partition.subtype.0]);
            bytes.extend(partition.offset.to_le_bytes());
            bytes.extend(partition.size.to_le_bytes());
            bytes.extend(name);
            bytes.extend(partition.flags.0.to_le_bytes());
        }
        // The bootloader detects bit errors with this MD5. It is not a protection against attackers.
        // The sum covers the entries before it, and not their padding.
        let sum = Md5::digest(&bytes);
        bytes.extend(MD5_MAGIC);
        bytes.extend([0xFF; 14]);
        bytes.extend(sum);
        // Erased flash reads as 0xFF.
        bytes.resize(LENGTH, 0xFF);
        bytes
    }

    /// Parses a binary table, of which at most a sector of 4,096 bytes is read.
    ///
    /// # Errors
    /// [`Code::PartitionTable`] if it is damaged, or followed by bytes that are no signature; and those of
    /// [`PartitionTable::new`].
    pub fn from_binary(bytes: &[u8], start: FlashStart) -> Result<Self> {
        // The flash dump of a whole device may be given: the table is its first sector.
        let bytes = bytes.get(..TABLE_SIZE as usize).unwrap_or(bytes);
        let (entries, rest) = bytes.split_at_checked(LENGTH).unwrap_or((bytes, &[]));
        let table = Self { signature: signature(rest)?, ..Self::entries(entries, start)? };
        // Tables of old ESP-IDF versions have no MD5, for example. Their bootloaders may reject one, and a signature is of
        // the bytes as they are.
        let mut given = entries.to_vec();
        given.resize(LENGTH, 0xFF);
        let given = (given != table.generated()).then_some(given);
        Ok(Self { given, ..table })
    }

    fn entries(bytes: &[u8], start: FlashStart) -> Result<Self> {
        let damaged = |why: &str| {
            Code::PartitionTable
                .error("the binary partition table is damaged")
                .because(why)
                .fix("copy it again from where it was built: in ESP-IDF, build/partition_table/partition-table.bin")
        };
        let mut partitions = Vec::new();
        let mut sum = Md5::new();
        let mut has_sum = false;
        for entry in bytes.chunks(ENTRY) {
            // The MD5 entry is optional: tables of old ESP-IDF versions have none.
            if entry.starts_with(&MD5_MAGIC) {
                if entry.get(16..) != Some(&sum.clone().finalize()) {
                    return Err(damaged("its MD5 does not fit"));
                }
                // ESP-IDF, `esp_partition_table_verify`.
                if std::mem::replace(&mut has_sum, true) {
                    return Err(damaged("it has two MD5 entries, and bootloaders accept one"));
                }
                continue;
            }
            if entry.iter().all(|byte| *byte == 0xFF) {
                return Self::new(partitions, start);
            }
            sum.update(entry);
            partitions.push(partition(entry).ok_or_else(|| damaged("an entry is none"))?);
        }
        // Without an erased entry the chip would read whatever follows as entries.
        Err(damaged("its end is missing"))
    }
}

/// The signature of secure boot version 1 that follows a table; version 2 does not sign tables.
fn signature(rest: &[u8]) -> Result<Vec<u8>> {
    // Erased flash, or what programs pad files with.
    if rest.iter().all(|byte| *byte == 0xFF) || rest.iter().all(|byte| *byte == 0) {
        return Ok(Vec::new());
    }
    match rest.split_at_checked(SIGNATURE) {
        Some((signature, after)) if signature.starts_with(&[0; 4]) && after.iter().all(|byte| *byte == 0xFF) => {
            Ok(signature.to_vec())
        }
        _ => Err(Code::PartitionTable
            .error("the binary partition table is followed by other bytes")
            .because(format!("a table ends after {LENGTH:#x} bytes, and only a signature of secure boot can follow it"))
            .fix("name the table alone: in ESP-IDF, build/partition_table/partition-table.bin")),
    }
}

fn partition(entry: &[u8]) -> Option<Partition> {
    let word = |at: usize| entry.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
    // Lengths are checked by `get`, because the last chunk may be short.
    let [kind, subtype] = *entry.strip_prefix(&MAGIC)?.first_chunk::<2>()?;
    let name: Vec<u8> = entry.get(12..28)?.iter().copied().take_while(|byte| *byte != 0).collect();
    Some(Partition {
        name: String::from_utf8(name).ok()?,
        kind: PartitionType(kind),
        subtype: Subtype(subtype),
        offset: word(4)?,
        size: word(8)?,
        flags: Flags(word(28)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::Chip;
    use crate::partition::OptionalPartitions;

    fn start() -> FlashStart {
        FlashStart::of(Chip::Esp32C3)
    }

    const CSV: &str = "nvs,data,nvs,0x9000,24K\nphy_init,data,phy,,4K\notadata,data,ota,0x10000,8K\n\
        factory,app,factory,0x20000,1M\nota_0,app,ota_0,,1M,encrypted\nota_1,app,ota_1,,1M\n\
        storage,data,fat,,256K,readonly\nname-of-16-bytes,0x40,0x41,,64K\n";

    #[test]
    fn binary_tables_are_those_of_the_field() {
        // esp-idf-part is what espflash writes tables with, and is held to ESP-IDF's own generator.
        let theirs = esp_idf_part::PartitionTable::try_from_str(CSV).unwrap();
        let ours = PartitionTable::from_csv(CSV, start()).unwrap();
        assert_eq!(ours.to_binary(), theirs.to_bin().unwrap());
        for extras in [
            OptionalPartitions::default(),
            OptionalPartitions { secure_cert: true, nvs_keys: true, identity_slots: true },
        ] {
            let ours = PartitionTable::standard(4 << 20, extras, start()).unwrap().to_binary();
            let theirs = esp_idf_part::PartitionTable::try_from_bytes(ours.clone()).unwrap();
            assert_eq!(theirs.to_bin().unwrap(), ours);
        }
    }

    #[test]
    fn a_binary_table_reads_back_unless_it_is_damaged() {
        let table = PartitionTable::from_csv(CSV, start()).unwrap();
        let binary = table.to_binary();
        assert!(PartitionTable::is_binary(&binary) && !PartitionTable::is_binary(CSV.as_bytes()));
        assert_eq!(PartitionTable::from_binary(&binary, start()).unwrap(), table);
        // Eight entries and the one with the MD5.
        for bit in 0..8 * ENTRY * 9 {
            let mut damaged = binary.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            match PartitionTable::from_binary(&damaged, start()) {
                Err(error) => assert!(!error.to_string().is_empty()),
                // The filling before the MD5 is not looked at, and kept.
                Ok(read) => {
                    let is_same = read.partitions() == table.partitions() && read.to_binary() == damaged;
                    assert!(is_same && (8 * (ENTRY * 8 + 2)..8 * (ENTRY * 8 + 16)).contains(&bit), "{bit}");
                }
            }
        }
        // The entry with the MD5 twice.
        let mut twice = binary.clone();
        twice.copy_within(ENTRY * 8..ENTRY * 9, ENTRY * 9);
        let error = PartitionTable::from_binary(&twice, start()).unwrap_err();
        assert!(error.to_string().contains("two MD5 entries"), "{error}");
        // Cut at the border of an entry, so that only the missing MD5 shows it.
        assert!(PartitionTable::from_binary(&binary[..ENTRY * 3], start()).is_err());
        assert!(PartitionTable::from_binary(&[0xAA, 0x50], start()).is_err());
    }
    /// A table of this many partitions, in gen_esp32part's binary format.
    fn of(count: usize) -> Vec<u8> {
        let mut entries = Vec::new();
        for index in 0..count {
            entries.extend(MAGIC);
            entries.extend([0x40, 0]);
            entries.extend((0x9000 + 0x1000 * index as u32).to_le_bytes());
            entries.extend(0x1000_u32.to_le_bytes());
            let mut name = format!("p{index}").into_bytes();
            name.resize(16, 0);
            entries.extend(name);
            entries.extend([0; 4]);
        }
        // One more entry than a table has room for, so that 95 can be written at all.
        entries.resize(LENGTH + ENTRY, 0xFF);
        entries
    }

    #[test]
    fn ninety_four_entries_are_the_most() {
        let most = PartitionTable::from_binary(&of(94), start()).unwrap();
        assert_eq!(most.to_binary().len(), LENGTH);
        assert_eq!(PartitionTable::from_binary(&most.to_binary(), start()).unwrap(), most);
        let error = PartitionTable::from_binary(&of(95), start()).unwrap_err();
        assert_eq!(error.code(), Code::PartitionTable);
        assert!(error.to_string().contains("95 partitions"), "{error}");
    }

    #[test]
    fn a_signed_table_keeps_its_signature_or_is_refused() {
        let mut signed = PartitionTable::from_csv(CSV, start()).unwrap().to_binary();
        // The signature block of secure boot 1: a version of 0, and 64 bytes.
        signed.extend([0, 0, 0, 0]);
        signed.extend([7; 64]);
        let table = PartitionTable::from_binary(&signed, start()).unwrap();
        assert!(table.is_signed());
        assert_eq!(table.to_binary(), signed);
        // In a flash, erased bytes and the first partition follow.
        let mut flash = signed.clone();
        flash.resize(TABLE_SIZE as usize, 0xFF);
        flash.extend([1; 100]);
        assert_eq!(PartitionTable::from_binary(&flash, start()).unwrap(), table);
        // Without an MD5, which the signature does not cover.
        let mut other = of(3);
        other.truncate(LENGTH);
        other.extend([0, 0, 0, 0]);
        other.extend([7; 64]);
        let table = PartitionTable::from_binary(&other, start()).unwrap();
        assert!(table.is_signed());
        assert_eq!(table.to_binary(), other);
    }

    #[test]
    fn a_table_without_an_md5_keeps_its_bytes() {
        let mut given = of(3);
        given.truncate(LENGTH);
        let table = PartitionTable::from_binary(&given, start()).unwrap();
        assert_eq!(table.to_binary(), given);
        assert!(!table.is_signed());
        // A file that ends after an erased entry: the rest of the sector is erased.
        let table = PartitionTable::from_binary(&given[..ENTRY * 4], start()).unwrap();
        assert_eq!(table.to_binary(), given);
    }

    #[test]
    fn padding_after_a_table_is_no_signature_and_other_bytes_are_refused() {
        let plain = PartitionTable::from_csv(CSV, start()).unwrap();
        for padding in [0, 0xFF] {
            let mut padded = plain.to_binary();
            padded.resize(TABLE_SIZE as usize, padding);
            assert_eq!(PartitionTable::from_binary(&padded, start()).unwrap(), plain);
        }
        for more in [&[7; 68][..], &[0, 0, 0, 0, 7], &[0, 0, 0, 1]] {
            let error = PartitionTable::from_binary(&[&plain.to_binary(), more].concat(), start()).unwrap_err();
            assert_eq!(error.code(), Code::PartitionTable);
            assert!(error.to_string().contains("a table ends after 0xc00 bytes"), "{error}");
        }
    }

    /// The only table that shows the offset at which its project has it.
    #[test]
    fn a_table_that_contains_itself_is_not_taken_for_another_offset() {
        let moved = FlashStart::with_table(Chip::Esp32C3, 0xD000).unwrap();
        let csv = "table,partition_table,primary,,\nboot,bootloader,primary,,\nnvs,data,nvs,,24K\n";
        let binary = PartitionTable::from_csv(csv, moved).unwrap().to_binary();
        assert_eq!(PartitionTable::from_binary(&binary, moved).unwrap().to_binary(), binary);
        let error = PartitionTable::from_binary(&binary, start()).unwrap_err();
        assert_eq!(error.code(), Code::PartitionTable);
        assert!(error.finding().fix.as_ref().unwrap().contains("--partition-table-offset 0xd000"), "{error:?}");
    }
}
