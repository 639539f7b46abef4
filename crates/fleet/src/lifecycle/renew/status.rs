//! The identities with a renewal that is pending or open, for lists.

use std::collections::{HashMap, HashSet};

use base::Result;
use ledger::{Entry, Filter, Key, Kind, RenewalStep, RevokedCas, View};

/// The renewals that are not in use yet, and the steps that are not done.
#[derive(Debug, Default)]
pub struct RenewalStatus {
    pending: HashSet<(Kind, String)>,
    open: HashMap<Key, Vec<&'static str>>,
    revoked_cas: RevokedCas,
}

impl RenewalStatus {
    /// Reads them. Takes memory for the names with a pending renewal.
    ///
    /// # Errors
    /// Those of the ledger.
    pub fn of(view: &View) -> Result<Self> {
        let mut status = Self { revoked_cas: view.revoked_cas()?, ..Self::default() };
        for entry in view.list(&Filter { pending_only: true, ..Filter::default() }) {
            let key = entry?.key;
            status.pending.insert((key.kind, key.name));
        }
        for open in view.open_renewals()? {
            status.open.entry(open.key).or_default().push(open.step.as_str());
        }
        // Those of the enrolment service.
        for entry in view.open_swaps()? {
            status.open.entry(entry.key).or_default().push(RenewalStep::Swap.as_str());
        }
        for open in view.open_revocations()? {
            status.open.entry(open.key).or_default().push(open.step.as_str());
        }
        Ok(status)
    }

    /// The revoked CAs: what they have issued must be renewed.
    pub fn revoked_cas(&self) -> &RevokedCas {
        &self.revoked_cas
    }

    /// Whether a renewal of a current generation is pending.
    pub fn is_pending(&self, entry: &Entry) -> bool {
        entry.is_current() && self.pending.contains(&(entry.key.kind, entry.key.name.clone()))
    }

    /// The steps of a renewal or a revocation of this generation that are not done.
    pub fn open(&self, entry: &Entry) -> &[&'static str] {
        self.open.get(&entry.key).map_or(&[], Vec::as_slice)
    }
}
