//! What the ledger has recorded about an identity: how it was asked for, and where its copies are.

use std::path::{Path, PathBuf};

use base::file::{self, Ownership};
use base::{Code, Result};
use ledger::{Entry, Kind, View};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use store::FILE_LIMIT;
use store::file_names::{CHAIN, server_chain};

use crate::delivery::CopyDestination;
use crate::files::device::DeviceFiles;
use crate::files::output::OutputFile;
use crate::files::server::ServerFiles;
use crate::files::table::FileTable;

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

impl RecordedRequest {
    /// What the names of a device's extra files begin with.
    pub(super) fn file_prefix<'a>(&'a self, name: &'a str) -> &'a str {
        if self.prefix.is_empty() { name } else { &self.prefix }
    }
}

/// The parameters that the ledger has of an identity.
pub(super) fn recorded<T: DeserializeOwned>(entry: &Entry) -> Result<T> {
    serde_json::from_str(entry.parameters.as_str()).map_err(|error| {
        Code::LedgerUnreadable.error("the parameters of an identity are damaged").caused_by(error).item(&entry.key.name)
    })
}

/// The number of the job that has issued a device first: the one that `tbpki fleet renew` takes. `None` for an identity that
/// was issued by itself.
pub(super) fn first_job(view: &View, entry: &Entry) -> Result<Option<u64>> {
    /// The part of a job's parameters that names the job whose devices it renews.
    #[derive(Deserialize)]
    struct Renews {
        renews: Option<u64>,
    }
    let Some((id, _)) = entry.job else { return Ok(None) };
    let order = view.job(id)?.and_then(|job| serde_json::from_str::<Renews>(job.parameters.as_str()).ok());
    Ok(Some(order.and_then(|order| order.renews).unwrap_or(id.number())))
}

/// The file with the chain, leaf first.
pub(super) fn chain_file(kind: Kind, asked: &RecordedRequest) -> String {
    match kind {
        Kind::Server => server_chain(&asked.prefix),
        // `--prefix` renames only the extra files of a device, so that this one needs no parameters.
        _ => CHAIN.to_owned(),
    }
}

/// The file with the chain, leaf first, in the directory that got copies of a generation; none if none did.
///
/// # Errors
/// [`Code::LedgerUnreadable`] if the parameters of the identity are damaged.
pub fn copied_chain(entry: &Entry) -> Result<Option<PathBuf>> {
    let Some(dir) = &entry.copies else { return Ok(None) };
    Ok(Some(Path::new(dir).join(chain_file(entry.key.kind, &recorded(entry)?))))
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

/// The files of an identity in a directory.
pub(super) fn files_of(from: &Path, entry: &Entry, asked: &RecordedRequest) -> Result<Vec<OutputFile>> {
    let mut files = Vec::new();
    for row in table(entry, asked).with_those_in(from).written() {
        if let Some(bytes) = file::read_optional(from.join(&row.name), FILE_LIMIT)? {
            files.push(OutputFile { name: row.name.clone(), contents: bytes, mode: row.mode() });
        }
    }
    Ok(files)
}

/// The files that an identity can have.
fn table(entry: &Entry, asked: &RecordedRequest) -> FileTable {
    table_of(entry, asked, asked.csr.is_none())
}

/// The files that an identity can have, with its private key if `holds_key`.
pub(super) fn table_of(entry: &Entry, asked: &RecordedRequest, holds_key: bool) -> FileTable {
    if entry.key.kind == Kind::Server {
        return ServerFiles {
            prefix: &asked.prefix,
            formats: &[],
            holds_key,
            single_file: asked.single_file,
            include_root: asked.include_root,
            clients_ca: Vec::new(),
        }
        .table();
    }
    let prefix = asked.file_prefix(&entry.key.name);
    DeviceFiles { prefix, formats: &[], holds_key, has_anchors: true, keystore: None }.table()
}
