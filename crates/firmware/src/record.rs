//! Reading the credentials record from the chip's flash.

use device::Record;
use device::nvs::{self, Flash, FlashError};
use device::record::ReadError;
use esp_bootloader_esp_idf::partitions::{
    DataPartitionSubType, FlashRegion, PARTITION_TABLE_MAX_LEN, PartitionType, read_partition_table,
};
use esp_storage::FlashStorage;

/// An NVS partition.
struct Partition<'a, 'd>(FlashRegion<'a, 'd>);

impl Flash for Partition<'_, '_> {
    fn size(&self) -> u32 {
        u32::try_from(self.0.partition_size()).unwrap_or(u32::MAX)
    }

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.0.read(offset, bytes).map_err(|_| FlashError)
    }
}

/// An error of reading the record.
pub(crate) enum Error {
    /// The partition table is missing or cannot be read.
    Table,
    /// The partition table has no NVS partition.
    NoPartition,
    /// No NVS partition has a valid record; the most specific error.
    Record(ReadError),
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Table => f.write_str("the partition table is missing or cannot be read"),
            Self::NoPartition => f.write_str("the partition table has no NVS partition"),
            Self::Record(error) => error.fmt(f),
        }
    }
}

/// Reads the record of the first NVS partition that has one. The partition's name does not matter.
pub(crate) fn read(mut flash: FlashStorage<'_>) -> Result<Record, Error> {
    let mut bytes = alloc::vec![0; PARTITION_TABLE_MAX_LEN];
    let table = read_partition_table(&mut flash, &mut bytes).map_err(|_| Error::Table)?;
    let mut nearest = Error::NoPartition;
    for entry in table.iter() {
        if entry.partition_type() != PartitionType::Data(DataPartitionSubType::Nvs) {
            continue;
        }
        match Record::read(Partition(entry.as_flash_region(&mut flash))) {
            Ok(record) => return Ok(record),
            Err(error) => {
                let empty = |error: &ReadError| {
                    matches!(error, ReadError::Nvs(nvs::Error::Blank | nvs::Error::NoNamespace { damage: None }))
                };
                // The error of a damaged record is more specific than that of a partition without one.
                if !matches!(&nearest, Error::Record(before) if !empty(before)) {
                    nearest = Error::Record(error);
                }
            }
        }
    }
    Err(nearest)
}
