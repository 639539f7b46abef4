//! What the service does by itself: files that changed are read again, passwords expire, revocation lists are renewed.

pub(super) mod list_hook;

use std::path::Path;

use base::{Code, Result, digest};
use identity::lifecycle::{published_lists, revocation_lists};
use ledger::{OpenStep, RevocationList, View};
use store::KeptStore;
use store::ca::{Ca, KeyLocation};
use time::OffsetDateTime;

use super::cas::FilesOfCas;
use super::desk::Desk;
use super::ledger_file;
use super::metrics::State;
use super::service::Service;
use super::tls::OwnCertificate;

/// How often files and figures are looked at.
pub(crate) const LOOK: std::time::Duration = std::time::Duration::from_secs(5);
/// How often passwords and lists are looked at.
pub(crate) const CLEAN: std::time::Duration = std::time::Duration::from_secs(60);

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
        tracing::error!(%error, "the store cannot be used");
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
        let list = last_list(self.workspace.store_dir(), &view)?;
        service.metrics.set(State {
            open_passwords: view.open_passwords(self.workspace.now)?,
            open_swaps: view.count_open_swaps()?,
            waiting_requests: view.waiting_requests()?,
            list_ends: list.map(|list| list.next_update.unix_timestamp()),
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

    /// Removes expired passwords, and writes revocation lists when half of their life has passed or a revocation waits
    /// for one. Failures are logged, and tried again the next time. The program of `[crl] after` runs on its own thread.
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
            let last = last_list(store.dir(), &store.ledger)?;
            let now = self.workspace.now;
            let is_old = last.is_some_and(|last| now > published_lists::due_from(last.this_update, last.next_update));
            let is_awaited = store.ledger.open_revocations()?.iter().any(|open| open.step == OpenStep::List);
            let has_key = Ca::DevicesIssuing.key_place(store.dir())? != KeyLocation::Elsewhere;
            let is_ours = has_key && revocation_lists::is_written_here(self.workspace.config);
            if is_ours && (is_old || is_awaited) {
                let report = revocation_lists::write_scheduled(self.workspace, &mut store, false)?;
                for finding in &report.findings {
                    tracing::warn!(code = %finding.code, what = finding.what, "about the revocation lists");
                }
                tracing::info!(lists = report.lists.len(), "wrote the revocation lists");
                return Ok(report.is_hook_due());
            }
            Ok(false)
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

/// The last revocation list of the devices' issuing CA.
fn last_list(store: &Path, view: &View) -> Result<Option<RevocationList>> {
    let issuing = Ca::DevicesIssuing.certificates(store)?;
    let key = issuing.first().map(|ca| digest::sha256(ca.spki_der()));
    Ok(key.map(|key| view.last_list(&key)).transpose()?.flatten())
}
