//! The audit log: one JSON object for each request that concerns a certificate, on a line of its own.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use base::Result;
use base::file::Log;
use time::OffsetDateTime;

use crate::audit_line::AuditLine;

/// The log.
#[derive(Debug)]
pub(crate) struct Audit(Mutex<Log>);

impl Audit {
    /// Opens the log, or makes it (mode 0600).
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Log::open(path).map(|log| Self(Mutex::new(log)))
    }

    /// Appends a line.
    pub(crate) fn write(&self, line: &AuditLine<'_>, now: OffsetDateTime) -> Result<()> {
        // A poisoned lock is used all the same: a line is appended as a whole or not at all, so a panic leaves no half
        // state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).append(line.render(now).as_bytes())
    }
}
