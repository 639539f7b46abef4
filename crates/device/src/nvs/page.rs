//! The pages of a partition and their entries, oldest first.

use alloc::vec::Vec;

use super::crc::Crc;
use super::error::{Damage, NvsError};
use super::flash::Flash;
use super::item::NvsEntry;
use super::{ENTRIES, MAX_PARTITION, PAGE, SLOT};

/// The states of a page. Each step clears a further bit, because flash can clear bits without erasing.
mod state {
    pub(super) const BLANK: u32 = 0xffff_ffff;
    pub(super) const ACTIVE: u32 = 0xffff_fffe;
    pub(super) const FULL: u32 = 0xffff_fffc;
    /// The entries are being copied to a newer page. Until this page is erased, both contain them.
    pub(super) const FREEING: u32 = 0xffff_fff8;
    /// ESP-IDF marked the page as damaged.
    pub(super) const CORRUPT: u32 = 0xffff_fff0;
}

/// A page with entries.
struct Page {
    number: u32,
    sequence: u32,
}

/// The pages that hold entries, oldest first.
pub(super) struct Pages<F> {
    flash: F,
    pages: Vec<Page>,
    damage: Option<Damage>,
}

impl<F: Flash> Pages<F> {
    pub(super) fn open(mut flash: F) -> Result<Self, NvsError> {
        let size = flash.size();
        // The bound on the size is a bound on memory: one entry for each page.
        if size == 0 || !size.is_multiple_of(PAGE) || size > MAX_PARTITION {
            return Err(NvsError::Size(size));
        }
        let (mut pages, mut damage) = (Vec::new(), None);
        for number in 0..size / PAGE {
            // A damaged page must not hide the others: the record may be in them.
            match header(&slot(&mut flash, number * PAGE)?) {
                Ok(Some(sequence)) => pages.push(Page { number, sequence }),
                Ok(None) => (),
                Err(what) => damage = damage.or(Some(Damage { page: number, entry: None, what })),
            }
        }
        if pages.is_empty() && damage.is_none() {
            return Err(NvsError::Blank);
        }
        // Later pages replace entries of earlier ones, so the order decides.
        pages.sort_by_key(|page| page.sequence);
        Ok(Self { flash, pages, damage })
    }

    /// The first damage that was found.
    pub(super) fn damage(&self) -> Option<Damage> {
        self.damage
    }

    /// The flash, for the data of entries.
    pub(super) fn flash(&mut self) -> &mut F {
        &mut self.flash
    }

    /// Calls `visit` with every valid entry, oldest first.
    pub(super) fn for_each(&mut self, mut visit: impl FnMut(NvsEntry)) -> Result<(), NvsError> {
        for page in &self.pages {
            let base = page.number * PAGE;
            let states = slot(&mut self.flash, base + SLOT)?;
            let mut index = 0;
            while index < ENTRIES {
                let offset = base + SLOT * (2 + u32::from(index));
                match entry(&mut self.flash, &states, index, offset)? {
                    Found::Nothing => index += 1,
                    Found::Item(item) => {
                        index += item.span;
                        visit(item);
                    }
                    Found::Damaged(what) => {
                        self.damage = self.damage.or(Some(Damage { page: page.number, entry: Some(index), what }));
                        // One entry further, because the length of a damaged entry cannot be trusted.
                        index += 1;
                    }
                }
            }
        }
        Ok(())
    }
}

enum Found {
    Nothing,
    Item(NvsEntry),
    Damaged(&'static str),
}

fn entry(flash: &mut impl Flash, states: &[u8; 32], index: u8, offset: u32) -> Result<Found, NvsError> {
    match state_of(states, index) {
        State::Empty | State::Erased => return Ok(Found::Nothing),
        State::Illegal => return Ok(Found::Damaged("its state is invalid")),
        State::Written => (),
    }
    let item = match NvsEntry::parse(&slot(flash, offset)?, index, offset) {
        Ok(item) => item,
        Err(what) => return Ok(Found::Damaged(what)),
    };
    // A writer marks its entries one by one: an unmarked data entry means that the write was interrupted.
    let whole = (index..index + item.span).all(|index| matches!(state_of(states, index), State::Written));
    Ok(if whole { Found::Item(item) } else { Found::Damaged("its write was interrupted") })
}

/// The state of an entry, two bits of the bitmap.
enum State {
    Empty,
    Written,
    Erased,
    Illegal,
}

fn state_of(states: &[u8; 32], index: u8) -> State {
    let byte = states.get(usize::from(index / 4)).copied().unwrap_or(0);
    // Writing only clears bits: from 11 (empty) to 10 (written) to 00 (erased). 01 comes from damage alone.
    match byte >> (index % 4 * 2) & 3 {
        3 => State::Empty,
        2 => State::Written,
        0 => State::Erased,
        _ => State::Illegal,
    }
}

/// The sequence number of a page with entries; `None` for a blank page.
fn header(header: &[u8; 32]) -> Result<Option<u32>, &'static str> {
    let [s0, s1, s2, s3, covered @ ..] = *header;
    let state = u32::from_le_bytes([s0, s1, s2, s3]);
    if state == state::BLANK {
        // A blank state with other bytes is a page whose first write was interrupted.
        return if header.iter().all(|byte| *byte == 0xff) {
            Ok(None)
        } else {
            Err("its state is blank, its header is not")
        };
    }
    if state == state::CORRUPT {
        return Err("ESP-IDF marked it as damaged");
    }
    if ![state::ACTIVE, state::FULL, state::FREEING].contains(&state) {
        return Err("its state is invalid");
    }
    // Sequence number, version, 19 unused bytes, and the CRC over them.
    let [q0, q1, q2, q3, version, unused @ .., c0, c1, c2, c3] = covered;
    let sum = Crc::new().update(&[q0, q1, q2, q3, version]).update(&unused).finish();
    if sum != u32::from_le_bytes([c0, c1, c2, c3]) {
        return Err("its header's checksum does not match");
    }
    match version {
        // The format counts versions downwards: 0xff is version 1, 0xfe is version 2.
        0xff | 0xfe => Ok(Some(u32::from_le_bytes([q0, q1, q2, q3]))),
        _ => Err("its format version is unknown"),
    }
}

fn slot(flash: &mut impl Flash, offset: u32) -> Result<[u8; SLOT as usize], NvsError> {
    let mut bytes = [0; SLOT as usize];
    flash.read(offset, &mut bytes)?;
    Ok(bytes)
}
