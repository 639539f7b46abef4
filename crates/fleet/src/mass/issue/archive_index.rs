//! The index of an archive: which device is where.

use base::csv_writer::{Cell, CsvWriter};
use base::{Code, Result, digest};

use super::issued_leaf::IssuedLeaf;

/// Appends the line of a device to the index of its part, which has all columns except the last.
pub(crate) fn line(device: &IssuedLeaf, offset: usize, length: usize, to: &mut CsvWriter<Vec<u8>>) -> Result<()> {
    let (serial, fingerprint) = (device.serial.to_string(), digest::hex(&device.fingerprint));
    let number = |number: usize| Cell::from(u64::try_from(number).ok());
    to.line([
        (&device.name).into(),
        (&serial).into(),
        (&fingerprint).into(),
        (&device.credentials_id).into(),
        number(offset),
        number(length),
    ])
    .map_err(|error| Code::Internal.error("the line of an index cannot be written").caused_by(error))
}
