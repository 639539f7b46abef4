//! Reading the credentials record from the chip's flash.

use device::Record;
use device::flash_table::{self, NvsPartition, TABLE_LEN, TABLE_OFFSETS, TABLE_STEP};
use device::nvs::{self, Flash, FlashError};
use device::record::ReadError;
use esp_storage::FlashStorage;

/// An NVS partition.
struct Partition<'a, 'd> {
    flash: &'a mut FlashStorage<'d>,
    place: NvsPartition,
}

impl Flash for Partition<'_, '_> {
    fn size(&self) -> u32 {
        self.place.size
    }

    // Not inlined, for the reason at `record_of`.
    #[inline(never)]
    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        let start = self.place.offset.checked_add(offset).ok_or(FlashError)?;
        self.flash.read(start, bytes).map_err(|_| FlashError)
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
    let table = table(&mut flash).ok_or(Error::Table)?;
    let mut nearest = Error::NoPartition;
    for place in flash_table::nvs_partitions(&table) {
        match record_of(&mut flash, place) {
            Ok(record) => return Ok(record),
            Err(error) => {
                let empty = |error: &ReadError| {
                    matches!(error, ReadError::Nvs(nvs::NvsError::Blank | nvs::NvsError::NoNamespace { damage: None }))
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

/// The record of a partition. Not inlined: a larger [`read`] has a frame that the upstream compiler for Xtensa cannot
/// address.
#[inline(never)]
fn record_of(flash: &mut FlashStorage<'_>, place: NvsPartition) -> Result<Record, ReadError> {
    Record::read(Partition { flash, place })
}

/// The partition table, at the first offset that has one.
fn table(flash: &mut FlashStorage<'_>) -> Option<alloc::vec::Vec<u8>> {
    let mut table = alloc::vec![0; TABLE_LEN];
    let mut has_table = |offset: &u32| flash.read(*offset, &mut table).is_ok() && flash_table::is_table(&table);
    TABLE_OFFSETS.step_by(TABLE_STEP).find(&mut has_table)?;
    Some(table)
}
