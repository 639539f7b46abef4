//! Access to the bytes of a partition.

use core::fmt;

/// Read access to a partition.
pub trait Flash {
    /// The partition size in bytes.
    fn size(&self) -> u32;

    /// Reads `bytes.len()` bytes from `offset`. Both are multiples of 4, which chips require.
    ///
    /// # Errors
    /// [`FlashError`] if the flash does not respond, or if the range exceeds the partition.
    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError>;
}

/// The flash cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlashError;

impl fmt::Display for FlashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the flash cannot be read")
    }
}

impl core::error::Error for FlashError {}

/// A partition image in memory.
impl Flash for &[u8] {
    fn size(&self) -> u32 {
        u32::try_from(self.len()).unwrap_or(u32::MAX)
    }

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        let from = usize::try_from(offset).map_err(|_| FlashError)?;
        // Offsets come from the flash itself, so that an addition may overflow.
        let to = from.checked_add(bytes.len()).ok_or(FlashError)?;
        bytes.copy_from_slice(self.get(from..to).ok_or(FlashError)?);
        Ok(())
    }
}
