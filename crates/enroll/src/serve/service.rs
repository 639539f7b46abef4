//! What the listeners share.

mod health;

use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use pki::Certificate;
use time::OffsetDateTime;

use super::audit::Audit;
use super::call::Call;
use super::gate::Gate;
use super::limits::Limits;
use super::metrics::Metrics;
use super::plain::list_file::ListFile;
use crate::audit_line::AuditLine;
use crate::est::Refusal;
pub(crate) use health::Health;

/// The seconds after which a client asks again if the service has too much to do.
pub(super) const BUSY: u32 = 5;

/// The shared part of the service.
pub(crate) struct Service {
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<Metrics>,
    /// The directory of the store.
    pub(crate) store: PathBuf,
    /// The file with the devices' revocation lists.
    pub(crate) lists: ListFile,
    pub(crate) gate: Gate,
    /// Whether a connection with a certificate can be its first use.
    pub(crate) counts_connections: bool,
    /// Whether servers can renew their certificates.
    pub(crate) serves_servers: bool,
    calls: SyncSender<Call>,
    audit: Audit,
    anchors: RwLock<Arc<Vec<Certificate>>>,
    pub(crate) health: Arc<Health>,
}

/// What the listeners need of the store and its configuration.
pub(crate) struct Settings {
    pub(crate) store: PathBuf,
    pub(crate) lists: PathBuf,
    pub(crate) counts_connections: bool,
    pub(crate) serves_servers: bool,
    /// How long the thread that decides may give no sign before the service counts as unhealthy.
    pub(crate) patience: Duration,
}

impl Service {
    pub(crate) fn new(
        limits: Limits,
        metrics: Arc<Metrics>,
        settings: Settings,
        calls: SyncSender<Call>,
        audit: Audit,
    ) -> Self {
        let Settings { store, lists, counts_connections, serves_servers, patience } = settings;
        Self {
            gate: Gate::new(limits.connections, limits.per_address),
            limits,
            metrics,
            store,
            lists: ListFile::new(lists),
            counts_connections,
            serves_servers,
            calls,
            audit,
            anchors: RwLock::default(),
            health: Arc::new(Health::new(patience)),
        }
    }

    /// Hands a request to the thread that decides.
    pub(crate) fn submit(&self, call: Call) -> Result<(), Refusal> {
        // Not `send`, which waits while the queue is full: it would block a thread of the runtime with all its
        // connections.
        self.calls.try_send(call).map_err(|error| match error {
            TrySendError::Full(_) => Refusal::Busy(BUSY),
            TrySendError::Disconnected(_) => Refusal::Failed,
        })
    }

    /// Writes a line to the audit log. Without it the service goes on, and is not healthy until a line can be written.
    pub(crate) fn audit(&self, line: &AuditLine<'_>) {
        let written = self.audit.write(line, OffsetDateTime::now_utc());
        if let Err(error) = &written {
            tracing::error!(%error, "the audit log cannot be written");
        }
        self.health.audited(written.is_ok());
    }

    /// Finds out whether the audit log can be written again, if its last line could not.
    pub(crate) fn check_audit(&self) {
        if !self.health.is_audited() && self.audit.check().is_ok() {
            self.health.audited(true);
        }
    }

    /// The trust anchors of the servers.
    pub(crate) fn anchors(&self) -> Arc<Vec<Certificate>> {
        self.anchors.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_anchors(&self, anchors: Vec<Certificate>) {
        *self.anchors.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(anchors);
    }
}
