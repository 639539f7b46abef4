//! What the service does by itself: files that changed are read again, passwords expire, revocation lists are renewed.

pub(super) mod list_hook;

use std::time::Instant;

use base::{Code, Result};
use identity::lifecycle::revocation_lists::{UnmadeList, devices_file, due};
use identity::lifecycle::{published_lists, revocation_lists};
use ledger::View;
use store::ca::Hierarchy;
use store::{KeptStore, Store};
use time::OffsetDateTime;

use super::cas::FilesOfCas;
use super::desk::Desk;
use super::ledger_file;
use super::metrics::State;
use super::service::Service;
use super::tls::{OwnCertificate, Version, version};

/// How often files and figures are looked at.
pub(crate) const LOOK: std::time::Duration = std::time::Duration::from_secs(5);
/// How often passwords and lists are looked at.
pub(crate) const CLEAN: std::time::Duration = std::time::Duration::from_secs(60);

/// How long lists that could not be made are left alone: others would be signed again each minute meanwhile.
const UNMADE: std::time::Duration = std::time::Duration::from_secs(3600);

/// What is known of the revocation lists of the store between two looks.
#[derive(Debug, Default)]
pub(super) struct ListState {
    /// The end of the lists as the metrics have it, with the version of the file and the time at which it was read.
    ends: Option<(Option<Version>, Instant, Option<i64>)>,
    /// The lists that could not be made, with the time of the attempt.
    unmade: Option<(Instant, Vec<UnmadeList>)>,
}

/// How long a request is kept after it was made or decided.
const REQUESTS: time::Duration = time::Duration::days(30);

impl Desk<'_, '_> {
    /// Reads again what has changed, takes the figures, and finds out whether requests can be served.
    ///
    /// # Errors
    /// [`Code::LedgerReplaced`]. Other errors are logged.
    pub(crate) fn look(&mut self, service: &Service, own: &OwnCertificate) -> Result<()> {
        own.refresh();
        // Only a busy service needs the connection. An idle one leaves the files of the ledger to others, who may copy or
        // replace them.
        if !std::mem::take(&mut self.is_busy) {
            self.kept = KeptStore::default();
        }
        self.workspace.now = OffsetDateTime::now_utc();
        service.check_audit();
        let looked = self.ledger_file.check().and_then(|()| self.look_at_store(service, own));
        service.health.looked(*looked.as_ref().unwrap_or(&false));
        let Err(error) = looked else { return Ok(()) };
        tracing::error!(code = %error.code(), %error, "the store cannot be used");
        ledger_file::end_if_replaced(error).map(drop)
    }

    /// Returns whether all CAs can be used.
    fn look_at_store(&mut self, service: &Service, own: &OwnCertificate) -> Result<bool> {
        let errors = self.cas.refresh(self.workspace, FilesOfCas::InMotion)?;
        if let Err(error) = self.keys.refresh(self.workspace.store_dir(), &own.public_key()) {
            tracing::warn!(%error, "keys of requests are not compared with those of all CAs and servers");
        }
        service.set_anchors(self.workspace.client_anchors()?);
        let view = self.workspace.view()?;
        let list_ends = self.list_ends(&view);
        service.metrics.set(State {
            open_passwords: view.open_passwords(self.workspace.now)?,
            open_swaps: view.count_open_swaps()?,
            waiting_requests: view.waiting_requests()?,
            list_ends,
            certificate_ends: Some(own.end()),
            ca_ends: self.cas.end(),
        });
        self.workspace.check_may_write(&view)?;
        self.workspace.check_room()?;
        if !self.health.are_batches_good() {
            self.try_to_write()?;
            self.health.served(true);
        }
        // Last, so that the figures are fresh even while an implausible clock makes the service unhealthy.
        self.workspace.check_clock(&view)?;
        Ok(errors.is_empty())
    }

    /// The end of the revocation lists of the devices' CAs in the file of this store, as the metrics have it. Of the file and
    /// not of the ledger: another store with the same ledger has a file of its own. The file can be large, so that it is read
    /// again when it has changed, or a CA can have.
    fn list_ends(&mut self, view: &View) -> Option<i64> {
        let config = self.workspace.config;
        let present = version(&devices_file(config, self.workspace.store_dir()));
        if let Some((of, at, ends)) = &self.lists.ends
            && *of == present
            && at.elapsed() < CLEAN
        {
            return *ends;
        }
        let (store, now) = (self.workspace.store_dir(), self.workspace.now);
        let ends = published_lists::first_end(config, store, view, Hierarchy::Devices, now);
        // As for a missing list: brokers cannot read the file either.
        let ends = ends.unwrap_or_else(|error| {
            tracing::warn!(%error, "the revocation lists cannot be read");
            Some(0)
        });
        self.lists.ends = Some((present, Instant::now(), ends));
        ends
    }

    /// Writes the revocation lists of the store if they are due, and returns whether the program of `[crl] after` has to run.
    ///
    /// There is no lease of the ledger: each store has a file of its own that must be current, the lock of the store keeps two
    /// processes from writing one file, and the ledger gives each number once.
    fn write_lists(&mut self, store: &mut Store) -> Result<bool> {
        self.lists.unmade.take_if(|(at, _)| at.elapsed() >= UNMADE);
        let except = self.lists.unmade.as_ref().map(|(_, lists)| lists.as_slice()).unwrap_or_default();
        if !due::is_due(self.workspace, store, except)? {
            return Ok(false);
        }
        let report = revocation_lists::write_scheduled(self.workspace, store, false)?;
        for finding in &report.findings {
            tracing::warn!(code = %finding.code, what = finding.what, "about the revocation lists");
        }
        tracing::info!(lists = report.lists.len(), "wrote the revocation lists");
        let is_hook_due = report.is_hook_due();
        if !report.unmade.is_empty() {
            self.lists.unmade = Some((Instant::now(), report.unmade));
        }
        Ok(is_hook_due)
    }

    /// Writes to the ledger, after a batch that could not. Without a client that asks again, nothing else would show that the
    /// fault is gone.
    fn try_to_write(&mut self) -> Result<()> {
        let mut store = match self.workspace.open_store("serve") {
            Ok(store) => store,
            // The next look tries again, and the verb that works with the store can write.
            Err(error) if error.code() == Code::StoreLocked => return Ok(()),
            Err(error) => return Err(error),
        };
        // Changes nothing, and is committed like every change.
        store.ledger.raise_changes(0)
    }

    /// Removes expired passwords, and writes the revocation lists of the store when they are due ([`due::is_due`]). What is
    /// removed is removed in one statement, so that several services with one ledger need no lease for it. Failures are
    /// logged, and tried again the next time. The program of `[crl] after` runs on its own thread.
    ///
    /// # Errors
    /// [`Code::LedgerReplaced`].
    pub(crate) fn clean(&mut self) -> Result<()> {
        self.workspace.now = OffsetDateTime::now_utc();
        let cleaned = self.ledger_file.check().and_then(|()| {
            // Opened from the beginning: what verbs that were killed have left in the store is finished here, because the
            // batches between do not look for it while the ledger is unchanged.
            let mut store = self.workspace.open_store("serve")?;
            let removed = store.ledger.remove_expired_passwords(self.workspace.now)?;
            if removed > 0 {
                tracing::info!(removed, "removed expired passwords");
            }
            let removed = store.ledger.remove_old_requests(self.workspace.now - REQUESTS)?;
            if removed > 0 {
                tracing::info!(removed, "removed requests that waited too long, or were denied");
            }
            self.write_lists(&mut store)
        });
        // The store is not locked any more. A message that waits already is enough: the program has not begun then.
        if cleaned.as_ref().is_ok_and(|is_hook_due| *is_hook_due) && self.lists_changed.try_send(()).is_err() {
            tracing::trace!("the thread of the program was told before");
        }
        let Err(error) = cleaned else { return Ok(()) };
        tracing::warn!(%error, "expired passwords and revocation lists wait for the next time");
        ledger_file::end_if_replaced(error).map(drop)
    }
}
