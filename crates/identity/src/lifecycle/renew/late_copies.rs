//! Copies of a renewal that was made while their directory was missing: a disk that was not mounted, or a directory that was
//! moved away. The renewal has an open step until the directory has its files.

use std::path::Path;

use base::file::FileSet;
use base::{Code, Error, Result};
use ledger::{Entry, Key, Kind};
use store::{Store, identity_dir};

use super::pending::Installed;
use super::recorded::{RecordedRequest, add_files, chain_file, copies, recorded};
use crate::issuance::first_in;

/// The directory that must get copies of a generation and is not there.
pub(super) fn missing(entry: &Entry) -> Option<&str> {
    entry.copies.as_deref().filter(|dir| !Path::new(dir).is_dir())
}

/// The error for a directory that must get copies and is not there.
pub(super) fn error(key: &Key, dir: &str) -> Error {
    let Key { kind, name, .. } = key;
    let (verb, flag) = if *kind == Kind::Server { ("server", "name") } else { ("client", "device") };
    Code::CopiesMissing
        .error(format!("the {kind} {name:?} is renewed in the store only"))
        .because("the directory that gets copies of its files is not there, so the program that reads them has the \
                  earlier certificate")
        .at(dir)
        .item(name)
        .fix(format!(
            "run `tbpki renew --{kind} {name}` again when the directory is there; if another directory takes its place, \
             run `tbpki {verb} --{flag} {name} --out DIR`"
        ))
}

/// Brings the files of the present generation to the directory that was missing. Does nothing if they are there.
///
/// # Errors
/// [`Code::CopiesMissing`] if it is still missing; [`Code::TargetExists`] if it has the files of another certificate. Those
/// of the disk.
pub(super) fn deliver(store: &Store, entry: &Entry) -> Result<Installed> {
    if let Some(dir) = missing(entry) {
        return Err(error(&entry.key, dir));
    }
    let Some(out) = copies(entry) else { return Ok(Installed::Nothing) };
    let asked: RecordedRequest = recorded(entry)?;
    let chain = chain_file(entry.key.kind, &asked);
    let own = identity_dir(store.dir(), entry.key.kind, &entry.key.name);
    // A later generation, or files that do not belong to this one, must not get there under its name.
    if first_in(&own.join(&chain))?.is_none_or(|leaf| entry.fingerprint != Some(leaf.fingerprint())) {
        return Ok(Installed::Nothing);
    }
    let present = first_in(&out.dir.join(&chain))?;
    if present.as_ref().is_some_and(|leaf| entry.fingerprint == Some(leaf.fingerprint())) {
        return Ok(Installed::Nothing);
    }
    let mut set = FileSet::new(&out.dir).owned_by(out.ownership);
    if let Some(leaf) = &present {
        let history = store.ledger.history(entry.key.kind, &entry.key.name)?;
        if !history.iter().any(|earlier| earlier.fingerprint == Some(leaf.fingerprint())) {
            return Err(Code::TargetExists
                .error("the directory for copies has the certificate of another identity")
                .at(out.dir.join(&chain))
                .item(&entry.key.name)
                .fix("move it away, and run the same command again"));
        }
        set = set.replacing(leaf.serial_hex());
    }
    add_files(&mut set, &own, entry, &asked)?;
    set.commit()?;
    Ok(Installed::Copies(out.dir))
}
