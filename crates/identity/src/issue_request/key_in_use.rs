//! The key of a request is compared with the keys of the store: each identity has a key of its own.

use std::fs;
use std::path::Path;

use base::{Code, Error, Result, file};
use ledger::Kind;
use pki::key::{PublicKey, is_same_key};
use pki::pem_bundle::PemBundle;

use store::{FILE_LIMIT, kind_dir};

/// Fails with [`Code::KeyInUse`] if a CA, or another server or device in the store, has this key. The identities in the shards
/// of a fleet are not searched: tbpki made their keys, and they are read one shard at a time.
///
/// # Errors
/// Also directories and files that cannot be read.
pub(crate) fn check(store: &Path, kind: Kind, name: &str, key: &PublicKey) -> Result<()> {
    for other_kind in [Kind::Ca, Kind::Server, Kind::Device] {
        let dir = kind_dir(store, other_kind);
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(unreadable(&dir, &error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(&dir, &error))?;
            let other = entry.file_name().to_string_lossy().into_owned();
            if (other_kind == kind && other == name) || !has_key(&entry.path(), key)? {
                continue;
            }
            return Err(Code::KeyInUse
                .error(format!("the key of the request is the key of the {other_kind} {other}"))
                .at(entry.path())
                .fix("make a new key, and a request with it"));
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
        let path = entry.map_err(|error| unreadable(dir, &error))?.path();
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

fn unreadable(dir: &Path, error: &std::io::Error) -> Error {
    Code::FileUnreadable.error("the directory cannot be read").at(dir).because(error)
}
