//! The revocation lists that are published, compared with the revocations of the ledger: a restored ledger can have lost
//! some of them.

use std::collections::HashMap;
use std::path::PathBuf;

use base::Result;
use identity::lifecycle::lost_cas::lost_lists;
use identity::lifecycle::lost_list::REMEDY;
use identity::lifecycle::revocation_lists::is_written_here;
use identity::lifecycle::{last_lists, published_lists};
use identity::profile_ca;
use ledger::{Filter, Generation, Kind, Role, SerialNumber, View};
use pki::Certificate;
use pki::crl::Crl;
use store::Workspace;
use store::ca::Ca;
use store::ca::generations::placed;
use time::OffsetDateTime;

use crate::lifecycle::upkeep::parts::{Problem, ProblemKind};

/// An entry of a list that the ledger does not have.
pub(in crate::lifecycle::upkeep) struct Listed {
    pub(in crate::lifecycle::upkeep) serial: SerialNumber,
    /// The name of the CA in the ledger.
    pub(in crate::lifecycle::upkeep) issuer: String,
    /// The generation of the CA whose key signed the list; `None` if it is unknown, or if lists of several have the entry.
    pub(in crate::lifecycle::upkeep) issuer_generation: Option<Generation>,
    pub(in crate::lifecycle::upkeep) since: OffsetDateTime,
    pub(in crate::lifecycle::upkeep) reason: Option<&'static str>,
    pub(in crate::lifecycle::upkeep) path: PathBuf,
    /// The end of the CA's validity: nothing that it issued is valid for longer.
    pub(in crate::lifecycle::upkeep) ca_ends: OffsetDateTime,
}

/// Adds a difference for each certificate that a list revokes and the ledger does not, and for each list of a CA that the
/// store has lost.
///
/// # Errors
/// Those of the ledger and of the files.
pub(super) fn check(workspace: &Workspace<'_>, view: &View, problems: &mut Vec<Problem>) -> Result<()> {
    for listed in listed(workspace, view)? {
        let what = format!("the list revokes {} of {}, and the ledger does not", listed.serial, listed.issuer);
        let mut problem = Problem::new(ProblemKind::Revocation, what).at(&listed.path);
        problem.serial = Some(listed.serial.to_string());
        problems.push(problem);
    }
    for lost in lost_lists(workspace.config, workspace.store_dir(), view)? {
        let what = format!("{}: {REMEDY}", lost.what());
        problems.push(Problem::new(ProblemKind::Ca, what).at(&lost.path).staying(true));
    }
    Ok(())
}

/// The entries of the published lists that the ledger does not have as revoked, each once: a certificate whose issuing
/// generation is unknown is on the lists of all.
///
/// # Errors
/// Those of the ledger and of the files.
pub(in crate::lifecycle::upkeep) fn listed(workspace: &Workspace<'_>, view: &View) -> Result<Vec<Listed>> {
    let mut found: Vec<Listed> = Vec::new();
    let mut places: HashMap<(SerialNumber, String), usize> = HashMap::new();
    for PublishedBy { path, issuer, issuer_generation, ca, list } in lists(workspace, view)? {
        for entry in list.revoked() {
            let serial = SerialNumber::new(&entry.serial)?;
            let key = (serial, issuer.clone());
            if let Some(known) = places.get(&key).and_then(|place| found.get_mut(*place)) {
                if known.issuer_generation != issuer_generation {
                    known.issuer_generation = None;
                }
                continue;
            }
            let (serial, _) = &key;
            let rows = view.by_serial(serial)?;
            // Serial numbers are unique only for one issuer (RFC 5280, section 4.1.2.2), so that a row of another
            // CA is no match.
            let mut of_ca = rows.iter().filter(|row| row.issuer == issuer).peekable();
            // The list of another store has what other stations have issued, too.
            let is_of_others = of_ca.peek().is_none() && !is_written_here(workspace.config);
            if is_of_others || of_ca.any(|row| row.role == Role::Revoked) {
                continue;
            }
            places.insert(key.clone(), found.len());
            found.push(Listed {
                serial: key.0,
                issuer: issuer.clone(),
                issuer_generation,
                since: entry.since,
                reason: entry.reason,
                path: path.clone(),
                ca_ends: ca.not_after(),
            });
        }
    }
    Ok(found)
}

/// A published list of one of the store's CAs.
pub(in crate::lifecycle) struct PublishedBy {
    /// The file, which can have other lists.
    pub(in crate::lifecycle) path: PathBuf,
    /// The name of the CA in the ledger.
    pub(in crate::lifecycle) issuer: String,
    /// The generation of the CA with the key; `None` if several have it.
    pub(in crate::lifecycle) issuer_generation: Option<Generation>,
    ca: Certificate,
    pub(in crate::lifecycle) list: Crl,
}

/// The published lists of the store's CAs.
///
/// # Errors
/// Those of the ledger and of the files.
pub(in crate::lifecycle) fn lists(workspace: &Workspace<'_>, view: &View) -> Result<Vec<PublishedBy>> {
    let store = workspace.store_dir();
    let filter = Filter { kind: Some(Kind::Ca), current_only: true, ..Filter::default() };
    let mut cas = Vec::new();
    for entry in view.list(&filter) {
        let name = entry?.key.name;
        // A CA that is not in the store is a difference of its own. Each generation has a list of its own.
        let generations = Ca::named(&name).and_then(|ca| placed(store, &ca.name()).ok());
        for one in generations.into_iter().flatten() {
            let Ok(certificate) = one.generation.certificate() else { continue };
            let row = one.generation.row(view, &name)?;
            cas.push((name.clone(), row.map(|row| row.generation()), certificate.clone()));
        }
    }
    let mut found = Vec::new();
    let mut files = published_lists::read(workspace.config, store)?;
    // The file for brokers has no list of a CA that is out of service, and what it revoked stays revoked.
    files.extend(last_lists::read(store)?.into_iter().map(|list| (last_lists::path(store), list)));
    for (path, list) in files {
        // A file holds the lists of several CAs, and a name in a list proves nothing: only the signature tells
        // whose it is.
        if let Some((issuer, generation, ca)) = cas.iter().find(|(_, _, ca)| list.is_issued_by(ca)) {
            // Several certificates of one key share its list, which does not tell below which of them a device is.
            let is_shared = cas.iter().filter(|(_, _, other)| other.spki_der() == ca.spki_der()).count() > 1;
            let issuer_generation = generation.filter(|_| !is_shared);
            found.push(PublishedBy { path, issuer: issuer.clone(), issuer_generation, ca: ca.clone(), list });
        }
    }
    Ok(found)
}

/// The generations of CAs that are out of service and have no list in the store: what they have revoked is known to the
/// ledger alone.
///
/// # Errors
/// Those of the ledger and of the files.
pub(in crate::lifecycle::upkeep) fn without_list(workspace: &Workspace<'_>, view: &View) -> Result<Vec<(String, u32)>> {
    let mut lists = last_lists::read(workspace.store_dir())?;
    // The list of a key in service has the revocations below every certificate of the key, as an imported CA can have several.
    lists.extend(published_lists::read(workspace.config, workspace.store_dir())?.into_iter().map(|(_, list)| list));
    let mut without = Vec::new();
    for ca in profile_ca::all_cas(view)?.into_iter().filter(|ca| !ca.is_root()) {
        for placed in placed(workspace.store_dir(), &ca.name())? {
            let certificate = placed.generation.certificate()?;
            let is_out = matches!(placed.role, Role::Retired | Role::Revoked);
            if is_out && !lists.iter().any(|list| list.is_issued_by(certificate)) {
                without.push((ca.name(), placed.generation.number));
            }
        }
    }
    Ok(without)
}
