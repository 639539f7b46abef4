//! The server that a command means if it does not name one.

use std::path::Path;

use base::{Code, Result, file};
use config::{Config, HostName, Origin, Setting};
use ledger::{Filter, Kind};
use pki::Certificate;
use pki::pem_bundle::PemBundle;
use store::file_names::server_chain;
use store::{FILE_LIMIT, StoreLocation};

/// The origin of a name that the store decides.
pub(crate) const ONLY_SERVER: &str = "the only server of the store";

/// The name of the server: the one that a flag, a variable or keygen.toml gives, then that of the server whose files are in
/// `out`, then that of the store's only server. The name of this host is for the first server of a store.
///
/// # Errors
/// [`Code::AmbiguousServer`] if the store has several servers and nothing names one, [`Code::NeedsAnswer`] if the store
/// has none and the name of this host cannot be that of a server, and those of the ledger.
pub fn server_name(config: &Config, location: &StoreLocation, out: Option<&Path>) -> Result<Setting<HostName>> {
    let given = &config.server.name;
    if let Some(name) = given.value.as_ref().filter(|_| given.is_explicit()) {
        return Ok(Setting { value: name.clone(), origin: given.origin.clone() });
    }
    if let Some(dir) = out
        && let Some(name) = owner_of(config, location, dir)?
    {
        return Ok(Setting { value: name.parse()?, origin: Origin::Derived(dir.display().to_string()) });
    }
    let servers = servers(location)?;
    match servers.as_slice() {
        [] => {
            let name = given.value.clone().ok_or_else(|| {
                Code::NeedsAnswer
                    .error("the server has no name, and this host's name cannot be one")
                    .fix("give it with --name, or set server.name in keygen.toml")
            })?;
            Ok(Setting { value: name, origin: given.origin.clone() })
        }
        [only] => Ok(Setting { value: only.parse()?, origin: Origin::Derived(ONLY_SERVER.to_owned()) }),
        several => Err(Code::AmbiguousServer
            .error(format!("the store has {} servers: {}", several.len(), several.join(", ")))
            .fix("name one with --name, or set server.name in keygen.toml")),
    }
}

/// Fails if a directory has the files of another server of the store than `name`.
///
/// # Errors
/// [`Code::AmbiguousServer`], and those of the ledger.
pub(crate) fn check_directory(config: &Config, location: &StoreLocation, dir: &Path, name: &HostName) -> Result<()> {
    match owner_of(config, location, dir)?.filter(|owner| owner != name.as_str()) {
        None => Ok(()),
        Some(owner) => Err(Code::AmbiguousServer
            .error(format!("the directory has the files of the server {owner}, not of {name}"))
            .at(dir)
            .fix(format!("use --name {owner}, or another directory"))),
    }
}

/// The names of the servers of a store, sorted; empty if there is no store.
pub(crate) fn servers(location: &StoreLocation) -> Result<Vec<String>> {
    if store::check_exists(location.dir()).is_err() {
        return Ok(Vec::new());
    }
    let filter = Filter { kind: Some(Kind::Server), current_only: true, ..Filter::default() };
    store::view(location)?.list(&filter).map(|entry| entry.map(|entry| entry.key.name)).collect()
}

/// The server of the store whose files a directory has, also those of an earlier generation: the leaf decides, and without
/// one the directory that the ledger recorded.
fn owner_of(config: &Config, location: &StoreLocation, dir: &Path) -> Result<Option<String>> {
    if !dir.is_dir() || store::check_exists(location.dir()).is_err() {
        return Ok(None);
    }
    let view = store::view(location)?;
    let leaf = leaf_in(&dir.join(server_chain(config.server.prefix.value.as_str())));
    let full = std::path::absolute(dir).ok();
    let is_recorded =
        |copies: &Option<String>| copies.as_ref().is_some_and(|copies| full.as_deref() == Some(Path::new(copies)));
    let mut recorded = None;
    for entry in view.list(&Filter { kind: Some(Kind::Server), ..Filter::default() }) {
        let entry = entry?;
        if leaf.as_ref().is_some_and(|leaf| entry.fingerprint == Some(leaf.fingerprint())) {
            return Ok(Some(entry.key.name));
        }
        if entry.is_current() && is_recorded(&entry.copies) {
            recorded = Some(entry.key.name);
        }
    }
    // A leaf that the ledger does not know is not of this store, whatever was in the directory before.
    Ok(recorded.filter(|_| leaf.is_none()))
}

/// The first certificate of a file; `None` if it cannot be read, which the verbs that need it report.
pub fn leaf_in(path: &Path) -> Option<Certificate> {
    let bytes = file::read_optional(path, FILE_LIMIT).ok().flatten()?;
    PemBundle::parse(&bytes).ok()?.certificates.into_iter().next()
}
