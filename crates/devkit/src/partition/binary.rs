//! The binary format of partition tables: entries of 32 bytes, an MD5 over them, then erased flash.

use base::{Code, Result};
use md5::{Digest, Md5};

use super::{Flags, Partition, PartitionType, Subtype, Table};

const MAGIC: [u8; 2] = [0xAA, 0x50];

const MD5_MAGIC: [u8; 2] = [0xEB, 0xEB];

const ENTRY: usize = 32;

/// The length of a binary table in bytes.
const LENGTH: usize = 0xC00;

impl Table {
    /// Whether the bytes begin with the magic number of binary tables.
    pub fn is_binary(bytes: &[u8]) -> bool {
        bytes.starts_with(&MAGIC)
    }

    /// The binary table, 3,072 bytes.
    pub fn to_binary(&self) -> Vec<u8> {
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
        let sum = Md5::digest(&bytes);
        bytes.extend(MD5_MAGIC);
        bytes.extend([0xFF; 14]);
        bytes.extend(sum);
        bytes.resize(LENGTH, 0xFF);
        bytes
    }

    /// Parses a binary table.
    ///
    /// # Errors
    /// [`Code::PartitionTable`] if it is damaged, and those of [`Table::new`].
    pub fn from_binary(bytes: &[u8]) -> Result<Self> {
        let damaged = |what: &str| Code::PartitionTable.error(format!("the binary partition table is damaged: {what}"));
        let mut partitions = Vec::new();
        let mut sum = Md5::new();
        for entry in bytes.chunks(ENTRY) {
            if entry.starts_with(&MD5_MAGIC) {
                if entry.get(16..) == Some(&sum.clone().finalize()) {
                    continue;
                }
                return Err(damaged("its MD5 does not fit"));
            }
            if entry.iter().all(|byte| *byte == 0xFF) {
                return Self::new(partitions);
            }
            sum.update(entry);
            partitions.push(partition(entry).ok_or_else(|| damaged("an entry is none"))?);
        }
        Err(damaged("its end is missing"))
    }
}

fn partition(entry: &[u8]) -> Option<Partition> {
    let word = |at: usize| entry.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
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
    use crate::partition::Extras;

    const CSV: &str = "nvs,data,nvs,0x9000,24K\nphy_init,data,phy,,4K\notadata,data,ota,0x10000,8K\n\
        factory,app,factory,0x20000,1M\nota_0,app,ota_0,,1M,encrypted\nota_1,app,ota_1,,1M\n\
        storage,data,fat,,256K,readonly\nname-of-16-bytes,0x40,0x41,,64K\n";

    #[test]
    fn binary_tables_are_those_of_the_field() {
        // esp-idf-part is what espflash writes tables with, and is held to ESP-IDF's own generator.
        let theirs = esp_idf_part::PartitionTable::try_from_str(CSV).unwrap();
        let ours = Table::from_csv(CSV).unwrap();
        assert_eq!(ours.to_binary(), theirs.to_bin().unwrap());
        for extras in [Extras::default(), Extras { secure_cert: true, nvs_keys: true }] {
            let ours = Table::standard(4 << 20, extras).unwrap().to_binary();
            let theirs = esp_idf_part::PartitionTable::try_from_bytes(ours.clone()).unwrap();
            assert_eq!(theirs.to_bin().unwrap(), ours);
        }
    }

    #[test]
    fn a_binary_table_reads_back_unless_it_is_damaged() {
        let table = Table::from_csv(CSV).unwrap();
        let binary = table.to_binary();
        assert!(Table::is_binary(&binary) && !Table::is_binary(CSV.as_bytes()));
        assert_eq!(Table::from_binary(&binary).unwrap(), table);
        for bit in 0..8 * ENTRY * 9 {
            let mut damaged = binary.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            match Table::from_binary(&damaged) {
                Err(error) => assert!(!error.to_string().is_empty()),
                // The filling before the MD5 is not looked at.
                Ok(read) => {
                    assert!(read == table && (8 * (ENTRY * 8 + 2)..8 * (ENTRY * 8 + 16)).contains(&bit), "{bit}");
                }
            }
        }
        assert!(Table::from_binary(&binary[..ENTRY * 3]).is_err());
        assert!(Table::from_binary(&[0xAA, 0x50]).is_err());
    }
}
