//! What must hold before a generation of a CA begins to sign.

use base::digest::{hex, sha256};
use base::file::{self, FileSet, Mode, current_user};
use base::{Code, Result};
use ledger::{Confirmation, Entry, Filter, Kind, View};
use pki::crl::Crl;
use pki::pem_bundle::PemBundle;
use store::ca::generations::CaGeneration;
use store::ca::{Ca, Hierarchy};
use store::file_names::SERVERS_LISTS;
use store::{Store, Workspace};

use super::peers::{confirmable, peers_of, unconfirmed};
use super::shared_name::shares_name;
use crate::lifecycle::revocation_lists::devices_file;
use crate::lifecycle::revocation_lists::list_file::LIMIT;
use crate::report::FileReport;

/// Fails if a gate is closed. Returns those who are left behind.
///
/// # Errors
/// [`Code::ListMissing`] if the file with the revocation lists has none of the new key; [`Code::CaNotConfirmed`] with the
/// count if peers are not known to have the generation, unless they are left behind.
pub(super) fn check(
    workspace: &Workspace<'_>,
    store: &Store,
    ca: &Ca,
    pending: &Entry,
    next: &CaGeneration,
    leave_behind: bool,
) -> Result<Vec<String>> {
    check_list(workspace, &store.ledger, ca, next)?;
    let Some(kind) = peers_of(workspace, ca) else { return Ok(Vec::new()) };
    let without = unconfirmed(workspace, &store.ledger, &pending.key, kind)?;
    // `--leave-behind` decides about peers and never about lists: without a list a broker refuses all devices.
    if without.unconfirmed.names.is_empty() || leave_behind {
        return Ok(without.unconfirmed.names);
    }
    Err(without.error(ca, next.number, kind))
}

/// Writes the names of those who are left behind to a file of the store, and records them.
pub(super) fn leave_behind(
    store: &mut Store,
    kind: Kind,
    pending: &Entry,
    names: &[String],
) -> Result<Option<FileReport>> {
    if names.is_empty() {
        return Ok(None);
    }
    // The file first: if it cannot be written, nothing is recorded and nothing is activated.
    let mut set = FileSet::new(store.dir()).replacing("old");
    let file = format!("left-behind/{}-{}.txt", pending.key.name, pending.generation());
    set.add(file, format!("{}\n", names.join("\n")).into_bytes(), Mode::Public)?;
    let written = set.commit()?.into_iter().next().map(FileReport::from);
    let who = current_user();
    store.ledger.confirm(&pending.key, kind, names.iter().map(String::as_str), Confirmation::LeftBehind, &who)?;
    Ok(written)
}

/// As for other CAs, for the devices of a profile that do not have their certificate as their credential.
///
/// # Errors
/// Those of the ledger and of the disk.
pub fn leave_devices_behind(store: &mut Store, pending: &Entry, names: &[String]) -> Result<Option<FileReport>> {
    leave_behind(store, Kind::Device, pending, names)
}

/// Records that a broker names the next generations of the devices' CAs to clients, which are prepared, or sign while an
/// earlier one is trusted: `leaf` is the SHA-256 of the certificate that it sent, in hexadecimal, and `named` has the
/// subjects. Returns the CAs of those that are prepared.
///
/// # Errors
/// Those of the store and its ledger.
pub fn seen(workspace: &mut Workspace<'_>, leaf: &str, named: &[String]) -> Result<Vec<String>> {
    let mut found: Vec<Entry> = Vec::new();
    let view = workspace.view()?;
    // A broker proves which server it is by its certificate, whatever the address that it was reached at.
    let servers = Filter { kind: Some(Kind::Server), ..Filter::default() };
    let mut server = None;
    for entry in view.list(&servers) {
        let entry = entry?;
        if entry.fingerprint.is_some_and(|own| hex(&own) == leaf)
            // A server that was revoked or forgotten confirms nothing, although its old certificate is still served.
            && view.current(Kind::Server, &entry.key.name)?.is_some()
        {
            server = Some(entry.key.name);
        }
    }
    let Some(server) = server else { return Ok(Vec::new()) };
    for ca in Hierarchy::Devices.cas() {
        let Some(next_entry) = confirmable(&view, &ca)? else { continue };
        // A check of a broker that is known to have the one that signs has nothing to record.
        if next_entry.is_current() && view.is_confirmed(&next_entry.key, Kind::Server, &server)? {
            continue;
        }
        let number = next_entry.generation().number();
        let all = ca.trusted(workspace.store_dir())?;
        let Some(next) = all.iter().find(|generation| generation.number == number) else { continue };
        if named.contains(&next.certificate()?.subject()) {
            found.push(next_entry);
        }
    }
    // The store is opened only if there is something to record: `check` works without the right to write.
    drop(view);
    if !found.is_empty() {
        let mut store = workspace.open_store("check")?;
        for entry in &found {
            store.ledger.confirm(&entry.key, Kind::Server, [server.as_str()], Confirmation::Seen, &current_user())?;
        }
    }
    Ok(found.into_iter().filter(|entry| !entry.is_current()).map(|entry| entry.key.name).collect())
}

/// Brokers that read a file with revocation lists refuse every certificate below a CA that has none in it.
fn check_list(workspace: &Workspace<'_>, view: &View, ca: &Ca, next: &CaGeneration) -> Result<()> {
    let is_devices = ca.hierarchy() == Hierarchy::Devices;
    let store = workspace.store_dir();
    // A further certificate of the same key: its list is the one that brokers have, or do without.
    if ca
        .certificates(store)?
        .first()
        .is_some_and(|now| next.certificate().is_ok_and(|next| next.spki_der() == now.spki_der()))
    {
        return Ok(());
    }
    let path = if is_devices { devices_file(workspace.config, store) } else { store.join(SERVERS_LISTS) };
    let is_named = is_devices && workspace.config.crl.out.value.is_some();
    let bytes = file::read_optional(&path, LIMIT)?;
    // A file that is lost was read by the peers, unless each command names another one (`--out`): then the new key has a list.
    let made = view.listing_cas()?;
    let was_made = made.iter().filter_map(|name| Ca::named(name)).any(|one| one.hierarchy() == ca.hierarchy());
    let has_list = view.last_list(&sha256(next.certificate()?.spki_der()))?.is_some();
    let is_wanted = is_named || (was_made && !has_list);
    // No list was ever written and none is configured: brokers read none.
    if bytes.is_none() && !is_wanted {
        return Ok(());
    }
    let lists = match &bytes {
        Some(bytes) => PemBundle::parse(bytes).map_err(|error| error.at(&path))?.crls,
        None => Vec::new(),
    };
    let certificate = next.certificate()?;
    for list in &lists {
        // By signature too: generations of a CA can have the same name.
        if Crl::from_der(list)?.is_issued_by(certificate) {
            return Ok(());
        }
    }
    Err(Code::ListMissing
        .error(format!("the file has no revocation list of generation {} of {}", next.number, ca.name()))
        .at(path)
        .because(match ca.hierarchy() {
            Hierarchy::Devices => "brokers that read this file would refuse every device below the new CA",
            Hierarchy::Server => "clients that read this file would refuse every server below the new CA",
        })
        .fix(match (ca.hierarchy(), shares_name(store, ca, certificate)?) {
            (_, true) => format!(
                "no list is made of two keys of the name {}: take the prepared one away with `tbpki revoke --ca {word} \
                 --generation {number}`, and prepare one with another subject",
                certificate.subject(),
                word = ca.word(),
                number = next.number
            ),
            (Hierarchy::Devices, false) => "run `tbpki crl`, make the brokers read the file, then activate".to_owned(),
            (Hierarchy::Server, false) => "run `tbpki crl`, make the clients read the file, then activate".to_owned(),
        }))
}
