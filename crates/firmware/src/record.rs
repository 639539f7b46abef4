//! Reading the credentials record from the chip's flash.

use device::Record;
use device::flash_table;
use device::nvs;
use device::record::ReadError;

use crate::flash::{ChipFlash, Partition};

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

/// A record, and the partition of the identity slots, if there is one.
pub(crate) type Found = (Record, Option<Partition>);

/// Reads the record of the first NVS partition that has one. The partition's name does not matter.
pub(crate) fn read(flash: &ChipFlash) -> Result<Found, Error> {
    let table = flash.table().ok_or(Error::Table)?;
    let mut nearest = Error::NoPartition;
    for place in flash_table::nvs_partitions(&table) {
        match record_of(flash.partition(place)) {
            Ok(record) => {
                let slots = flash_table::identity_slots(&table).map(|place| flash.partition(place));
                return Ok((record, slots));
            }
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
fn record_of(partition: Partition) -> Result<Record, ReadError> {
    Record::read(partition)
}
