//! A CA without a revocation list, although its peers read lists: they refuse everything that it has issued.

use std::path::{Path, PathBuf};

use base::{Code, Finding, Result};
use config::Config;
use ledger::View;
use pki::crl::Crl;
use store::ca::{Ca, Hierarchy};
use store::file_names::SERVERS_LISTS;

use super::NextList;
use crate::lifecycle::revocation_lists::{devices_file, is_written_here};

/// A generation of a CA that signs or has signed, and has no list in the published file.
#[derive(Debug, Clone)]
pub struct MissingList {
    /// The CA, for example devices-issuing.
    pub ca: String,
    /// The generation of the CA, from 1.
    pub generation: u32,
    /// The file without the list.
    path: PathBuf,
    /// Who reads the file.
    readers: &'static str,
    /// Whether the configuration names the file.
    is_named: bool,
    next: NextList,
}

impl MissingList {
    pub(super) fn new(config: &Config, store: &Path, (ca, generation): (&Ca, u32), next: NextList) -> Self {
        let (path, readers) = match ca.hierarchy() {
            Hierarchy::Devices => (devices_file(config, store), "brokers"),
            Hierarchy::Server => (store.join(SERVERS_LISTS), "clients"),
        };
        // The file of the servers' CAs has one place.
        let is_named = ca.hierarchy() == Hierarchy::Server || config.crl.out.value.is_some();
        Self { ca: ca.name(), generation, path, readers, is_named, next }
    }

    /// The warning about it.
    pub fn warning(&self) -> Finding {
        let what = match self.path.exists() {
            true => format!("the file has no revocation list of generation {} of {}", self.generation, self.ca),
            false => format!("the file with the list of generation {} of {} is missing", self.generation, self.ca),
        };
        let why = format!("{} that read the file refuse everything that this CA has issued", self.readers);
        let fix = match self.is_named || self.path.exists() {
            true => self.next.fix().to_owned(),
            false => format!(
                "{}; if they read another file, name it in keygen.toml first, `out = \"FILE\"` under `[crl]`",
                self.next.fix()
            ),
        };
        Code::ListMissing.warning(what).at(&self.path).because(why).fix(fix)
    }
}

/// Whether peers are known to read lists of the CA. Those of roots are for programs that check whole chains alone, and the keys
/// of roots are often elsewhere.
pub(super) fn is_wanted(config: &Config, store: &Path, view: &View, ca: &Ca, lists: &[(PathBuf, Crl)]) -> Result<bool> {
    if ca.is_root() {
        return Ok(false);
    }
    let is_devices = ca.hierarchy() == Hierarchy::Devices;
    let path = if is_devices { devices_file(config, store) } else { store.join(SERVERS_LISTS) };
    if lists.iter().any(|(of, _)| *of == path) {
        return Ok(true);
    }
    // A station whose lists another store writes needs the file only if it has a broker.
    if is_devices && !is_written_here(config) {
        return Ok(false);
    }
    if is_devices && config.crl.out.value.is_some() {
        return Ok(true);
    }
    // A shared ledger does not have which of the stores published the list.
    if view.is_shared() {
        return Ok(false);
    }
    let made = view.listing_cas()?;
    Ok(made.iter().filter_map(|name| Ca::named(name)).any(|one| one.hierarchy() == ca.hierarchy()))
}
