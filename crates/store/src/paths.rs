//! The directories of a store, and the size of its files.

use std::path::{Path, PathBuf};

use ledger::Kind;

/// The largest file in a store: an identity's keystore with long chains stays far below.
pub const FILE_LIMIT: usize = 1 << 20;

/// The directory with the files of an identity.
pub fn identity_dir(store: &Path, kind: Kind, name: &str) -> PathBuf {
    kind_dir(store, kind).join(name)
}

/// The directory with the secrets that tbpki made.
pub fn secrets_dir(store: &Path) -> PathBuf {
    store.join("secrets")
}

/// The directory with all identities of a kind.
pub fn kind_dir(store: &Path, kind: Kind) -> PathBuf {
    store.join(match kind {
        Kind::Ca => "ca",
        Kind::Server => "servers",
        Kind::Device => "devices",
    })
}
