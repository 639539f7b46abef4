//! A flash in memory that behaves like a real one when the power fails.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::body::StoredCertificate;
use super::flash::WritableFlash;
use super::{BLOCK, PARTITION, SECTOR};
use crate::nvs::{Flash, FlashError};

/// The number of bytes that a flash programs at a time.
const PAGE: usize = 256;

/// The way in which the interrupted operation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The bytes before the cut are written, and the others are not.
    Clean,
    /// Each bit of the page that was being written has taken its value or not.
    Random,
}

/// The flash.
#[derive(Clone)]
pub(crate) struct SimulatedFlash {
    pub(crate) bytes: Vec<u8>,
    /// The number of bytes that are still written before the power fails; an erased sector counts as one.
    pub(crate) left: Option<u64>,
    pub(crate) cut: Cut,
    /// The bytes written so far, and sectors erased.
    pub(crate) done: u64,
    /// A byte that always has this value.
    pub(crate) stuck: Option<(usize, u8)>,
    random: u64,
    is_off: bool,
}

impl SimulatedFlash {
    pub(crate) fn blank() -> Self {
        let bytes = vec![0xFF; PARTITION as usize];
        Self { bytes, left: None, cut: Cut::Clean, done: 0, stuck: None, random: 1, is_off: false }
    }

    /// The same flash, whose power fails after a number of written bytes.
    pub(crate) fn failing(&self, after: u64, cut: Cut, seed: u64) -> Self {
        // Xorshift never leaves 0.
        let random = seed | 1;
        Self { left: Some(after), cut, random, done: 0, is_off: false, ..self.clone() }
    }

    /// The same flash after the power has come back.
    pub(crate) fn restarted(&self) -> Self {
        Self { left: None, done: 0, is_off: false, ..self.clone() }
    }

    /// A byte of a xorshift generator: the cuts of a test are the same in every run.
    fn random(&mut self) -> u8 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 24) as u8
    }

    /// Takes units of work. Returns how many of them are done before the power fails.
    fn take(&mut self, units: u64) -> u64 {
        let granted = self.left.map_or(units, |left| left.min(units));
        self.left = self.left.map(|left| left - granted);
        self.done += granted;
        self.is_off = granted < units;
        granted
    }
}

impl Flash for SimulatedFlash {
    fn size(&self) -> u32 {
        PARTITION
    }

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        assert!(offset.is_multiple_of(4) && bytes.len().is_multiple_of(4), "{offset} {}", bytes.len());
        if self.is_off {
            return Err(FlashError);
        }
        let begin = offset as usize;
        bytes.copy_from_slice(&self.bytes[begin..begin + bytes.len()]);
        if let Some((at, value)) = self.stuck
            && let Some(byte) = at.checked_sub(begin).and_then(|at| bytes.get_mut(at))
        {
            *byte = value;
        }
        Ok(())
    }
}

impl WritableFlash for SimulatedFlash {
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        let block = BLOCK as usize;
        assert!(offset.is_multiple_of(BLOCK) && bytes.len().is_multiple_of(block), "{offset} {}", bytes.len());
        if self.is_off {
            return Err(FlashError);
        }
        let begin = offset as usize;
        let place = &self.bytes[begin..begin + bytes.len()];
        assert!(place.iter().all(|byte| *byte == 0xFF), "a block is written twice at {offset}");
        let granted = self.take(bytes.len() as u64) as usize;
        self.bytes[begin..begin + granted].copy_from_slice(&bytes[..granted]);
        if self.is_off && self.cut == Cut::Random {
            // The whole page was being programmed: no byte of it is certain.
            let page = granted - granted % PAGE;
            for (at, byte) in bytes.iter().enumerate().skip(page).take(PAGE) {
                // Programming only clears bits, so each bit is either the wanted one or still 1.
                let programmed = *byte | self.random();
                self.bytes[begin + at] = programmed;
            }
        }
        if self.is_off { Err(FlashError) } else { Ok(()) }
    }

    fn erase(&mut self, offset: u32) -> Result<(), FlashError> {
        assert!(offset.is_multiple_of(SECTOR), "{offset}");
        if self.is_off {
            return Err(FlashError);
        }
        let sector = offset as usize..(offset + SECTOR) as usize;
        if self.take(1) == 1 {
            self.bytes[sector].fill(0xFF);
        } else if self.cut == Cut::Random {
            // Bits turn to 1 in no order.
            for at in sector {
                let erased = self.random();
                self.bytes[at] |= erased;
            }
        }
        if self.is_off { Err(FlashError) } else { Ok(()) }
    }
}

/// A certificate of a size that occurs: two certificates of 800 bytes, and two anchors.
pub(crate) fn certificate(number: u64) -> StoredCertificate {
    let text = |what: &str, length: usize| format!("{what} {number} {}\0", "x".repeat(length));
    StoredCertificate {
        chain: text("chain", 1_600),
        anchors: text("anchors", 1_500),
        not_before: number,
        not_after: number + 1_000,
        stored: number + 10,
    }
}
