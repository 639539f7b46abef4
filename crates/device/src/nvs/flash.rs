//! Where the bytes of a partition come from.

use core::fmt;

/// A partition that can be read. There is no way to write to it.
pub trait Flash {
    /// Its length in bytes.
    fn size(&self) -> u32;

    /// Reads bytes of it, from this place on. Places and lengths are multiples of 4.
    ///
    /// # Errors
    /// Where the flash does not answer, or the bytes are not within the partition.
    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError>;
}

/// The flash could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlashError;

impl fmt::Display for FlashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the flash cannot be read")
    }
}

impl core::error::Error for FlashError {}

/// An image in memory.
impl Flash for &[u8] {
    fn size(&self) -> u32 {
        u32::try_from(self.len()).unwrap_or(u32::MAX)
    }

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        let from = usize::try_from(offset).map_err(|_| FlashError)?;
        let to = from.checked_add(bytes.len()).ok_or(FlashError)?;
        bytes.copy_from_slice(self.get(from..to).ok_or(FlashError)?);
        Ok(())
    }
}
