//! Write access to the bytes of a partition.

use crate::nvs::{Flash, FlashError};

/// A partition that can be written to.
pub trait WritableFlash: Flash {
    /// Clears the bits of `bytes` that are 0, from `offset` on. Both are multiples of [`BLOCK`](super::BLOCK), and the
    /// place was erased before. The flash never erases by itself here: what it held would be lost in a power failure.
    ///
    /// # Errors
    /// [`FlashError`] if the flash does not respond, or if the range exceeds the partition.
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError>;

    /// Sets all bits of one sector. `offset` is a multiple of [`SECTOR`](super::SECTOR).
    ///
    /// # Errors
    /// [`FlashError`] if the flash does not respond, or if the sector is outside the partition.
    fn erase(&mut self, offset: u32) -> Result<(), FlashError>;
}
