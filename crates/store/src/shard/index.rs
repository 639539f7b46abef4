//! The index of an archive: which device is where.

use base::csv_writer::{Cell, CsvWriter};
use base::{Code, Error, Result, digest};
use ledger::SerialNumber;

/// The columns of the index of an archive. `part` is where the shard's part begins in the archive, or the file that it
/// is if parts cannot be joined; `offset` counts within the part, unpacked. All counts are octets.
pub(super) const COLUMNS: &str = "name,serial,fingerprint,credentials_id,offset,length,part";

/// The device of a line.
#[derive(Debug)]
pub struct IndexLine<'a> {
    /// The name.
    pub name: &'a str,
    /// The serial number of the certificate.
    pub serial: &'a SerialNumber,
    /// SHA-256 over the DER of the certificate.
    pub fingerprint: &'a [u8; 32],
    /// By what the platform knows the certificate.
    pub credentials_id: &'a str,
    /// The offset of the file in its part, in octets.
    pub offset: usize,
    /// The length of the file, in octets.
    pub length: usize,
}

impl IndexLine<'_> {
    /// Appends the line to the index of a part, which has no column `part`, or with `part` to the index of an archive.
    ///
    /// # Errors
    /// [`Code::Internal`]: the lines are kept in memory.
    pub fn append(&self, part: Option<u64>, to: &mut CsvWriter<Vec<u8>>) -> Result<()> {
        let (serial, fingerprint) = (self.serial.to_string(), digest::hex(self.fingerprint));
        let number = |number: usize| Cell::from(u64::try_from(number).ok());
        let cells = [
            self.name.into(),
            (&serial).into(),
            (&fingerprint).into(),
            self.credentials_id.into(),
            number(self.offset),
            number(self.length),
        ];
        to.line(cells.into_iter().chain(part.map(|part| Cell::from(Some(part))))).map_err(unwritten)
    }
}

/// The first line of the index of an archive.
pub(super) fn head() -> Result<Vec<u8>> {
    let mut head = CsvWriter::new(Vec::new());
    head.line(COLUMNS.split(',').map(Cell::from)).and_then(|()| head.finish()).map_err(unwritten)
}

/// The error of lines in memory.
pub(super) fn unwritten(error: std::io::Error) -> Error {
    Code::Internal.error("the line of an index cannot be written").caused_by(error)
}
