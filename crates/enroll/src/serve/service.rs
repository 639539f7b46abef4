//! What the listeners share.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, PoisonError, RwLock};

use pki::Certificate;
use time::OffsetDateTime;

use super::audit::Audit;
use super::call::Call;
use super::gate::Gate;
use super::limits::Limits;
use super::metrics::Metrics;
use crate::audit_line::AuditLine;
use crate::est::Refusal;

/// The seconds after which a client asks again if the service has too much to do.
pub(super) const BUSY: u32 = 5;

/// The shared part of the service.
pub(crate) struct Service {
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<Metrics>,
    /// The directory of the store.
    pub(crate) store: PathBuf,
    /// The file with the devices' revocation lists.
    pub(crate) lists: PathBuf,
    pub(crate) gate: Gate,
    /// Whether a connection with a certificate can be its first use.
    pub(crate) counts_connections: bool,
    /// Whether servers can renew their certificates.
    pub(crate) serves_servers: bool,
    calls: SyncSender<Call>,
    audit: Audit,
    anchors: RwLock<Arc<Vec<Certificate>>>,
    is_healthy: AtomicBool,
    /// Whether the last line of the audit log was written.
    is_audited: AtomicBool,
}

/// What the listeners need of the store and its configuration.
pub(crate) struct Settings {
    pub(crate) store: PathBuf,
    pub(crate) lists: PathBuf,
    pub(crate) counts_connections: bool,
    pub(crate) serves_servers: bool,
}

impl Service {
    pub(crate) fn new(
        limits: Limits,
        metrics: Arc<Metrics>,
        settings: Settings,
        calls: SyncSender<Call>,
        audit: Audit,
    ) -> Self {
        let Settings { store, lists, counts_connections, serves_servers } = settings;
        Self {
            gate: Gate::new(limits.connections, limits.per_address),
            limits,
            metrics,
            store,
            lists,
            counts_connections,
            serves_servers,
            calls,
            audit,
            anchors: RwLock::default(),
            is_healthy: AtomicBool::new(true),
            is_audited: AtomicBool::new(true),
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
        self.is_audited.store(written.is_ok(), Ordering::Relaxed);
    }

    /// The trust anchors of the servers.
    pub(crate) fn anchors(&self) -> Arc<Vec<Certificate>> {
        self.anchors.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_anchors(&self, anchors: Vec<Certificate>) {
        *self.anchors.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(anchors);
    }

    pub(crate) fn is_healthy(&self) -> bool {
        self.is_healthy.load(Ordering::Relaxed) && self.is_audited.load(Ordering::Relaxed)
    }

    /// Sets the state of the store and its CAs. That of the audit log is apart, or each look would hide it.
    pub(crate) fn set_healthy(&self, is_healthy: bool) {
        self.is_healthy.store(is_healthy, Ordering::Relaxed);
    }
}
