//! The identities that a device can log in with.

use alloc::vec::Vec;

use super::due::Validity;
use crate::nvs::Flash;
use crate::record::{Login, Record};
use crate::slots::{SlotError, Slots, StoredIdentity};

/// An identity of a slot, without its texts: a chip reads them when it needs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) identity: StoredIdentity,
    pub(super) validity: Validity,
}

/// The place of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The slots; 0 is the newest one.
    Slot(usize),
    /// The record.
    Record,
}

/// The readable identities of the slots, newest first.
pub(super) fn stored<F: Flash>(slots: &mut Slots<F>) -> Result<Vec<Stored>, SlotError> {
    let mut found = Vec::new();
    for identity in slots.identities()? {
        let certificate = match slots.load(&identity) {
            Ok(generation) => generation.certificate,
            // Of another version of the firmware. The other slot may still be readable.
            Err(SlotError::Unreadable) => continue,
            Err(error) => return Err(error),
        };
        let validity = Validity { not_before: certificate.not_before, not_after: certificate.not_after };
        found.push(Stored { identity, validity });
    }
    Ok(found)
}

/// The identities in the order in which they are tried.
pub(super) fn sources(stored: &[Stored], record: &Record) -> Vec<Source> {
    let mut sources: Vec<_> = (0..stored.len()).map(Source::Slot).collect();
    // The certificate of the record is the oldest one. As soon as a later one has logged in, it may be revoked, and on a
    // platform that trusts its CA it would push the later one out.
    let was_replaced = stored.iter().any(|stored| stored.identity.is_confirmed);
    if matches!(record.login(), Login::Certificate { .. }) && !was_replaced {
        sources.push(Source::Record);
    }
    sources
}
