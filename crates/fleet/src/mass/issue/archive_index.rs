//! The index of an archive: which device is where.

use std::fmt::Write as _;

use base::digest;

use super::issued_leaf::IssuedLeaf;
use crate::csv;

/// Appends the line of a device to the index of its part, which knows all columns but the last.
pub(crate) fn line(device: &IssuedLeaf, offset: usize, length: usize, to: &mut String) {
    // Writing to a String cannot fail.
    let _ = writeln!(
        to,
        "{},{},{},{},{offset},{length}",
        csv::quoted(&device.name),
        device.serial,
        digest::hex(&device.fingerprint),
        device.credentials_id
    );
}
