//! What the ledger has recorded about an identity: how it was asked for, and where its copies are.

use std::path::PathBuf;

use base::file::Ownership;
use base::{Code, Result};
use ledger::{Entry, Kind};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use store::file_names::{CHAIN, server_chain};

use crate::delivery::CopyDestination;

/// The parameters that the ledger has of an identity, as far as a renewal needs them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RecordedRequest {
    pub(super) days: u32,
    pub(super) csr: Option<String>,
    pub(super) prefix: String,
    pub(super) single_file: bool,
    pub(super) include_root: bool,
}

/// The parameters that the ledger has of an identity.
pub(super) fn recorded<T: DeserializeOwned>(entry: &Entry) -> Result<T> {
    serde_json::from_str(entry.parameters.as_str()).map_err(|error| {
        Code::LedgerUnreadable.error("the parameters of an identity are damaged").caused_by(error).item(&entry.key.name)
    })
}

/// The file with the chain, leaf first.
pub(super) fn chain_file(kind: Kind, asked: &RecordedRequest) -> String {
    match kind {
        Kind::Server => server_chain(&asked.prefix),
        // `--prefix` renames only the extra files of a device, so that this one needs no parameters.
        _ => CHAIN.to_owned(),
    }
}

/// The directory that got copies of the present generation, if it is a directory of this machine.
pub(super) fn copies(entry: &Entry) -> Option<CopyDestination> {
    let dir = entry.copies.as_ref().map(PathBuf::from).filter(|dir| dir.is_dir())?;
    let ownership = match entry.key.kind {
        Kind::Server => Ownership::of_server(None, None),
        _ => Ownership::default(),
    };
    Some(CopyDestination { dir, ownership })
}
