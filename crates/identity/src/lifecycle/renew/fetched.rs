//! Identities whose present certificate was fetched over the network: key and certificate are with the holder, and the files
//! of the store are those of an earlier generation.

use std::path::{Path, PathBuf};

use base::file::{FileSet, Mode, Ownership};
use base::text::{quote, shell_path};
use base::{Code, Finding, Result};
use ledger::{Entry, Kind, View};
use store::ca::Hierarchy;
use store::file_names::{CA_FILE, CLIENTS_CA};
use store::{Store, Workspace, identity_dir};

use crate::files::output::pem_of;
use crate::report::FileReport;

/// Whether the holder of an identity has fetched this generation over the network.
///
/// # Errors
/// Those of the ledger.
pub fn is_fetched(view: &View, entry: &Entry) -> Result<bool> {
    Ok(view.enrolled(&entry.key)?.is_some())
}

/// The directory of this machine that got copies of the files of a fetched generation's predecessors.
///
/// # Errors
/// Those of the ledger.
pub fn earlier_copies(view: &View, entry: &Entry) -> Result<Option<PathBuf>> {
    let history = view.history(entry.key.kind, &entry.key.name)?;
    Ok(history.into_iter().rev().find_map(|one| one.copies).map(PathBuf::from).filter(|dir| dir.is_dir()))
}

/// Brings the CAs up to date that a server trusts and that its clients trust, where their files are in the store or were
/// copied. Key and certificate of a fetched generation are not here, so that no other file can be written.
///
/// # Errors
/// Those of the CAs, the ledger and the disk.
pub(crate) fn refresh_trusted(workspace: &Workspace<'_>, store: &Store, entry: &Entry) -> Result<Vec<FileReport>> {
    let clients: Vec<_> = workspace.trusted_cas(Hierarchy::Devices)?.into_iter().map(|(_, ca)| ca).collect();
    let anchors = Hierarchy::Server.root().trusted_certificates(store.dir())?;
    let files = [(CA_FILE, pem_of(&anchors)), (CLIENTS_CA, pem_of(&clients))];
    let own = identity_dir(store.dir(), Kind::Server, &entry.key.name);
    let mut written = write(&own, &files, entry, Ownership::default())?;
    if let Some(dir) = earlier_copies(&store.ledger, entry)? {
        written.extend(write(&dir, &files, entry, Ownership::of_server(None, None))?);
    }
    Ok(written)
}

/// Writes those of the files that a directory has.
fn write(dir: &Path, files: &[(&str, String)], entry: &Entry, owner: Ownership) -> Result<Vec<FileReport>> {
    let mut set = FileSet::new(dir).replacing(entry.serial.to_string()).owned_by(owner);
    for (name, text) in files.iter().filter(|(name, _)| dir.join(name).exists()) {
        set.add(*name, text.clone().into_bytes(), Mode::Public)?;
    }
    Ok(set.commit()?.into_iter().map(FileReport::from).collect())
}

/// The note that the host of a server has to get the CAs by hand.
pub(crate) fn bring_to_host(store: &Path, entry: &Entry) -> Finding {
    let name = &entry.key.name;
    let dir = identity_dir(store, Kind::Server, name);
    Code::FilesWithHolder
        .warning(format!("the host of the server {} does not have the CAs that are trusted now", quote(name)))
        .item(name)
        .because("the server renews its certificate over the network, and its other files stay as they are")
        .fix(format!("copy {CA_FILE} and {CLIENTS_CA} from {} to its host", shell_path(&dir)))
}
