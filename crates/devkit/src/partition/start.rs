//! The beginning of the flash: the offsets of what comes before the first partition.

use base::{Code, Error, Result};

use crate::chip::Chip;

/// The unit in which flash is erased, in bytes. Partitions begin at its multiples.
pub const SECTOR: u32 = 0x1000;

/// The offset in bytes at which a project has its partition table unless it configures another one
/// (`CONFIG_PARTITION_TABLE_OFFSET`).
pub const DEFAULT_TABLE_OFFSET: u32 = 0x8000;

/// The size of a partition table with its signature, in bytes.
pub const TABLE_SIZE: u32 = SECTOR;

/// The highest offset of a table in bytes: the last sector of the largest flash that addresses of 28 bits reach.
const MAX_TABLE: u32 = 0x0FFF_F000;

/// The offsets of bootloader and partition table, which no table changes: the first follows from the chip, and the
/// second is compiled into the bootloader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlashStart {
    bootloader: u32,
    table: u32,
}

impl FlashStart {
    /// The usual offsets of a chip.
    pub fn of(chip: Chip) -> Self {
        Self { bootloader: chip.facts().bootloader_offset, table: DEFAULT_TABLE_OFFSET }
    }

    /// The offsets of a chip whose bootloader expects the table at `table`.
    ///
    /// # Errors
    /// [`Code::PartitionTable`] if the table would not begin at a sector after the bootloader.
    pub fn with_table(chip: Chip, table: u32) -> Result<Self> {
        let bootloader = chip.facts().bootloader_offset;
        let refused = |why: String| -> Error {
            Code::PartitionTable
                .error(format!("the partition table cannot be at {table:#x}"))
                .because(why)
                .fix("use the value of CONFIG_PARTITION_TABLE_OFFSET in the project's sdkconfig")
        };
        if !table.is_multiple_of(SECTOR) {
            return Err(refused(format!("partition tables begin at multiples of {SECTOR:#x}")));
        }
        // On some chips the bootloader begins at 0, on others the ROM leaves a gap before it.
        if table <= bootloader {
            return Err(refused(format!("the bootloader of the {chip} begins at {bootloader:#x}")));
        }
        // An offset near the end of 32 bits would overflow later additions.
        if table > MAX_TABLE {
            return Err(refused("no flash is so large".to_owned()));
        }
        Ok(Self { bootloader, table })
    }

    /// The offset of the second-stage bootloader, in bytes.
    pub const fn bootloader(self) -> u32 {
        self.bootloader
    }

    /// The offset of the partition table, in bytes.
    pub const fn table(self) -> u32 {
        self.table
    }

    /// The space for the bootloader, in bytes.
    pub const fn bootloader_size(self) -> u32 {
        self.table - self.bootloader
    }

    /// The lowest offset of a partition, after the table, in bytes.
    pub const fn first(self) -> u32 {
        self.table + TABLE_SIZE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_begins_at_a_sector_after_the_bootloader() {
        let start = FlashStart::with_table(Chip::Esp32, 0xD000).unwrap();
        assert_eq!((start.bootloader(), start.bootloader_size(), start.first()), (0x1000, 0xC000, 0xE000));
        assert_eq!(FlashStart::of(Chip::Esp32C3).first(), 0x9000);
        for (offset, why) in [
            (0x8100, "multiples of 0x1000"),
            (0x1000, "the bootloader of the ESP32 begins at 0x1000"),
            (0, "begins at 0x1000"),
            // The end of the table would not fit in 32 bits.
            (0xFFFF_F000, "no flash is so large"),
            // And that of the partitions after it.
            (0xFFFF_E000, "no flash is so large"),
        ] {
            let error = FlashStart::with_table(Chip::Esp32, offset).unwrap_err();
            assert_eq!(error.code(), Code::PartitionTable);
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}
