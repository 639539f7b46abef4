//! Write access to the bytes of a partition.

use alloc::vec::Vec;

use super::SECTOR;
use crate::nvs::{Flash, FlashError};

/// A partition that can be written to.
pub trait WritableFlash: Flash {
    /// Clears the bits of `bytes` that are 0, from `offset` on. Both are multiples of [`BLOCK`](super::BLOCK), and the
    /// place was erased before. The flash never erases by itself here: what it held would be lost in a power failure.
    ///
    /// # Errors
    /// [`FlashError`] if the flash does not respond, or if the range exceeds the partition.
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError>;

    /// Sets all bits of one sector. `offset` is a multiple of [`SECTOR`].
    ///
    /// # Errors
    /// [`FlashError`] if the flash does not respond, or if the sector is outside the partition.
    fn erase(&mut self, offset: u32) -> Result<(), FlashError>;
}

/// A partition in memory.
impl Flash for Vec<u8> {
    fn size(&self) -> u32 {
        self.as_slice().size()
    }

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.as_slice().read(offset, bytes)
    }
}

impl WritableFlash for Vec<u8> {
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        // As a flash does: a bit that is 0 stays 0 until its sector is erased.
        range(self, offset, bytes.len())?.iter_mut().zip(bytes).for_each(|(to, from)| *to &= from);
        Ok(())
    }

    fn erase(&mut self, offset: u32) -> Result<(), FlashError> {
        range(self, offset, SECTOR as usize)?.fill(0xFF);
        Ok(())
    }
}

fn range(bytes: &mut [u8], offset: u32, length: usize) -> Result<&mut [u8], FlashError> {
    let from = usize::try_from(offset).map_err(|_| FlashError)?;
    let to = from.checked_add(length).ok_or(FlashError)?;
    bytes.get_mut(from..to).ok_or(FlashError)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn a_partition_in_memory_behaves_like_a_flash() {
        let mut flash = vec![0xFF; 2 * SECTOR as usize];
        flash.write(SECTOR, &[0xF0; 32]).unwrap();
        // Written over without an erase: bits only fall, so that 0xF0 and 0x3C leave 0x30.
        flash.write(SECTOR, &[0x3C; 32]).unwrap();
        let mut bytes = [0; 36];
        flash.read(SECTOR, &mut bytes).unwrap();
        assert_eq!((bytes.first(), bytes.last()), (Some(&0x30), Some(&0xFF)));
        flash.erase(SECTOR).unwrap();
        assert!(flash.iter().all(|byte| *byte == 0xFF));
        assert_eq!(flash.write(2 * SECTOR - 32, &[0; 64]).unwrap_err(), FlashError);
        assert_eq!(flash.erase(2 * SECTOR).unwrap_err(), FlashError);
        // The end of the range would overflow.
        assert_eq!(flash.read(u32::MAX - 3, &mut bytes).unwrap_err(), FlashError);
        assert_eq!(Flash::size(&flash), 2 * SECTOR);
    }
}
