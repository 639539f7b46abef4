//! The checks of a partition table.

use base::text::quote;
use base::{Code, Error, Result};

use super::{Flags, FlashStart, Partition, PartitionTable, PartitionType, SECTOR, Subtype};
use crate::nvs;

/// The limit of partitions: 94 entries of 32 bytes, the checksum and the end mark have 3,072 bytes. The bootloader
/// rejects a table without an end mark.
const MOST: usize = 94;

/// The size of the record of the last update, in bytes: two sectors, of which one is always valid.
const OTA_DATA_SIZE: u32 = 2 * SECTOR;

/// An error of a table, and the number of the partition that has it.
#[derive(Debug)]
pub(super) struct Fault {
    /// Beginning with 0.
    pub(super) index: usize,
    pub(super) error: Error,
}

/// Checks each partition, then all together.
pub(super) fn partitions(partitions: &[Partition], start: FlashStart) -> Result<(), Fault> {
    let at = |index: usize| move |error: Error| Fault { index, error };
    // A sector of 4 KiB has 96 entries of 32 bytes in 0xC00 bytes; the MD5 and the end take two.
    if partitions.len() > MOST {
        return Err(at(MOST)(
            wrong(format!("a table of {} partitions does not fit", partitions.len()))
                .because(format!("a partition table has at most {MOST} entries"))
                .fix("join or remove partitions"),
        ));
    }
    for (index, partition) in partitions.iter().enumerate() {
        self::partition(partition, start).map_err(at(index))?;
    }
    // Quadratic, but bounded by 94 partitions.
    for (index, partition) in partitions.iter().enumerate() {
        if partitions.iter().take(index).any(|earlier| earlier.name == partition.name) {
            return Err(at(index)(
                wrong(format!("two partitions are called {:?}", partition.name))
                    .because("they are found by their names")
                    .fix("give one of them another name"),
            ));
        }
    }
    let mut sorted: Vec<(usize, &Partition)> = partitions.iter().enumerate().collect();
    sorted.sort_by_key(|(_, partition)| partition.offset);
    // After sorting only neighbors can overlap.
    for ((_, low), (index, high)) in sorted.iter().zip(sorted.iter().skip(1)) {
        if u64::from(high.offset) < low.end() {
            return Err(at(*index)(
                Code::PartitionsOverlap
                    .error(format!("the partitions {} and {} overlap", low.span(), high.span()))
                    .fix(format!("begin {} at {:#x}, or shorten {}", high.name, low.end(), low.name)),
            ));
        }
    }
    // Chips with a trusted execution environment have a second OTA record of their own.
    ota_data(partitions, Subtype::OTA_DATA, "ota")?;
    ota_data(partitions, Subtype::TEE_OTA_DATA, "tee_ota")
}

fn partition(partition: &Partition, start: FlashStart) -> Result<()> {
    let name = &partition.name;
    if name.is_empty() || name.len() > 16 || name.chars().any(|c| c.is_control() || c == '\0') {
        return Err(wrong(format!("{} is no name of a partition", quote(name)))
            .because("names have 1 to 16 bytes, without control characters")
            .fix("give the partition such a name"));
    }
    place(partition, start)?;
    let (is_app, size) = (partition.kind == PartitionType::APP, partition.size);
    if size == 0 {
        return Err(wrong(format!("the partition {name} has 0 bytes")).fix("give it a size, such as 24K or 1M"));
    }
    // The flash is mapped by pages for execution, and the bootloader verifies whole sectors.
    if is_app && !size.is_multiple_of(SECTOR) {
        return Err(wrong(format!("the partition {name} has {size:#x} bytes"))
            .because(format!("sizes of application partitions are multiples of {SECTOR:#x}"))
            .fix(format!("give it {:#x} bytes", size.checked_next_multiple_of(SECTOR).unwrap_or(SECTOR))));
    }
    if partition.kind == PartitionType::DATA { data(partition) } else { Ok(()) }
}

/// Checks the offset of a partition.
fn place(partition: &Partition, start: FlashStart) -> Result<()> {
    let Partition { name, kind, offset, .. } = partition;
    // These two are not placed by the table, which only repeats where they are.
    if partition.is_primary() {
        let is_table = *kind == PartitionType::PARTITION_TABLE;
        let expected = if is_table { start.table() } else { start.bootloader() };
        if *offset == expected {
            return Ok(());
        }
        let error = wrong(format!("the partition {name} begins at {offset:#x}"));
        return Err(match is_table {
            true => error
                .because(format!("it is the table itself, and the table is written at {expected:#x}"))
                .fix(format!("add `--partition-table-offset {offset:#x}`, if the project has the table there")),
            false => error
                .because(format!("the ROM of the chip starts the bootloader at {expected:#x}"))
                .fix("use the partition table of a project for this chip"),
        });
    }
    if *offset < start.first() {
        return Err(before_first(name, *offset, start));
    }
    // Applications begin at multiples of 64 KiB, because the chip's cache maps the flash in pages of that size.
    if !offset.is_multiple_of(kind.alignment()) {
        return Err(wrong(format!("the partition {name} begins at {offset:#x}"))
            .because(format!("partitions of type {kind} begin at multiples of {:#x}", kind.alignment()))
            .fix("move it, or leave its offset empty"));
    }
    Ok(())
}

/// The error of a partition before the end of the table.
pub(super) fn before_first(name: &str, offset: u32, start: FlashStart) -> Error {
    let (table, first) = (start.table(), start.first());
    wrong(format!("the partition {name} begins at {offset:#x}"))
        .because(format!("the partition table is at {table:#x}, and partitions begin after it, at {first:#x}"))
        .fix("move the partition, or state where the project has its table with --partition-table-offset")
}

/// The rules for data partitions that ESP-IDF writes to, or reads as NVS.
fn data(partition: &Partition) -> Result<()> {
    let (name, is_read_only) = (&partition.name, partition.flags.has(Flags::READ_ONLY));
    let is_written = [Subtype::OTA_DATA, Subtype::CORE_DUMP].contains(&partition.subtype);
    if is_written && is_read_only {
        return Err(wrong(format!("the partition {name} cannot be read-only"))
            .because("the chip writes to partitions with the subtypes ota and coredump")
            .fix("remove the flag readonly"));
    }
    // A read-only NVS partition never needs the free page that garbage collection requires.
    if partition.subtype == Subtype::NVS && (partition.size as usize) < nvs::MIN_SIZE && !is_read_only {
        return Err(wrong(format!("the NVS partition {name} has {:#x} bytes", partition.size))
            .because(format!("it needs at least {:#x}, unless it is readonly", nvs::MIN_SIZE))
            .fix("give it another size; 0x6000 is enough for certificates with EC keys"));
    }
    Ok(())
}

/// There is at most one record of the last update, and it has two sectors.
fn ota_data(partitions: &[Partition], subtype: Subtype, word: &str) -> Result<(), Fault> {
    let is_record = |partition: &Partition| partition.kind == PartitionType::DATA && partition.subtype == subtype;
    let mut all = partitions.iter().enumerate().filter(|(_, partition)| is_record(partition));
    match (all.next(), all.next()) {
        (Some((_, first)), Some((index, second))) => {
            let error =
                wrong(format!("the partitions {} and {} both have the type data, {word}", first.name, second.name))
                    .because("the bootloader reads one of them only")
                    .fix("remove one of them");
            Err(Fault { index, error })
        }
        (Some((index, only)), None) if only.size != OTA_DATA_SIZE => {
            let error = wrong(format!("the partition {} has {:#x} bytes", only.name, only.size))
                .because(format!("partitions of the type data, {word} have {OTA_DATA_SIZE:#x} bytes"))
                .fix(format!("give it {OTA_DATA_SIZE:#x} bytes"));
            Err(Fault { index, error })
        }
        _ => Ok(()),
    }
}

impl PartitionTable {
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
    use crate::chip::Chip;

    fn parse(csv: &str) -> Result<PartitionTable> {
        PartitionTable::from_csv(csv, FlashStart::of(Chip::Esp32C3))
    }

    fn refused(csv: &str, code: Code, words: &[&str]) {
        let error = parse(csv).unwrap_err();
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
        refused("a,app,factory,0x10000,0x1100", PartitionTable, &["0x1100 bytes", "multiples of 0x1000"]);
        refused("a,data,fat,0x9000,0", PartitionTable, &["0 bytes"]);
        // NVS needs three pages: one is always free for moving entries.
        refused("a,data,nvs,0x9000,0x2000", PartitionTable, &["at least 0x3000"]);
        refused("a,data,fat,,4K\na,data,fat,,4K", PartitionTable, &["two partitions are called \"a\""]);
        refused("a234567890abcdefg,data,fat,,4K", PartitionTable, &["1 to 16 bytes"]);
        refused("a,data,ota,,0x1000", PartitionTable, &["has 0x1000 bytes", "have 0x2000 bytes"]);
        refused("a,data,tee_ota,,0x3000", PartitionTable, &["data, tee_ota have 0x2000"]);
        refused("a,data,ota,,8K\nb,data,ota,,8K", PartitionTable, &["a and b both have the type data, ota"]);
        refused("a,data,ota,,8K,readonly", PartitionTable, &["a cannot be read-only"]);
        refused("a,data,coredump,,64K,encrypted:readonly", PartitionTable, &["a cannot be read-only"]);
        refused(
            "boot,bootloader,primary,,\nlow,data,fat,0x4000,4K\n",
            PartitionTable,
            &["low begins at 0x4000", "after it, at 0x9000", "--partition-table-offset"],
        );
        refused(
            "nvs,data,nvs,0x9000,0x6000\nesp_secure_cert,0x3F,,0xD000,0x2000\n",
            PartitionsOverlap,
            &["the partition esp_secure_cert begins at 0xd000", "ends at 0xf000"],
        );
        // Offset and size together exceed 32 bits.
        refused("a,data,fat,0x9000,0xFFFFF000\nb,data,fat,0xA000,4K", PartitionsOverlap, &[]);
    }

    /// In a binary table, whose order is free.
    #[test]
    fn overlaps_are_named_with_their_ranges() {
        let partition = |name: &str, offset, size| Partition {
            name: name.to_owned(),
            kind: PartitionType::DATA,
            subtype: Subtype::UNDEFINED,
            offset,
            size,
            flags: Flags::NONE,
        };
        let both = vec![partition("high", 0xD000, 0x2000), partition("low", 0x9000, 0x6000)];
        let error = PartitionTable::new(both, FlashStart::of(Chip::Esp32C3)).unwrap_err();
        assert_eq!(error.code(), Code::PartitionsOverlap);
        for word in ["low (0x9000 to 0xefff)", "high (0xd000 to 0xefff)", "begin high at 0xf000"] {
            assert!(format!("{error:?}").contains(word), "{word}: {error:?}");
        }
        let free = vec![partition("high", 0xF000, 0x1000), partition("low", 0x9000, 0x6000)];
        PartitionTable::new(free, FlashStart::of(Chip::Esp32C3)).unwrap();
    }

    #[test]
    fn gen_esp32part_accepts_these_as_well() {
        for csv in [
            "a,data,nvs,,0x1000,readonly",
            "a,data,nvs,,0x2000,encrypted:readonly",
            "a,data,fat,,1",
            "a,data,ota,,8K\nb,data,tee_ota,,8K",
            "a,0x40,,,100\nb,0xFE,7,,4K",
            "a,app,factory,,0x1000",
        ] {
            parse(csv).unwrap();
        }
    }

    #[test]
    fn what_reaches_over_the_end_is_named() {
        let table = parse("nvs,data,nvs,,24K\nfactory,app,factory,0x10000,4M\n").unwrap();
        let error = table.check_fits(4 << 20).unwrap_err();
        assert_eq!(error.code(), Code::ImageTooLarge);
        assert!(error.to_string().contains("factory (0x10000 to 0x40ffff) ends 65536 bytes behind"), "{error}");
        table.check_fits(8 << 20).unwrap();
    }
}
