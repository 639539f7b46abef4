//! What the layouts of both databases have in common.

use base::{Code, Error};

/// The error for a ledger that a newer tbpki has written.
pub(crate) fn too_new(version: usize, newest: usize) -> Error {
    Code::LedgerVersion
        .error(format!("the ledger has layout {version}, and this tbpki knows layouts up to {newest}"))
        .fix("use the version that wrote it, or a later one")
}
