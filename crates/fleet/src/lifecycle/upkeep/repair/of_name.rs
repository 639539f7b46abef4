//! The certificates of one name, recorded with the roles that their files show.

use base::Result;
use ledger::{Entry, Kind, Origin, Role, Transaction};
use pki::validity::begin_of_lifetime;
use time::OffsetDateTime;

use super::candidate::Candidate;
use super::jobs::{JobIds, Jobs};
use crate::lifecycle::upkeep::scan::FilesOf;

/// How the certificates of a name are recorded.
pub(super) struct OfName<'a> {
    pub(super) transaction: &'a Transaction<'a>,
    pub(super) jobs: &'a Jobs,
    pub(super) ids: &'a JobIds,
    pub(super) origin: Origin,
}

impl OfName<'_> {
    /// Records the certificates of a name, the earliest first, and returns how many.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(super) fn record(&self, candidates: &[&Candidate]) -> Result<u64> {
        let Some(first) = candidates.first() else { return Ok(0) };
        let current = self.transaction.current(first.kind, &first.identity.name)?;
        let history = self.transaction.history(first.kind, &first.identity.name)?;
        let forgotten_at = history.iter().filter_map(|row| row.forgotten_at).max();
        let files_of = |candidate: &Candidate| match is_forgotten(candidate, forgotten_at) {
            true => FilesOf::Earlier,
            false => self.files_of(candidate),
        };
        let latest = |wanted| candidates.iter().rposition(|candidate| files_of(candidate) == wanted);
        let (present, pending) = (latest(FilesOf::Present), latest(FilesOf::Pending));
        // A renewal waits for the present generation. Without one, it is that itself.
        let (present, pending) =
            if present.is_none() && current.is_none() { (pending, None) } else { (present, pending) };
        // The certificate of another station can be in the device as well as this one.
        let is_elsewhere = current.as_ref().map_or(Ok(false), |current| self.is_elsewhere(current))?;
        let mut keys = Vec::new();
        for (index, candidate) in candidates.iter().enumerate() {
            let is_newer = current.as_ref().is_none_or(|current| current.not_before < candidate.identity.not_before);
            let role = match Some(index) {
                at if at == present && is_newer && !is_elsewhere => Role::Current,
                at if at == pending && is_newer => Role::Pending,
                _ => Role::Superseded,
            };
            let key = self.transaction.record_known(&candidate.known(role, self.ids, self.origin))?;
            let is_second = candidate.is_second(self.ids) && !is_forgotten(candidate, forgotten_at);
            if is_second || (is_elsewhere && Some(index) == present) {
                self.transaction.doubt(&key)?;
            }
            keys.push((key, *candidate));
        }
        // A certificate in the store that is earlier than the one in a shard was not replaced by a person.
        let shard_is_current = keys.iter().any(|(_, candidate)| candidate.shard.is_some())
            && keys
                .iter()
                .rfind(|(_, candidate)| files_of(candidate) == FilesOf::Present)
                .is_some_and(|(_, last)| last.shard.is_some());
        let in_store =
            keys.iter().filter(|(_, candidate)| candidate.shard.is_none() && files_of(candidate) == FilesOf::Present);
        for (key, candidate) in in_store {
            if shard_is_current && candidate.kind == Kind::Device {
                self.transaction.doubt(key)?;
            }
        }
        Ok(candidates.len().try_into().unwrap_or(u64::MAX))
    }

    /// The generation whose files a certificate is among, with what the jobs tell of it.
    fn files_of(&self, candidate: &Candidate) -> FilesOf {
        match candidate.place() {
            // The one that the job has counts until a person tells which one the device has.
            _ if candidate.is_second(self.ids) => FilesOf::Earlier,
            // A job that renews leaves the present generation in use.
            Some(place) if self.ids.renews(place) => FilesOf::Pending,
            _ => candidate.files_of,
        }
    }

    /// Whether another station has issued the certificate in use and keeps its files. It was then not replaced here.
    fn is_elsewhere(&self, current: &Entry) -> Result<bool> {
        if !self.transaction.is_shared() || self.transaction.enrolled(&current.key)?.is_some() {
            return Ok(false);
        }
        // An adopted directory shows nothing of the other files of this station.
        let Some(here) = self.jobs.station() else { return Ok(false) };
        let station = self.transaction.station_of(current)?;
        Ok(station.is_some_and(|there| there != here) || !self.jobs.has_seen(current))
    }
}

/// Whether a certificate is from before its name was forgotten: the files of such a one may have stayed somewhere.
fn is_forgotten(candidate: &Candidate, forgotten_at: Option<OffsetDateTime>) -> bool {
    let identity = &candidate.identity;
    forgotten_at.is_some_and(|forgotten_at| begin_of_lifetime(identity.not_before, identity.not_after) < forgotten_at)
}
