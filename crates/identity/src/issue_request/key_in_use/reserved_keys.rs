//! The keys of the CAs and servers of a store, which are those of no other identity.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use base::{Result, digest, file};
use ledger::{Entry, Kind, NameHistory, Revocation, View};
use pki::key::PublicKey;
use store::kind_dir;
use store::shard::locate;

use super::{directories, own_certificates};

/// Why an identity cannot have a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyConflict {
    /// The kind of the identity that has, or had, the key.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Whether its certificate for the key was revoked for a reason that concerns the key or its holder.
    pub is_revoked: bool,
}

/// The keys of the CAs and servers of a store, and of the service that answers for it. They stay in memory, because the
/// service compares each request with them.
#[derive(Debug, Default)]
pub struct ReservedKeys {
    /// By SHA-256 over the public key.
    keys: BTreeMap<[u8; 32], (Kind, String)>,
    /// SHA-256 over the public key of the service, whatever its name is.
    service: Option<[u8; 32]>,
    /// The directory of the store.
    store: PathBuf,
    /// The state of the directories when their files were read.
    read: Vec<DirectoryState>,
}

/// The name of the service, which need not be a server of the store.
const SERVICE: &str = "tbpki serve";

/// What tells one content of a directory from the next: files are replaced by moves, which change its time.
type DirectoryState = (PathBuf, Option<SystemTime>, u64);

impl ReservedKeys {
    /// Reads the keys again if a directory of a CA or a server has changed. `service` is the public key of the service
    /// (SubjectPublicKeyInfo in DER).
    ///
    /// # Errors
    /// Those of reading directories and files, once for each change. What can be read is compared all the same.
    pub fn refresh(&mut self, store: &Path, service: &[u8]) -> Result<()> {
        self.service = Some(public_of(service));
        store.clone_into(&mut self.store);
        let now = states(store)?;
        if now == self.read {
            return Ok(());
        }
        self.read = now;
        let (mut keys, mut failed) = (BTreeMap::new(), None);
        for kind in [Kind::Ca, Kind::Server] {
            for (name, dir) in directories(store, kind)? {
                // A damaged file leaves its own key out, and no other one.
                match own_certificates(store, kind, &name, &dir) {
                    Ok(own) => keys.extend(own.iter().map(|own| (public_of(own.spki_der()), (kind, name.clone())))),
                    Err(error) => failed = Some(error),
                }
            }
        }
        self.keys = keys;
        failed.map_or(Ok(()), Err)
    }

    /// The reason for which an identity gets no certificate for the key with this SHA-256 (SubjectPublicKeyInfo in DER); `None`
    /// if it can. One statement of the ledger finds keys that were sent over the network. Of those in files, only the revoked
    /// ones of the same name are read, which few names have.
    ///
    /// # Errors
    /// Those of the ledger.
    pub fn conflict(&self, view: &View, history: &NameHistory, public: &[u8; 32]) -> Result<Option<KeyConflict>> {
        let (kind, name) = (history.kind(), history.name());
        let held = self.keys.get(public).filter(|(of, owner)| (*of, owner.as_str()) != (kind, name));
        if let Some((kind, name)) = held {
            return Ok(Some(KeyConflict { kind: *kind, name: name.clone(), is_revoked: false }));
        }
        // A service that renews its own certificate at itself is the server of this name, and known by its directory.
        if self.service == Some(*public) && kind == Kind::Device {
            return Ok(Some(KeyConflict { kind: Kind::Server, name: SERVICE.to_owned(), is_revoked: false }));
        }
        if history.has_revoked_key_in_files() && is_revoked_in_files(&self.store, view, kind, name, public)? {
            return Ok(Some(KeyConflict { kind, name: name.to_owned(), is_revoked: true }));
        }
        in_ledger(view, kind, name, public)
    }
}

/// The identity of the ledger for whose sake another one cannot have a key.
///
/// # Errors
/// Those of the ledger.
pub(super) fn in_ledger(view: &View, kind: Kind, name: &str, public: &[u8; 32]) -> Result<Option<KeyConflict>> {
    let holder = view.key_holder(public, kind, name)?;
    Ok(holder.map(|holder| KeyConflict { kind: holder.kind, name: holder.name, is_revoked: holder.is_revoked }))
}

/// Whether a certificate of this name for the key was revoked for a reason that concerns the key or its holder, of those that
/// are in files of the store or its shards. Files that are gone have no key.
///
/// # Errors
/// Those of the ledger.
pub(super) fn is_revoked_in_files(
    store: &Path,
    view: &View,
    kind: Kind,
    name: &str,
    public: &[u8; 32],
) -> Result<bool> {
    let is_barred = |entry: &Entry| entry.revocation.as_ref().is_some_and(Revocation::bars_key);
    for entry in view.history(kind, name)?.iter().filter(|entry| is_barred(entry)) {
        if locate(store, view, entry).is_ok_and(|found| public_of(found.leaf.spki_der()) == *public) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// SHA-256 over a public key, in the form that a request has.
fn public_of(spki: &[u8]) -> [u8; 32] {
    // RSA keys without parameters get them. A key that no request can have stays as it is.
    PublicKey::from_spki_der(spki).map_or_else(|_| digest::sha256(spki), |key| digest::sha256(key.spki_der()))
}

/// The directories of CAs, of their generations, and of servers.
fn states(store: &Path) -> Result<Vec<DirectoryState>> {
    let mut states = Vec::new();
    for kind in [Kind::Ca, Kind::Server] {
        let mut dirs = vec![kind_dir(store, kind)];
        while let Some(dir) = dirs.pop() {
            let Some(names) = file::list_dir(&dir)? else { continue };
            dirs.extend(names.iter().map(|name| dir.join(name)).filter(|path| path.is_dir() && !path.is_symlink()));
            let Ok(metadata) = fs::metadata(&dir) else { continue };
            states.push((dir, metadata.modified().ok(), metadata.ino()));
        }
    }
    states.sort();
    Ok(states)
}
