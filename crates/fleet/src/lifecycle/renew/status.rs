//! The identities with a renewal that is pending or open, for lists.

use std::collections::{HashMap, HashSet};

use base::Result;
use ledger::{Entry, Filter, Generation, Key, Kind, RenewalStep, RevokedCas, View};

/// The renewals that are not in use yet, and the steps that are not done.
#[derive(Debug, Default)]
pub struct RenewalStatus {
    pending: HashSet<(Kind, String)>,
    open: HashMap<(Kind, String), Vec<(Generation, &'static str)>>,
    revoked_cas: RevokedCas,
    errors: HashMap<(Kind, String), Vec<(Generation, String)>>,
    /// The URLs of the platforms that still have a revoked certificate, if the ledger knows several.
    platforms: HashMap<(Kind, String), Vec<(Generation, String)>>,
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
            status.failed(&open.key, open.error);
            status.add(open.key, open.step.as_str());
        }
        // Those of the enrolment service.
        for entry in view.open_swaps()? {
            status.add(entry.key, RenewalStep::Swap.as_str());
        }
        for (key, error) in view.swap_errors()? {
            status.failed(&key, Some(error));
        }
        for open in view.open_revocations()? {
            status.failed(&open.key, open.error);
            if let Some(url) = open.url {
                let of_name = status.platforms.entry((open.key.kind, open.key.name.clone())).or_default();
                of_name.push((open.key.generation, url.to_string()));
            }
            status.add(open.key, open.step.as_str());
        }
        Ok(status)
    }

    fn failed(&mut self, key: &Key, error: Option<String>) {
        if let Some(error) = error {
            self.errors.entry((key.kind, key.name.clone())).or_default().push((key.generation, error));
        }
    }

    /// The reason for which a step of this generation that is not done failed the last time.
    pub fn error(&self, entry: &Entry) -> Option<&str> {
        self.last_error(entry, |generation| generation == entry.generation())
    }

    /// As [`error`](Self::error), of any generation of the name.
    pub fn error_of_name(&self, entry: &Entry) -> Option<&str> {
        self.last_error(entry, |_| true)
    }

    fn last_error(&self, entry: &Entry, is_meant: impl Fn(Generation) -> bool) -> Option<&str> {
        // The name is copied for the look-up, which would cost time in each row of a large list.
        if self.errors.is_empty() {
            return None;
        }
        let errors = self.errors.get(&(entry.key.kind, entry.key.name.clone()))?;
        errors.iter().rev().find(|(generation, _)| is_meant(*generation)).map(|(_, error)| error.as_str())
    }

    /// The revoked CAs: what they have issued must be renewed.
    pub fn revoked_cas(&self) -> &RevokedCas {
        &self.revoked_cas
    }

    /// Whether a renewal of a current generation is pending.
    pub fn is_pending(&self, entry: &Entry) -> bool {
        // The name is copied for the look-up, which would cost time in each row of a large list.
        entry.is_current()
            && !self.pending.is_empty()
            && self.pending.contains(&(entry.key.kind, entry.key.name.clone()))
    }

    fn add(&mut self, key: Key, step: &'static str) {
        self.open.entry((key.kind, key.name)).or_default().push((key.generation, step));
    }

    /// The steps of a renewal or a revocation of this generation that are not done.
    pub fn open(&self, entry: &Entry) -> Vec<&'static str> {
        self.steps(entry, |generation| generation == entry.generation())
    }

    /// The steps that are not done of any generation of the name, for lists with one row for each name.
    pub fn open_of_name(&self, entry: &Entry) -> Vec<&'static str> {
        self.steps(entry, |_| true)
    }

    /// The URLs of the platforms that still have a revoked certificate of this generation, if the ledger knows several.
    pub fn open_platforms(&self, entry: &Entry) -> Vec<String> {
        self.platforms_where(entry, |generation| generation == entry.generation())
    }

    /// As [`open_platforms`](Self::open_platforms), of any generation of the name.
    pub fn open_platforms_of_name(&self, entry: &Entry) -> Vec<String> {
        self.platforms_where(entry, |_| true)
    }

    fn platforms_where(&self, entry: &Entry, is_meant: impl Fn(Generation) -> bool) -> Vec<String> {
        let mut urls = Vec::new();
        if self.platforms.is_empty() {
            return urls;
        }
        for (generation, url) in self.platforms.get(&(entry.key.kind, entry.key.name.clone())).into_iter().flatten() {
            if is_meant(*generation) && !urls.contains(url) {
                urls.push(url.clone());
            }
        }
        urls
    }

    fn steps(&self, entry: &Entry, is_meant: impl Fn(Generation) -> bool) -> Vec<&'static str> {
        let mut steps: Vec<&'static str> = Vec::new();
        // The name is copied for the look-up, which would cost time in each row of a large list.
        if self.open.is_empty() {
            return steps;
        }
        for (generation, step) in self.open.get(&(entry.key.kind, entry.key.name.clone())).into_iter().flatten() {
            if is_meant(*generation) && !steps.contains(step) {
                steps.push(step);
            }
        }
        steps
    }
}
