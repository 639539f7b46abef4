//! The files of every generation of the CAs, compared with the ledger.

use std::path::Path;

use base::text::shell_word;
use base::{Code, Result, file};
use identity::lifecycle::rollover::cross_generations;
use identity::profile_ca::SETTINGS;
use ledger::{Entry, Kind, Role, View};
use pki::{Certificate, PrivateKey};
use store::FILE_LIMIT;
use store::ca::generation_number::generation_dir;
use store::ca::generations::{CaGeneration, PlacedGeneration, placed};
use store::ca::{Ca, KeyLocation};

use crate::lifecycle::upkeep::parts::{Problem, ProblemKind};

/// Where the files of a generation that does not sign come from.
const FROM_BACKUP: &str = "restore its directory from a backup";

/// Adds a difference for each generation of a CA whose files are lost, and for each file that a CA must have besides.
///
/// # Errors
/// Those of the ledger.
pub(super) fn check(store: &Path, view: &View, ca: &Ca, rows: &[Entry], problems: &mut Vec<Problem>) -> Result<()> {
    // A certificate that cannot be read is a difference of its own.
    let Ok(all) = placed(store, &ca.name()) else { return Ok(()) };
    let mut known: Vec<(&PlacedGeneration, Entry)> = Vec::new();
    for one in &all {
        known.extend(one.generation.row(view, &ca.name())?.map(|row| (one, row)));
    }
    let dir = ca.dir(store);
    // Stations that share a ledger have the generation that signs, and at most the certificates of those that it has replaced.
    let is_station = matches!(Ca::ServerIssuing.key_place(store), Ok(KeyLocation::Elsewhere));
    let is_complete = !view.is_shared() || (all.len() > 1 && !is_station);
    for row in rows.iter().filter(|row| row.key.kind == Kind::Ca && row.key.name == ca.name()) {
        let number = row.generation().number();
        let of_row = known.iter().find(|(_, known)| known.key == row.key);
        match (row.role, of_row) {
            (Role::Pending | Role::Superseded, None) if is_complete => {
                let what = format!("generation {number} is {}, and its files are lost: {FROM_BACKUP}", row.role);
                problems.push(missing(what, row).at(dir.join(generation_dir(number))));
            }
            (Role::Retired | Role::Revoked, None) if is_complete => {
                let what = format!(
                    "generation {number} is {}, and its files are lost: {FROM_BACKUP}; without them, a repair of a lost \
                     ledger would not know it",
                    row.role
                );
                problems.push(missing(what, row).at(store.join("ca/retired").join(format!("{}-{number}", ca.name()))));
            }
            (Role::Current | Role::Pending | Role::Superseded, Some((placed, _))) => {
                crosses(store, view, ca, row, &placed.generation, problems)?;
            }
            _ => {}
        }
    }
    // The key of the one that signs is compared with its certificate wherever that comes from.
    for (placed, row) in known.iter().filter(|(_, row)| !row.is_current()) {
        let generation = &placed.generation;
        if let (Ok(KeyLocation::File(path)), Ok(certificate)) = (generation.key_place(), generation.certificate()) {
            compare_key(&path, certificate, row, problems);
        }
    }
    if let (Ca::Profile(profile), Some((one, row))) = (ca, known.iter().find(|(_, row)| row.is_current())) {
        let settings = dir.join(SETTINGS);
        if !settings.exists() {
            let what = format!(
                "the settings of the profile are lost: restore the file from a backup, or run `tbpki profile create \
                 {}` with the same --pattern and --create-devices",
                shell_word(profile.as_str())
            );
            problems.push(missing(what, row).at(settings));
        }
        // The key of the devices' root can be kept elsewhere; that of a profile is made in the store and stays there.
        if matches!(one.generation.key_place(), Ok(KeyLocation::Elsewhere)) && !view.is_shared() {
            let what = format!(
                "the key of the CA is lost: restore it from a backup, or replace the CA with `tbpki ca prepare {}`",
                ca.word()
            );
            problems.push(missing(what, row).at(ca.key_path(store)));
        }
    }
    Ok(())
}

/// Adds a difference if a key does not belong to the certificate of its CA. An encrypted key cannot be compared without its
/// passphrase.
pub(super) fn compare_key(path: &Path, certificate: &Certificate, row: &Entry, problems: &mut Vec<Problem>) {
    let key = file::read_secret(path, FILE_LIMIT).and_then(|pem| PrivateKey::from_pem_or_der(&pem, None));
    match key.and_then(|key| key.check_belongs_to(certificate.spki_der())) {
        Err(error) if error.code() != Code::KeyEncrypted => {
            problems.push(Problem::of_error(ProblemKind::Key, &error).entry(row).at(path));
        }
        _ => {}
    }
}

/// The certificates of the key of a generation by the trusted generations of its root.
fn crosses(
    store: &Path,
    view: &View,
    ca: &Ca,
    row: &Entry,
    generation: &CaGeneration,
    problems: &mut Vec<Problem>,
) -> Result<()> {
    if ca.is_root() {
        return Ok(());
    }
    let Ok(there) = generation.crosses() else { return Ok(()) };
    let mut fingerprints: Vec<[u8; 32]> = there.iter().map(|(_, cross)| cross.fingerprint()).collect();
    fingerprints.extend(generation.certificates.first().map(Certificate::fingerprint));
    let roots = view.trusted_generations(&ca.root().name())?;
    let in_store = ca.root().trusted(store).unwrap_or_default();
    let has_root = |number| !view.is_shared() || in_store.iter().any(|one| one.number == number);
    for cross in cross_generations(view, ca, row.generation())?.iter().chain([row]) {
        let root = roots.iter().find(|root| Some(root.generation()) == cross.issuer_generation);
        let (Some(fingerprint), Some(root)) = (cross.fingerprint, root) else { continue };
        if cross.issuer != ca.root().name() || fingerprints.contains(&fingerprint) {
            continue;
        }
        let number = root.generation().number();
        // A station that shares the ledger has the present path alone.
        if !has_root(number) {
            continue;
        }
        let what = format!(
            "the certificate of generation {} by generation {number} of {} is lost: restore the file from a backup; peers \
             that trust that root alone have no path to it",
            row.generation(),
            ca.root()
        );
        problems.push(missing(what, row).at(generation.dir.join(format!("cross-{number}.pem"))));
    }
    Ok(())
}

fn missing(what: String, row: &Entry) -> Problem {
    Problem::new(ProblemKind::Missing, what).entry(row)
}
