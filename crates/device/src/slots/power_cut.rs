//! Power failures at every byte of a renewal, and single flipped bits.

use alloc::format;
use alloc::vec::Vec;

use super::simulated::{Cut, SimulatedFlash, certificate};
use super::{Generation, Owner, SECTOR, SLOT, SlotError, Slots};
use crate::secret::Secret;

fn open(flash: SimulatedFlash) -> Slots<SimulatedFlash> {
    Slots::open(flash, Owner::new("pump-1", &[7; 16])).unwrap()
}

fn key(number: u64) -> Secret {
    format!("key {number} {}\0", "k".repeat(200)).into()
}

fn generation(number: u64) -> Generation {
    Generation { key: key(number), certificate: certificate(number) }
}

/// One renewal, as a device makes it and repeats it after a restart: the key that waits is used again.
fn renew(slots: &mut Slots<SimulatedFlash>, number: u64) -> Result<(), SlotError> {
    let newest = slots.identities()?.into_iter().next();
    let newest = match newest {
        Some(newest) if slots.load(&newest)? == generation(number) => Some(newest),
        _ => None,
    };
    let mut identity = match newest {
        Some(identity) => identity,
        None => {
            let pending = match slots.pending_key()? {
                Some(pending) => pending,
                None => slots.store_key(&key(number))?,
            };
            assert_eq!(pending.key, key(number), "a key of another renewal is used");
            slots.store_certificate(&pending, &certificate(number))?
        }
    };
    slots.confirm(&mut identity)
}

/// The identities of a flash, newest first, with their confirmations.
fn identities(flash: &SimulatedFlash) -> Vec<(Generation, bool)> {
    let mut slots = open(flash.clone());
    let found = slots.identities().unwrap();
    found.into_iter().map(|identity| (slots.load(&identity).unwrap(), identity.is_confirmed)).collect()
}

/// A flash after a number of renewals, each confirmed.
fn flash_after(renewals: u64) -> SimulatedFlash {
    let mut flash = SimulatedFlash::blank();
    for number in 1..=renewals {
        let mut slots = open(flash);
        renew(&mut slots, number).unwrap();
        flash = slots.into_flash().restarted();
    }
    flash
}

#[test]
fn a_power_failure_at_any_byte_leaves_the_old_identity_or_the_new_one() {
    for before in [0, 1, 2] {
        let flash = flash_after(before);
        let new = before + 1;
        let mut slots = open(flash.clone());
        renew(&mut slots, new).unwrap();
        let whole = slots.into_flash();
        assert!(whole.done > 3_000, "the renewal wrote {} bytes", whole.done);
        for cut in [Cut::Clean, Cut::Random] {
            for after in 0..whole.done {
                // A seed of its own for each cut, and the same one in every run.
                let mut slots = open(flash.failing(after, cut, after * 2_654_435_761 + before));
                assert!(matches!(renew(&mut slots, new), Err(SlotError::Flash(_))), "{cut:?} {after}");
                let flash = slots.into_flash().restarted();
                let found = identities(&flash);
                let newest = found.first().map(|(generation, _)| generation.clone());
                // What it had, or what it got: the identity of the last renewal, and nothing else.
                let had = (before > 0).then(|| generation(before));
                assert!(newest == had || newest == Some(generation(new)), "{cut:?} {after}: {newest:?}");
                if before > 0 {
                    assert!(found.contains(&(generation(before), true)), "{cut:?} {after}");
                }
                // The same renewal again finishes, with the same key if that was complete.
                let mut slots = open(flash);
                renew(&mut slots, new).unwrap();
                assert_eq!(identities(&slots.into_flash()).first(), Some(&(generation(new), true)), "{cut:?} {after}");
            }
        }
    }
}

#[test]
fn a_second_power_failure_during_the_repetition_does_no_harm_either() {
    let flash = flash_after(2);
    // Prime steps, so that the cuts meet every offset within a page and a block.
    for first in (0..3_600).step_by(97) {
        let mut slots = open(flash.failing(first, Cut::Random, first + 5));
        let _cut = renew(&mut slots, 3);
        let flash = slots.into_flash().restarted();
        for second in (0..3_600).step_by(211) {
            let mut slots = open(flash.failing(second, Cut::Random, second + 9));
            let _cut = renew(&mut slots, 3);
            let flash = slots.into_flash().restarted();
            assert!(identities(&flash).contains(&(generation(2), true)), "{first} {second}");
            let mut slots = open(flash);
            renew(&mut slots, 3).unwrap();
            assert_eq!(identities(&slots.into_flash()).first(), Some(&(generation(3), true)), "{first} {second}");
        }
    }
}

#[test]
fn no_identity_is_believed_with_a_flipped_bit() {
    let flash = flash_after(2);
    let whole = identities(&flash);
    assert_eq!(whole, [(generation(2), true), (generation(1), true)]);
    let mut differing = 0;
    for slot in [0, SLOT] {
        for sector in 0..8 {
            // The headers, the texts and the confirmation lie in the first bytes of their parts.
            let used = match sector {
                0 => 320,
                1 => 3_300,
                7 => 64,
                _ => 16,
            };
            let begin = (slot + sector * SECTOR) as usize;
            // Every seventh bit of the certificate part alone, because it is by far the longest.
            for bit in (0..used * 8).step_by(if sector == 1 { 7 } else { 1 }) {
                let mut flash = flash.clone();
                *flash.bytes.get_mut(begin + bit / 8).unwrap() ^= 1 << (bit % 8);
                let found = identities(&flash);
                for (generation, is_confirmed) in &found {
                    let original = whole.iter().find(|(original, _)| original == generation);
                    assert!(original.is_some_and(|(_, was)| *was || !is_confirmed), "byte {} of {begin}", bit / 8);
                }
                differing += usize::from(found != whole);
            }
        }
    }
    // The other bits are erased and mean nothing.
    assert!(differing > 10_000, "{differing}");
}
