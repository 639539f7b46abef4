//! The two slots of a partition: which identity is used, and which slot is written next.

use alloc::vec::Vec;

use super::body::{self, StoredCertificate};
use super::error::SlotError;
use super::flash::WritableFlash;
use super::owner::Owner;
use super::part::{self, Hash, Part, PartOf};
use super::{BLOCK, PARTITION, SECTOR, SLOT};
use crate::nvs::{Flash, FlashError};
use crate::secret::Secret;

/// The offset of the confirmations in a slot in bytes.
const CONFIRMATIONS: u32 = 7 * SECTOR;

/// A confirmation. It is compared as a whole: an encrypted flash can write a block once only, so that single bits cannot
/// be counted on.
const CONFIRMED: [u8; BLOCK as usize] = *b"tbpki slot: confirmed by a login";

/// The slots of one device.
pub struct Slots<F> {
    flash: F,
    owner: Owner,
}

/// A complete identity in a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredIdentity {
    slot: u32,
    key: Part,
    certificate: Part,
    /// True if a login with it has succeeded.
    pub is_confirmed: bool,
}

impl StoredIdentity {
    /// The number of the renewal. A higher number is newer.
    pub fn sequence(&self) -> u32 {
        self.key.sequence
    }
}

/// The key and certificate of a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// The private key in PEM, and a NUL.
    pub key: Secret,
    /// The certificate and what belongs to it.
    pub certificate: StoredCertificate,
}

/// A key that waits for its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingKey {
    slot: u32,
    part: Part,
    /// The private key in PEM, and a NUL.
    pub key: Secret,
}

/// The contents of a slot, as far as they are undamaged and of the owner.
struct Contents {
    slot: u32,
    key: Option<Part>,
    certificate: Option<Part>,
    is_confirmed: bool,
}

impl Contents {
    fn identity(&self) -> Option<StoredIdentity> {
        let (key, certificate) = (self.key?, self.certificate?);
        Some(StoredIdentity { slot: self.slot, key, certificate, is_confirmed: self.is_confirmed })
    }
}

impl<F: Flash> Slots<F> {
    /// The partition.
    pub fn into_flash(self) -> F {
        self.flash
    }

    /// The slots in a partition.
    ///
    /// # Errors
    /// [`SlotError::Size`] for a partition of another size.
    pub fn open(flash: F, owner: Owner) -> Result<Self, SlotError> {
        match flash.size() {
            PARTITION => Ok(Self { flash, owner }),
            size => Err(SlotError::Size(size)),
        }
    }

    /// The complete identities, newest first: none, one or two.
    ///
    /// # Errors
    /// [`SlotError::Flash`]. A damaged slot is no error, and is not listed.
    pub fn identities(&mut self) -> Result<Vec<StoredIdentity>, SlotError> {
        let mut found: Vec<_> = self.contents()?.iter().filter_map(Contents::identity).collect();
        found.sort_by_key(|identity| core::cmp::Reverse(identity.sequence()));
        Ok(found)
    }

    /// The key and certificate of an identity.
    ///
    /// # Errors
    /// [`SlotError::Changed`] if the slot was written since, [`SlotError::Unreadable`] and [`SlotError::Flash`].
    pub fn load(&mut self, identity: &StoredIdentity) -> Result<Generation, SlotError> {
        self.unchanged(identity)?;
        let key = self.secret(identity.slot, identity.key)?;
        let body = self.certificate_of(identity.slot, identity.key.hash).body(&mut self.flash, identity.certificate)?;
        let certificate = StoredCertificate::from_bytes(&body).ok_or(SlotError::Unreadable)?;
        Ok(Generation { key, certificate })
    }

    /// The newest key without a certificate. A request whose answer was lost is made again with it, so that the server
    /// does not issue twice.
    ///
    /// # Errors
    /// [`SlotError::Unreadable`] and [`SlotError::Flash`].
    pub fn pending_key(&mut self) -> Result<Option<PendingKey>, SlotError> {
        let contents = self.contents()?;
        let without_certificate = contents.iter().filter(|contents| contents.certificate.is_none());
        let keys = without_certificate.filter_map(|contents| Some((contents.slot, contents.key?)));
        let Some((slot, part)) = keys.max_by_key(|(_, part)| part.sequence) else { return Ok(None) };
        Ok(Some(PendingKey { slot, part, key: self.secret(slot, part)? }))
    }

    fn contents(&mut self) -> Result<[Contents; 2], SlotError> {
        Ok([self.contents_of(0)?, self.contents_of(SLOT)?])
    }

    fn contents_of(&mut self, slot: u32) -> Result<Contents, SlotError> {
        let key = self.key_of(slot).find(&mut self.flash)?;
        let certificate = match key {
            Some(key) => self.certificate_of(slot, key.hash).find(&mut self.flash)?,
            None => None,
        };
        // Both parts of a slot are written by one renewal, which gives both its number.
        let certificate = certificate.filter(|certificate| Some(certificate.sequence) == key.map(|key| key.sequence));
        Ok(Contents { slot, key, certificate, is_confirmed: self.confirmation(slot, &CONFIRMED)?.is_some() })
    }

    /// The contents of the slot of an identity.
    ///
    /// # Errors
    /// [`SlotError::Changed`] if the slot was written since the identity was listed, and [`SlotError::Flash`].
    fn unchanged(&mut self, identity: &StoredIdentity) -> Result<Contents, SlotError> {
        let found = self.contents_of(identity.slot)?;
        let is_same = found.key == Some(identity.key) && found.certificate == Some(identity.certificate);
        if is_same { Ok(found) } else { Err(SlotError::Changed) }
    }

    fn key_of(&self, slot: u32) -> PartOf {
        PartOf { place: part::KEY, slot, owner: self.owner, after: None }
    }

    fn certificate_of(&self, slot: u32, key: Hash) -> PartOf {
        PartOf { place: part::CERTIFICATE, slot, owner: self.owner, after: Some(key) }
    }

    fn secret(&mut self, slot: u32, part: Part) -> Result<Secret, SlotError> {
        let bytes = self.key_of(slot).body(&mut self.flash, part)?;
        body::text(&bytes).map(Secret::from).ok_or(SlotError::Unreadable)
    }

    /// The offset of the first block with these bytes among the confirmations of a slot.
    fn confirmation(&mut self, slot: u32, wanted: &[u8; BLOCK as usize]) -> Result<Option<u32>, FlashError> {
        let begin = slot + CONFIRMATIONS;
        let mut block = [0; BLOCK as usize];
        for offset in (begin..begin + SECTOR).step_by(BLOCK as usize) {
            self.flash.read(offset, &mut block)?;
            if block == *wanted {
                return Ok(Some(offset));
            }
        }
        Ok(None)
    }
}

impl<F: WritableFlash> Slots<F> {
    /// Writes a new key to the slot that is needed least, and erases what was there: an incomplete identity, then one
    /// without a login, then the older one. `key` is PEM and a NUL.
    ///
    /// # Errors
    /// [`SlotError::TooLong`], [`SlotError::Exhausted`], [`SlotError::ReadBack`] and [`SlotError::Flash`].
    pub fn store_key(&mut self, key: &Secret) -> Result<PendingKey, SlotError> {
        let contents = self.contents()?;
        let newest = contents.iter().filter_map(|contents| Some(contents.key?.sequence)).max().unwrap_or(0);
        let sequence = newest.checked_add(1).ok_or(SlotError::Exhausted)?;
        // `false` is less than `true`: a slot without a certificate
        // comes first, then one without a login, then the older one.
        let least = contents.iter().min_by_key(|contents| {
            let sequence = contents.key.map_or(0, |key| key.sequence);
            (contents.certificate.is_some(), contents.is_confirmed && contents.certificate.is_some(), sequence)
        });
        let slot = least.map_or(0, |contents| contents.slot);
        self.erase_slot(slot)?;
        let part = self.key_of(slot).write(&mut self.flash, sequence, key.expose().as_bytes())?;
        Ok(PendingKey { slot, part, key: key.clone() })
    }

    /// Writes the certificate of a key, which completes the identity.
    ///
    /// # Errors
    /// [`SlotError::Changed`] if the key is not there any more, [`SlotError::TooLong`], [`SlotError::ReadBack`] and
    /// [`SlotError::Flash`].
    pub fn store_certificate(
        &mut self,
        pending: &PendingKey,
        certificate: &StoredCertificate,
    ) -> Result<StoredIdentity, SlotError> {
        let contents = self.contents_of(pending.slot)?;
        if contents.key != Some(pending.part) || contents.certificate.is_some() {
            return Err(SlotError::Changed);
        }
        let body = certificate.to_bytes()?;
        let place = self.certificate_of(pending.slot, pending.part.hash);
        // An earlier attempt was cut off. Its sectors are erased, and the key's sector is not.
        if !place.is_blank(&mut self.flash)? {
            place.erase(&mut self.flash)?;
        }
        let part = place.write(&mut self.flash, pending.part.sequence, &body)?;
        Ok(StoredIdentity { slot: pending.slot, key: pending.part, certificate: part, is_confirmed: false })
    }

    /// Records that a login with an identity has succeeded.
    ///
    /// # Errors
    /// [`SlotError::Changed`] if the slot was written since, [`SlotError::Exhausted`], [`SlotError::ReadBack`] and
    /// [`SlotError::Flash`].
    pub fn confirm(&mut self, identity: &mut StoredIdentity) -> Result<(), SlotError> {
        if !self.unchanged(identity)?.is_confirmed {
            // A block that a power failure has spoiled is left alone, and the next one is written.
            let blank = self.confirmation(identity.slot, &[0xFF; BLOCK as usize])?.ok_or(SlotError::Exhausted)?;
            self.flash.write(blank, &CONFIRMED)?;
            let mut block = [0; BLOCK as usize];
            self.flash.read(blank, &mut block)?;
            if block != CONFIRMED {
                return Err(SlotError::ReadBack);
            }
        }
        identity.is_confirmed = true;
        Ok(())
    }

    /// Erases an identity, for platforms where an earlier certificate could be used again.
    ///
    /// # Errors
    /// [`SlotError::Flash`].
    pub fn erase(&mut self, identity: &StoredIdentity) -> Result<(), SlotError> {
        self.erase_slot(identity.slot)
    }

    /// Erases a slot. The key goes first: without it, nothing else in the slot counts.
    fn erase_slot(&mut self, slot: u32) -> Result<(), SlotError> {
        // All sectors, although some look blank: an erasure that was cut off can leave bits that change later.
        (slot..slot + SLOT).step_by(SECTOR as usize).try_for_each(|offset| self.flash.erase(offset))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::super::simulated::{SimulatedFlash, certificate};
    use super::*;

    fn owner() -> Owner {
        Owner::new("pump-1", &[7; 16])
    }

    fn slots() -> Slots<SimulatedFlash> {
        Slots::open(SimulatedFlash::blank(), owner()).unwrap()
    }

    fn renewed(slots: &mut Slots<SimulatedFlash>, number: u64) -> StoredIdentity {
        let pending = slots.store_key(&Secret::from(alloc::format!("key {number}\0"))).unwrap();
        slots.store_certificate(&pending, &certificate(number)).unwrap()
    }

    #[test]
    fn a_partition_of_another_size_is_refused() {
        let error = Slots::open(&[0xFF; 4096][..], owner()).err().unwrap();
        assert_eq!(error, SlotError::Size(4096));
        assert_eq!(error.to_string(), "the partition of the slots has 4096 bytes: it must have 65536");
    }

    #[test]
    fn an_identity_is_complete_with_its_certificate_and_keeps_its_key() {
        let mut slots = slots();
        assert_eq!(slots.identities().unwrap(), []);
        assert_eq!(slots.pending_key().unwrap(), None);
        let key = Secret::from("key 1\0");
        let pending = slots.store_key(&key).unwrap();
        assert_eq!(slots.identities().unwrap(), []);
        assert_eq!(slots.pending_key().unwrap().unwrap(), pending);
        let mut identity = slots.store_certificate(&pending, &certificate(1)).unwrap();
        assert_eq!(slots.pending_key().unwrap(), None);
        assert_eq!(slots.load(&identity).unwrap(), Generation { key, certificate: certificate(1) });
        slots.confirm(&mut identity).unwrap();
        assert_eq!(slots.identities().unwrap(), [identity]);
    }

    #[test]
    fn a_renewal_takes_the_other_slot_and_the_newer_one_comes_first() {
        let mut slots = slots();
        let sequences = |slots: &mut Slots<SimulatedFlash>| -> Vec<u32> {
            slots.identities().unwrap().iter().map(StoredIdentity::sequence).collect()
        };
        // Twice around: each of the two slots is overwritten once.
        for number in 1..=4 {
            let mut identity = renewed(&mut slots, number);
            slots.confirm(&mut identity).unwrap();
        }
        assert_eq!(sequences(&mut slots), [4, 3]);
    }

    #[test]
    fn an_identity_without_a_login_is_replaced_before_one_that_has_logged_in() {
        let mut slots = slots();
        let mut first = renewed(&mut slots, 1);
        slots.confirm(&mut first).unwrap();
        let second = renewed(&mut slots, 2);
        let third = renewed(&mut slots, 3);
        assert_eq!(slots.identities().unwrap(), [third, first]);
        assert_eq!(slots.load(&second).unwrap_err(), SlotError::Changed);
    }

    #[test]
    fn the_slots_of_another_record_are_ignored_and_overwritten() {
        let mut slots = slots();
        renewed(&mut slots, 1);
        renewed(&mut slots, 2);
        // Another device, and the same device with another record: neither may use keys that are there.
        for other in [Owner::new("pump-2", &[7; 16]), Owner::new("pump-1", &[8; 16])] {
            let mut slots = Slots::open(slots.flash.clone(), other).unwrap();
            assert_eq!(slots.identities().unwrap(), []);
            assert_eq!(slots.pending_key().unwrap(), None);
            assert_eq!(renewed(&mut slots, 3).sequence(), 1);
        }
    }

    #[test]
    fn a_certificate_is_stored_once_and_only_with_its_key() {
        let mut slots = slots();
        let first = slots.store_key(&Secret::from("key 1\0")).unwrap();
        slots.store_certificate(&first, &certificate(1)).unwrap();
        assert_eq!(slots.store_certificate(&first, &certificate(2)).unwrap_err(), SlotError::Changed);
        let lost = slots.store_key(&Secret::from("key 2\0")).unwrap();
        slots.erase_slot(lost.slot).unwrap();
        assert_eq!(slots.store_certificate(&lost, &certificate(2)).unwrap_err(), SlotError::Changed);
    }

    #[test]
    fn what_is_too_long_leaves_the_identity_that_is_there() {
        let mut slots = slots();
        let mut first = renewed(&mut slots, 1);
        slots.confirm(&mut first).unwrap();
        let long = Secret::from("k".repeat(part::KEY.capacity() + 1));
        assert!(matches!(slots.store_key(&long).unwrap_err(), SlotError::TooLong { limit: 4000, .. }));
        let pending = slots.store_key(&Secret::from("key 2\0")).unwrap();
        let mut long = certificate(2);
        long.chain = "c".repeat(super::super::MAX_PEM_TOGETHER) + "\0";
        assert!(matches!(slots.store_certificate(&pending, &long).unwrap_err(), SlotError::TooLong { .. }));
        assert_eq!(slots.pending_key().unwrap().unwrap(), pending);
        assert_eq!(slots.identities().unwrap(), [first]);
    }

    #[test]
    fn an_erased_identity_is_gone_and_the_other_one_is_not() {
        let mut slots = slots();
        let first = renewed(&mut slots, 1);
        let second = renewed(&mut slots, 2);
        slots.erase(&first).unwrap();
        assert_eq!(slots.identities().unwrap(), [second]);
    }

    #[test]
    fn a_flash_that_does_not_keep_what_is_written_is_noticed() {
        let mut slots = slots();
        // A worn cell, which reads as 0 whatever is written.
        slots.flash.stuck = Some((100, 0x00));
        assert_eq!(slots.store_key(&Secret::from("key 1\0")).unwrap_err(), SlotError::ReadBack);
        assert_eq!(slots.pending_key().unwrap(), None);
    }
}
