//! What the ledger knows of the one-time passwords in bundles.

use std::collections::HashSet;

use base::Result;
use ledger::View;
use time::OffsetDateTime;

use super::enrolment_mark::EnrolmentRun;

/// A ledger, and the time for which passwords are judged.
pub(super) struct BundledPasswords<'a> {
    pub(super) view: &'a View,
    pub(super) now: OffsetDateTime,
}

impl BundledPasswords<'_> {
    /// The names of a shard whose bundles are of no use: their passwords have ended or were replaced, and the devices have not
    /// enrolled. Two questions for some hundred names: a list can have a million.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(super) fn ended<'n>(&self, shard: u32, names: &[&'n str], run: &EnrolmentRun) -> Result<HashSet<&'n str>> {
        let usable = self.view.usable_passwords_among(names, self.now)?;
        let is_ended = |name: &&str| usable.get(*name).is_none_or(|made| !run.is_of_bundles(shard, *made));
        let ended: Vec<&str> = names.iter().copied().filter(is_ended).collect();
        // A device that has enrolled needs no bundle.
        let enrolled = self.view.devices_among(&ended)?;
        Ok(ended.into_iter().filter(|name| !enrolled.contains(*name)).collect())
    }

    /// Whether the ledger has a usable password or a certificate of one of these names.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(super) fn knows_any(&self, names: &[&str]) -> Result<bool> {
        Ok(!self.view.usable_passwords_among(names, self.now)?.is_empty()
            || !self.view.devices_among(names)?.is_empty())
    }
}
