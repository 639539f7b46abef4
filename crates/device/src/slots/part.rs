//! One part of a slot: its header, its hash, and how it is written.

use alloc::vec;
use alloc::vec::Vec;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::error::SlotError;
use super::flash::WritableFlash;
use super::owner::Owner;
use super::{BLOCK, SECTOR};
use crate::nvs::{Flash, FlashError};

/// The version of the layout. A slot of another version is ignored.
const LAYOUT: u32 = 1;

/// The bytes of a header, a multiple of [`BLOCK`]: magic, layout, sequence and length (4 bytes each), the owner, the hash,
/// and 16 bytes that stay erased.
const HEADER: u32 = 96;

/// The bytes of a header that the hash covers.
const HASHED: usize = 48;

/// The unit in which bodies are hashed and written. A flash programs 256 bytes at a time.
const PAGE: usize = 256;

/// The hash of a part.
pub(super) type Hash = [u8; 32];

/// The place of a part in its slot.
#[derive(Clone, Copy)]
pub(super) struct Place {
    magic: [u8; 4],
    /// The offset in the slot in bytes, the begin of a sector.
    pub(super) offset: u32,
    /// The size in bytes, whole sectors.
    pub(super) size: u32,
}

/// The place of the private key.
pub(super) const KEY: Place = Place { magic: *b"TBKY", offset: 0, size: SECTOR };

/// The place of the chain and the trust anchors.
pub(super) const CERTIFICATE: Place = Place { magic: *b"TBCT", offset: SECTOR, size: 6 * SECTOR };

impl Place {
    /// The length limit of a body in bytes.
    pub(super) const fn capacity(self) -> usize {
        (self.size - HEADER) as usize
    }
}

/// A part whose hash matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) sequence: u32,
    length: u32,
    pub(super) hash: Hash,
}

/// A part that is looked for or written: where, whose, and after what.
pub(super) struct PartOf {
    pub(super) place: Place,
    /// The offset of the slot in the partition in bytes.
    pub(super) slot: u32,
    pub(super) owner: Owner,
    /// The hash of the key part, for a certificate part.
    pub(super) after: Option<Hash>,
}

impl PartOf {
    fn base(&self) -> u32 {
        self.slot + self.place.offset
    }

    /// The part in the flash; `None` if there is none of this owner, or if it is damaged.
    pub(super) fn find(&self, flash: &mut impl Flash) -> Result<Option<Part>, FlashError> {
        let mut header = [0; HEADER as usize];
        flash.read(self.base(), &mut header)?;
        let Some((hashed, rest)) = header.split_first_chunk::<HASHED>() else { return Ok(None) };
        let Some(hash) = rest.first_chunk::<32>() else { return Ok(None) };
        let Some(part) = self.parse(hashed, *hash) else { return Ok(None) };
        let mut found = self.hash_of_header(hashed);
        self.for_each_page(flash, part, |page| found.update(page))?;
        Ok((Hash::from(found.finalize()) == part.hash).then_some(part))
    }

    fn parse(&self, hashed: &[u8; HASHED], hash: Hash) -> Option<Part> {
        let (magic, rest) = hashed.split_first_chunk::<4>()?;
        let (layout, rest) = rest.split_first_chunk::<4>()?;
        let (sequence, rest) = rest.split_first_chunk::<4>()?;
        let (length, owner) = rest.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length);
        let is_ours = *magic == self.place.magic
            && u32::from_le_bytes(*layout) == LAYOUT
            && owner == self.owner.as_bytes()
            // The length bounds what is read, so it is checked before the hash is.
            && length as usize <= self.place.capacity();
        is_ours.then_some(Part { sequence: u32::from_le_bytes(*sequence), length, hash })
    }

    fn header(&self, sequence: u32, length: u32) -> [u8; HASHED] {
        let mut header = [0; HASHED];
        let fields = [self.place.magic, LAYOUT.to_le_bytes(), sequence.to_le_bytes(), length.to_le_bytes()];
        let bytes = fields.iter().flatten().chain(self.owner.as_bytes());
        header.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        header
    }

    fn hash_of_header(&self, header: &[u8; HASHED]) -> Sha256 {
        let mut hash = Sha256::new();
        hash.update(header);
        if let Some(after) = self.after {
            hash.update(after);
        }
        hash
    }

    /// Reads a body page by page, so that a slot is checked without memory for all of it.
    fn for_each_page(&self, flash: &mut impl Flash, part: Part, mut each: impl FnMut(&[u8])) -> Result<(), FlashError> {
        let mut page = Zeroizing::new([0; PAGE]);
        let mut offset = self.base() + HEADER;
        let mut left = part.length as usize;
        while left > 0 {
            let length = left.min(PAGE);
            // Reads have lengths that are multiples of a block. The place is large enough: its size is one, too.
            let bytes = page.get_mut(..length.next_multiple_of(BLOCK as usize)).ok_or(FlashError)?;
            flash.read(offset, bytes)?;
            each(bytes.get(..length).ok_or(FlashError)?);
            offset += PAGE as u32;
            left -= length;
        }
        Ok(())
    }

    /// The body of a part that [`find`](Self::find) has returned.
    pub(super) fn body(&self, flash: &mut impl Flash, part: Part) -> Result<Zeroizing<Vec<u8>>, SlotError> {
        // The memory is taken once: a growing vector would leave copies of a key behind.
        let mut body = Zeroizing::new(Vec::with_capacity(part.length as usize));
        self.for_each_page(flash, part, |page| body.extend_from_slice(page))?;
        Ok(body)
    }

    /// True if the place is erased.
    pub(super) fn is_blank(&self, flash: &mut impl Flash) -> Result<bool, FlashError> {
        let mut page = vec![0; PAGE];
        for offset in (self.base()..self.base() + self.place.size).step_by(PAGE) {
            flash.read(offset, &mut page)?;
            if page.iter().any(|byte| *byte != 0xFF) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Erases the place, one sector at a time: a whole block of 64 KiB would stop the interrupts of a chip for seconds.
    pub(super) fn erase(&self, flash: &mut impl WritableFlash) -> Result<(), FlashError> {
        (self.base()..self.base() + self.place.size).step_by(SECTOR as usize).try_for_each(|offset| flash.erase(offset))
    }

    /// Writes a part to its erased place, and reads it back.
    ///
    /// # Errors
    /// [`SlotError::TooLong`], [`SlotError::ReadBack`] and [`SlotError::Flash`].
    pub(super) fn write(&self, flash: &mut impl WritableFlash, sequence: u32, body: &[u8]) -> Result<Part, SlotError> {
        let limit = self.place.capacity();
        let too_long = SlotError::TooLong { length: body.len(), limit };
        let length = u32::try_from(body.len()).ok().filter(|length| *length as usize <= limit).ok_or(too_long)?;
        let hashed = self.header(sequence, length);
        let mut hash = self.hash_of_header(&hashed);
        hash.update(body);
        let part = Part { sequence, length, hash: hash.finalize().into() };

        let mut header = [0xFF; HEADER as usize];
        header.iter_mut().zip(hashed.iter().chain(&part.hash)).for_each(|(to, from)| *to = *from);
        let mut offset = self.base();
        // The header can go first: its hash covers the body, so a part that was cut off does not count.
        flash.write(offset, &header)?;
        offset += HEADER;
        for bytes in body.chunks(PAGE) {
            // What follows the body in its last block stays erased.
            let mut page = Zeroizing::new([0xFF; PAGE]);
            page.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            let page = page.get(..bytes.len().next_multiple_of(BLOCK as usize)).ok_or(FlashError)?;
            flash.write(offset, page)?;
            offset += PAGE as u32;
        }
        // Read back before it counts: a worn-out cell shows now, while the other slot still has an identity.
        if self.find(flash)? == Some(part) { Ok(part) } else { Err(SlotError::ReadBack) }
    }
}
