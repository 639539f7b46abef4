//! The checks of a partition table.

use base::{Code, Error, Result};

use super::{APP_ALIGNMENT, FIRST, Partition, PartitionType, SECTOR, Table};
use crate::nvs;
use crate::partition::{Flags, Subtype};

/// The limit of partitions: a binary table of 3,072 bytes has 95 entries of 32 bytes and the checksum.
const MOST: usize = 95;

/// Checks each partition, then all together.
pub(super) fn partitions(partitions: &[Partition]) -> Result<()> {
    if partitions.len() > MOST {
        return Err(wrong(format!("a table of {} partitions does not fit: {MOST} do", partitions.len())));
    }
    partitions.iter().try_for_each(partition)?;
    for (index, partition) in partitions.iter().enumerate() {
        if partitions.iter().take(index).any(|earlier| earlier.name == partition.name) {
            return Err(wrong(format!("two partitions are called {:?}", partition.name))
                .because("they are found by their names")
                .fix("give one of them another name"));
        }
    }
    let mut sorted: Vec<&Partition> = partitions.iter().collect();
    sorted.sort_by_key(|partition| partition.offset);
    for (low, high) in sorted.iter().zip(sorted.iter().skip(1)) {
        if u64::from(high.offset) < low.end() {
            return Err(Code::PartitionsOverlap
                .error(format!("the partitions {} and {} overlap", low.span(), high.span()))
                .fix(format!("begin {} at {:#x}, or shorten {}", high.name, low.end(), low.name)));
        }
    }
    Ok(())
}

fn partition(partition: &Partition) -> Result<()> {
    let name = &partition.name;
    if name.is_empty() || name.len() > 16 || name.chars().any(|c| c.is_control() || c == '\0') {
        return Err(wrong(format!("{name:?} is no name of a partition: 1 to 16 bytes")));
    }
    let alignment = if partition.kind == PartitionType::APP { APP_ALIGNMENT } else { SECTOR };
    if partition.offset < FIRST {
        return Err(wrong(format!("the partition {name} begins at {:#x}", partition.offset))
            .because(format!("bootloader and partition table take what is before {FIRST:#x}")));
    }
    if !partition.offset.is_multiple_of(alignment) {
        return Err(wrong(format!("the partition {name} begins at {:#x}", partition.offset))
            .because(format!("partitions of type {} begin at multiples of {alignment:#x}", partition.kind)));
    }
    if partition.size == 0 || !partition.size.is_multiple_of(SECTOR) {
        return Err(wrong(format!("the partition {name} has {:#x} bytes", partition.size))
            .because(format!("sizes are multiples of {SECTOR:#x}, and not 0")));
    }
    let is_nvs = partition.kind == PartitionType::DATA && partition.subtype == Subtype::NVS;
    if is_nvs && (partition.size as usize) < nvs::MIN_SIZE && partition.flags != Flags::READ_ONLY {
        return Err(wrong(format!("the NVS partition {name} has {:#x} bytes", partition.size))
            .because(format!("it needs at least {:#x}", nvs::MIN_SIZE)));
    }
    Ok(())
}

impl Table {
    /// Checks that all partitions lie within `flash_size` bytes.
    ///
    /// # Errors
    /// [`Code::ImageTooLarge`] with the partition and the sizes.
    pub fn check_fits(&self, flash_size: u32) -> Result<()> {
        match self.partitions().iter().find(|partition| partition.end() > u64::from(flash_size)) {
            None => Ok(()),
            Some(partition) => Err(Code::ImageTooLarge
                .error(format!(
                    "the partition {} ends {} bytes behind the end of the flash, which has {} MB",
                    partition.span(),
                    partition.end() - u64::from(flash_size),
                    flash_size >> 20
                ))
                .fix("name the flash that the board has with --flash-size, or shorten the partition")),
        }
    }
}

fn wrong(what: impl Into<String>) -> Error {
    Code::PartitionTable.error(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(csv: &str, code: Code, words: &[&str]) {
        let error = Table::from_csv(csv).unwrap_err();
        assert_eq!(error.code(), code, "{csv}");
        for word in words {
            assert!(format!("{error:?}").contains(word), "{word}: {error:?}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_numbers() {
        use Code::{PartitionTable, PartitionsOverlap};
        refused("a,data,nvs,0x8000,0x6000", PartitionTable, &["0x8000", "0x9000"]);
        refused("a,data,nvs,0x9100,0x6000", PartitionTable, &["0x9100", "multiples of 0x1000"]);
        refused("a,app,factory,0x11000,1M", PartitionTable, &["0x11000", "multiples of 0x10000"]);
        refused("a,data,fat,0x9000,100", PartitionTable, &["0x64 bytes"]);
        refused("a,data,fat,0x9000,0", PartitionTable, &["0x0 bytes"]);
        refused("a,data,nvs,0x9000,0x2000", PartitionTable, &["at least 0x3000"]);
        refused("a,data,fat,,4K\na,data,fat,,4K", PartitionTable, &["two partitions are called \"a\""]);
        refused("a234567890abcdefg,data,fat,,4K", PartitionTable, &["1 to 16 bytes"]);
        refused(
            "nvs,data,nvs,0x9000,0x6000\nesp_secure_cert,0x3F,,0xD000,0x2000\n",
            PartitionsOverlap,
            &["nvs (0x9000 to 0xefff)", "esp_secure_cert (0xd000 to 0xefff)", "at 0xf000"],
        );
        refused("a,data,fat,0x9000,0xFFFFF000\nb,data,fat,0xA000,4K", PartitionsOverlap, &[]);
    }

    #[test]
    fn what_reaches_over_the_end_is_named() {
        let table = Table::from_csv("nvs,data,nvs,,24K\nfactory,app,factory,0x10000,4M\n").unwrap();
        let error = table.check_fits(4 << 20).unwrap_err();
        assert_eq!(error.code(), Code::ImageTooLarge);
        assert!(error.to_string().contains("factory (0x10000 to 0x40ffff) ends 65536 bytes behind"), "{error}");
        table.check_fits(8 << 20).unwrap();
    }
}
