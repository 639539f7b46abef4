//! The key of a request is compared with the keys of the store: each identity has a key of its own.
//!
//! One rule for `client --csr` and for the enrolment service ([`ReservedKeys`]): no identity gets a certificate for the key of a
//! CA, of a server or of another device, or for a key of which a certificate was revoked. The first also reads the files of all
//! devices; the service, which answers many requests, does not.

mod reserved_keys;

use std::path::{Path, PathBuf};

use base::text::{counted, quote};
use base::{Code, Error, Finding, Result, digest, file};
use ledger::{Kind, View};
use pki::Certificate;
use pki::key::{PublicKey, is_same_key};
use pki::pem_bundle::PemBundle;

pub use reserved_keys::{KeyConflict, ReservedKeys};
use reserved_keys::{in_ledger, is_revoked_in_files};
use store::ca::Ca;
use store::ca::generations::placed;
use store::shard::{Layout, Shard, ShardStore};
use store::{FILE_LIMIT, kind_dir};

/// Fails with [`Code::KeyInUse`] if a CA, or another server or device of the store, has this key, also one in a shard of a
/// fleet or one that has fetched its certificate over the network, and if a certificate for the key was revoked. Returns a
/// note if shards could not be read.
///
/// # Errors
/// Also directories and files that cannot be read.
pub(crate) fn check(store: &Path, view: &View, kind: Kind, name: &str, key: &PublicKey) -> Result<Option<Finding>> {
    let public = digest::sha256(key.spki_der());
    if let Some(conflict) = in_ledger(view, kind, name, &public)? {
        return Err(in_use_of(&conflict));
    }
    if kind == Kind::Device && is_revoked_in_files(store, view, kind, name, &public)? {
        return Err(in_use_of(&KeyConflict { kind, name: name.to_owned(), is_revoked: true }));
    }
    check_directories(store, kind, name, key)?;
    check_shards(store, view, name, key)
}

/// Reads the certificates of all shards: one request is rare, and a column with the key's fingerprint would slow every fleet.
fn check_shards(store: &Path, view: &View, name: &str, key: &PublicKey) -> Result<Option<Finding>> {
    let mut unread = 0_u64;
    for job in view.jobs()? {
        for number in 0..job.shards {
            let Some(committed) = view.committed(job.id, number)? else { continue };
            // Devices in directories of the store were compared with the others there.
            if ShardStore::find(store, &committed.place).is_ok_and(|place| place.layout() == Layout::Directories) {
                continue;
            }
            let Ok(shard) = Shard::open(store, view, job.id, number) else {
                unread += u64::from(job.range(number).1);
                continue;
            };
            for (index, entry) in shard.entries.iter().enumerate().filter(|(_, entry)| entry.key.name != name) {
                match shard.read(index) {
                    Ok(located) if is_same_key(located.leaf.spki_der(), key.spki_der()) => {
                        return Err(in_use(Kind::Device, &entry.key.name).item(&entry.key.name));
                    }
                    Ok(_) => {}
                    Err(_) => unread += 1,
                }
            }
        }
    }
    Ok((unread > 0).then(|| {
        let devices = counted(unread, "device", "devices");
        Code::KeyInUse
            .note(format!("the key of the request was not compared with those of {devices}"))
            .because("their shards cannot be read")
    }))
}

fn in_use_of(conflict: &KeyConflict) -> Error {
    let KeyConflict { kind, name, is_revoked } = conflict;
    if !is_revoked {
        return in_use(*kind, name).item(name);
    }
    Code::KeyInUse
        .error(format!("the key of the request is that of a revoked certificate of the {kind} {}", quote(name)))
        .item(name)
        .fix("make a new key, and a request with it")
}

fn in_use(kind: Kind, name: &str) -> Error {
    Code::KeyInUse
        .error(format!("the key of the request is the key of the {kind} {name}"))
        .fix("make a new key, and a request with it")
}

fn check_directories(store: &Path, kind: Kind, name: &str, key: &PublicKey) -> Result<()> {
    let owner = owners(store, &[(kind, name, key.spki_der())])?.into_iter().flatten().next();
    match owner {
        None => Ok(()),
        Some(owner) => Err(in_use(owner.kind, &owner.name).at(owner.dir)),
    }
}

/// The identity with a key.
#[derive(Debug, Clone)]
pub struct KeyOwner {
    /// A CA, a server or a device.
    pub kind: Kind,
    /// The name of its directory.
    pub name: String,
    /// Its directory.
    pub dir: PathBuf,
}

/// For each identity, given with its public key, another one in a directory of the store that has the same key. Shards are
/// not searched. Each file is read once for all of them.
///
/// # Errors
/// Those of reading directories and files.
pub fn owners(store: &Path, identities: &[(Kind, &str, &[u8])]) -> Result<Vec<Option<KeyOwner>>> {
    let mut owners: Vec<Option<KeyOwner>> = vec![None; identities.len()];
    for kind in [Kind::Ca, Kind::Server, Kind::Device] {
        for (name, dir) in directories(store, kind)? {
            for certificate in own_certificates(store, kind, &name, &dir)? {
                let is_other = |one: &(Kind, &str, &[u8])| {
                    (one.0 != kind || one.1 != name) && is_same_key(certificate.spki_der(), one.2)
                };
                for (owner, _) in owners.iter_mut().zip(identities).filter(|(_, one)| is_other(one)) {
                    owner.get_or_insert_with(|| KeyOwner { kind, name: name.clone(), dir: dir.clone() });
                }
            }
        }
    }
    Ok(owners)
}

/// The directories of the identities of a kind, each with its name.
fn directories(store: &Path, kind: Kind) -> Result<Vec<(String, PathBuf)>> {
    let dir = kind_dir(store, kind);
    let names = file::list_dir(&dir)?.unwrap_or_default().into_iter();
    // The directory of CAs has other directories, too.
    let of_kind = names.filter(|name| kind != Kind::Ca || Ca::named(name).is_some());
    Ok(of_kind.map(|name| (name.clone(), dir.join(name))).collect())
}

/// The own certificates of an identity in its directory, of a CA those of all its generations.
fn own_certificates(store: &Path, kind: Kind, name: &str, dir: &Path) -> Result<Vec<Certificate>> {
    if kind == Kind::Ca {
        let generations = placed(store, name)?.into_iter();
        return Ok(generations.filter_map(|one| one.generation.certificates.into_iter().next()).collect());
    }
    // A device has this file; the names of a server's files are configured.
    if let Some(bytes) = file::read_optional(dir.join("cert.pem"), FILE_LIMIT)? {
        return Ok(first_certificate(&bytes).into_iter().collect());
    }
    let mut found = Vec::new();
    // A file in the directory of a kind is none of an identity.
    if !dir.is_dir() {
        return Ok(found);
    }
    for name in file::list_dir(dir)?.unwrap_or_default() {
        let path = dir.join(name);
        if path.extension().is_some_and(|extension| extension == "pem")
            && let Some(bytes) = file::read_optional(&path, FILE_LIMIT)?
        {
            found.extend(first_certificate(&bytes));
        }
    }
    Ok(found)
}

/// The first certificate of a PEM file, which is the identity's own.
fn first_certificate(bytes: &[u8]) -> Option<Certificate> {
    // A damaged file is found by the verbs that need it.
    PemBundle::parse(bytes).ok()?.certificates.into_iter().next()
}
