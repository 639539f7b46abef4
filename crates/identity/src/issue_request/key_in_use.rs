//! The key of a request is compared with the keys of the store: each identity has a key of its own.

use std::fs;
use std::path::Path;

use base::text::counted;
use base::{Code, Error, Finding, Result, file};
use ledger::{Kind, View};
use pki::key::{PublicKey, is_same_key};
use pki::pem_bundle::PemBundle;

use store::shard::{Layout, Shard, ShardStore};
use store::{FILE_LIMIT, kind_dir};

/// Fails with [`Code::KeyInUse`] if a CA, or another server or device of the store, has this key, also one in a shard of a
/// fleet. Returns a note if shards could not be read.
///
/// # Errors
/// Also directories and files that cannot be read.
pub(crate) fn check(store: &Path, view: &View, kind: Kind, name: &str, key: &PublicKey) -> Result<Option<Finding>> {
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

fn in_use(kind: Kind, name: &str) -> Error {
    Code::KeyInUse
        .error(format!("the key of the request is the key of the {kind} {name}"))
        .fix("make a new key, and a request with it")
}

fn check_directories(store: &Path, kind: Kind, name: &str, key: &PublicKey) -> Result<()> {
    for other_kind in [Kind::Ca, Kind::Server, Kind::Device] {
        let dir = kind_dir(store, other_kind);
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(unreadable(&dir, error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(&dir, error))?;
            let other = entry.file_name().to_string_lossy().into_owned();
            if (other_kind == kind && other == name) || !has_key(&entry.path(), key)? {
                continue;
            }
            return Err(in_use(other_kind, &other).at(entry.path()));
        }
    }
    Ok(())
}

/// True if a certificate in the directory of an identity is for this key.
fn has_key(dir: &Path, key: &PublicKey) -> Result<bool> {
    // A device and a CA have this file; the names of a server's files are configured.
    if let Some(bytes) = file::read_optional(dir.join("cert.pem"), FILE_LIMIT)? {
        return Ok(holds_certificate(&bytes, key));
    }
    let Ok(entries) = fs::read_dir(dir) else { return Ok(false) };
    for entry in entries {
        let path = entry.map_err(|error| unreadable(dir, error))?.path();
        if path.extension().is_some_and(|extension| extension == "pem")
            && let Some(bytes) = file::read_optional(&path, FILE_LIMIT)?
            && holds_certificate(&bytes, key)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// True if the first certificate of a PEM file, which is the identity's own, is for this key.
fn holds_certificate(bytes: &[u8], key: &PublicKey) -> bool {
    // A damaged file is found by the verbs that need it.
    let bundle = PemBundle::parse(bytes).ok();
    let own = bundle.as_ref().and_then(|bundle| bundle.certificates.first());
    own.is_some_and(|own| is_same_key(own.spki_der(), key.spki_der()))
}

fn unreadable(dir: &Path, error: std::io::Error) -> Error {
    Code::FileUnreadable.error("the directory cannot be read").at(dir).caused_by(error)
}
