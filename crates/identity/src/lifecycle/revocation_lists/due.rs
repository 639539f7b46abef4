//! Whether a service has to write the files with the revocation lists of its store.
//!
//! Each file is judged by its own contents. Several stores can share a ledger, and the broker of each reads the file of its
//! store, so a list that another store has just made is not in this file. A file that has all revocations is not
//! written again because another store has signed a list with a higher number; otherwise two stores would write in turns
//! for ever.

use std::collections::HashSet;
use std::path::Path;

use base::{Result, digest};
use ledger::{Generation, View};
use pki::Certificate;
use pki::crl::Crl;
use store::ca::generations::{CaGeneration, retired_certificates};
use store::ca::{Ca, Hierarchy, KeyLocation};
use store::file_names::SERVERS_LISTS;
use store::{Store, Workspace};
use time::OffsetDateTime;

use super::list_file::lists_in;
use super::{UnmadeList, devices_file, is_written_here, listed_cas, writes_servers};
use crate::lifecycle::published_lists::due_from;

/// Whether a list must be written here now: half of the life of one has passed, a revocation waits for one, or the file lacks a
/// list or a revocation. `except` are those that could not be made: their state is no reason.
///
/// # Errors
/// Those of the ledger and of reading the files.
pub fn is_due(workspace: &Workspace<'_>, store: &Store, except: &[UnmadeList]) -> Result<bool> {
    let devices = devices_file(workspace.config, store.dir());
    if is_written_here(workspace.config) && is_file_due(workspace, store, (Hierarchy::Devices, &devices), except)? {
        return Ok(true);
    }
    let servers = store.dir().join(SERVERS_LISTS);
    // Without a file, the first revocation of a server writes one.
    let is_served = servers.exists() && writes_servers(workspace)?;
    Ok(is_served && is_file_due(workspace, store, (Hierarchy::Server, &servers), except)?)
}

fn is_file_due(
    workspace: &Workspace<'_>,
    store: &Store,
    (hierarchy, path): (Hierarchy, &Path),
    except: &[UnmadeList],
) -> Result<bool> {
    let (view, dir, now) = (&store.ledger, store.dir(), workspace.now);
    let lists = lists_in(path)?;
    let cas = listed_cas(view, dir, hierarchy)?;
    let awaited = view.awaited_lists()?;
    let is_named = hierarchy == Hierarchy::Devices && workspace.config.crl.out.value.is_some();
    // No list is made by itself in a store whose brokers read none.
    let is_wanted = is_named || !lists.is_empty() || has_listed(view, &cas)?;
    let mut has_key = false;
    for ca in &cas {
        for generation in ca.trusted(dir)? {
            let is_excepted = |one: &UnmadeList| one.ca == ca.name() && one.generation == generation.number;
            if generation.key_place()? == KeyLocation::Elsewhere || except.iter().any(is_excepted) {
                continue;
            }
            has_key = true;
            let certificate = generation.certificate()?;
            let row = generation.row(view, &ca.name())?.map(|row| row.generation());
            let waits = |(issuer, of): &(String, Option<Generation>)| {
                *issuer == ca.name() && (of.is_none() || row.is_none() || *of == row)
            };
            if awaited.iter().any(waits) {
                return Ok(true);
            }
            let of_it = lists.iter().find(|list| list.is_issued_by(certificate));
            let is_due = match of_it {
                None => is_wanted,
                Some(list) => {
                    let half = list.next_update().map(|next| due_from(list.this_update(), next));
                    half.is_some_and(|half| now > half) || lacks(view, (ca, &generation), list, now)? > 0
                }
            };
            if is_due {
                return Ok(true);
            }
        }
    }
    // The list of a CA that is out of service has to leave the file, so that leaves below it are refused.
    Ok(has_key && has_out_of_service(dir, &cas, &lists)?)
}

/// Whether a list of one of these CAs was ever made.
fn has_listed(view: &View, cas: &[Ca]) -> Result<bool> {
    let made = view.listing_cas()?;
    Ok(cas.iter().any(|ca| made.contains(&ca.name())))
}

fn has_out_of_service(store: &Path, cas: &[Ca], lists: &[Crl]) -> Result<bool> {
    for ca in cas {
        let out: Vec<Certificate> = retired_certificates(store, &ca.name())?;
        let trusted = ca.trusted(store)?;
        let in_service = |list: &Crl| {
            trusted.iter().any(|one| one.certificate().is_ok_and(|certificate| list.is_issued_by(certificate)))
        };
        if lists.iter().any(|list| out.iter().any(|ca| list.is_issued_by(ca)) && !in_service(list)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The number of revocations of the ledger that a published list of a CA lacks. They are counted only if the ledger has a later
/// list of the key: then another store, or a command with another file, has made it.
///
/// # Errors
/// Those of the ledger.
pub(in crate::lifecycle) fn lacks(
    view: &View,
    (ca, generation): (&Ca, &CaGeneration),
    list: &Crl,
    now: OffsetDateTime,
) -> Result<usize> {
    let certificate = generation.certificate()?;
    let last = view.last_list(&digest::sha256(certificate.spki_der()))?;
    let number = list.number().and_then(|number| u64::from_str_radix(number, 16).ok());
    if last.is_none_or(|last| number == Some(last.number)) {
        return Ok(0);
    }
    let Some(row) = generation.row(view, &ca.name())? else { return Ok(0) };
    let revoked = list.revoked();
    let listed: HashSet<&[u8]> = revoked.iter().map(|entry| entry.serial.as_slice()).collect();
    let entries = view.revoked_by(&ca.name(), Some(row.generation()), Some(now))?;
    Ok(entries.iter().filter(|entry| !listed.contains(entry.serial.octets())).count())
}
