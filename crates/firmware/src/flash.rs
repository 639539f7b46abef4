//! Partitions of the chip's flash.

use alloc::rc::Rc;
use core::cell::RefCell;

use device::flash_table::{self, DataPartition, TABLE_LEN, TABLE_OFFSETS, TABLE_STEP};
use device::nvs::{Flash, FlashError};
use device::slots::{SECTOR, WritableFlash};
use esp_storage::FlashStorage;

/// The bytes that are read or written at a time. A flash programs 256 bytes at most.
const CHUNK: usize = 256;

/// A buffer at an address that the ROM accepts. The crate would otherwise put one of 4 KiB on the stack.
#[repr(align(4))]
struct Aligned([u8; CHUNK]);

/// The flash of the chip. Clones are the same one: there is a single driver.
#[derive(Clone)]
pub(crate) struct ChipFlash(Rc<RefCell<FlashStorage<'static>>>);

impl ChipFlash {
    pub(crate) fn new(flash: FlashStorage<'static>) -> Self {
        Self(Rc::new(RefCell::new(flash)))
    }

    /// The partition table, at the first offset that has one.
    pub(crate) fn table(&self) -> Option<alloc::vec::Vec<u8>> {
        let mut table = alloc::vec![0; TABLE_LEN];
        let mut has_table = |offset: &u32| self.read(*offset, &mut table).is_ok() && flash_table::is_table(&table);
        TABLE_OFFSETS.step_by(TABLE_STEP).find(&mut has_table)?;
        Some(table)
    }

    /// A partition of this flash.
    pub(crate) fn partition(&self, place: DataPartition) -> Partition {
        Partition { flash: self.clone(), place }
    }

    // Not inlined: a larger caller has a frame that the upstream compiler for Xtensa cannot address.
    #[inline(never)]
    fn read(&self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        let mut buffer = Aligned([0; CHUNK]);
        for (offset, bytes) in (offset..).step_by(CHUNK).zip(bytes.chunks_mut(CHUNK)) {
            let part = buffer.0.get_mut(..bytes.len()).ok_or(FlashError)?;
            self.0.borrow_mut().read_nor(offset, part).map_err(|_| FlashError)?;
            bytes.copy_from_slice(part);
        }
        // A private key may have passed.
        zeroize::Zeroize::zeroize(&mut buffer.0);
        Ok(())
    }

    #[inline(never)]
    fn write(&self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        let mut buffer = Aligned([0; CHUNK]);
        for (offset, bytes) in (offset..).step_by(CHUNK).zip(bytes.chunks(CHUNK)) {
            let part = buffer.0.get_mut(..bytes.len()).ok_or(FlashError)?;
            part.copy_from_slice(bytes);
            // Not `write`, which erases: what the sector held would be lost in a power failure.
            self.0.borrow_mut().write_nor(offset, part).map_err(|_| FlashError)?;
        }
        zeroize::Zeroize::zeroize(&mut buffer.0);
        Ok(())
    }
}

/// A partition.
pub(crate) struct Partition {
    flash: ChipFlash,
    place: DataPartition,
}

impl Partition {
    /// The offset in the flash of a range of this partition.
    fn range(&self, offset: u32, length: usize) -> Result<u32, FlashError> {
        let length = u32::try_from(length).map_err(|_| FlashError)?;
        let end = offset.checked_add(length).ok_or(FlashError)?;
        if end > self.place.size {
            return Err(FlashError);
        }
        self.place.offset.checked_add(offset).ok_or(FlashError)
    }
}

impl Flash for Partition {
    fn size(&self) -> u32 {
        self.place.size
    }

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        let begin = self.range(offset, bytes.len())?;
        self.flash.read(begin, bytes)
    }
}

impl WritableFlash for Partition {
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        let begin = self.range(offset, bytes.len())?;
        self.flash.write(begin, bytes)
    }

    fn erase(&mut self, offset: u32) -> Result<(), FlashError> {
        let begin = self.range(offset, SECTOR as usize)?;
        let end = begin.checked_add(SECTOR).ok_or(FlashError)?;
        // One sector: the driver erases longer spans in blocks of 64 KiB, with interrupts off for seconds.
        self.flash.0.borrow_mut().erase(begin, end).map_err(|_| FlashError)
    }
}
