//! What the layouts of both databases have in common.

use base::{Code, Error, Result};

use crate::ledger::ledger_status::LedgerStatus;

/// Decides, under the lock of the upgrade, whether an older ledger is brought up to date. Its argument is the state of the
/// ledger; `None` for a layout that did not count changes.
pub(crate) type BeforeUpgrade = Box<dyn FnOnce(Option<LedgerStatus>) -> Result<()> + Send>;

/// The error for a ledger that a newer tbpki has written.
pub(crate) fn too_new(version: usize, newest: usize) -> Error {
    Code::LedgerVersion
        .error(format!("the ledger has layout {version}, and this tbpki knows layouts up to {newest}"))
        .fix("use the version that wrote it, or a later one")
}
