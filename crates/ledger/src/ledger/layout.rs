//! What the layouts of both databases have in common.

use base::{Code, Error, Result};

use crate::ledger::ledger_status::LedgerStatus;

/// The ledger that is there before one is made or brought up to date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerBefore {
    /// None: a new one is made.
    Nothing,
    /// One of an older layout, with its state; `None` for a layout that did not count changes.
    Older(Option<LedgerStatus>),
}

/// Decides, under the lock of the upgrade, whether a ledger is made or brought up to date.
pub(crate) type BeforeUpgrade = Box<dyn FnOnce(LedgerBefore) -> Result<()> + Send>;

/// The error for a ledger that a newer tbpki has written.
pub(crate) fn too_new(version: usize, newest: usize) -> Error {
    Code::LedgerVersion
        .error(format!("the ledger has layout {version}, and this tbpki knows layouts up to {newest}"))
        .fix("use the version that wrote it, or a later one")
}
