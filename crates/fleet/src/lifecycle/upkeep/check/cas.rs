//! The CAs of the ledger compared with those of the store.

use std::path::Path;

use base::{Error, Result, file};
use identity::lifecycle::rollover::cross_generations;
use identity::profile_ca;
use ledger::View;
use store::ca::generation_number::{NUMBER_FILE, wrong_number};
use store::ca::{Ca, KeyLocation};

use super::ca_files;
use crate::lifecycle::upkeep::parts::{Problem, ProblemKind};

/// Compares the CAs in use: certificate, key and mode.
///
/// # Errors
/// Those of the ledger.
pub(super) fn check(store: &Path, view: &View, problems: &mut Vec<Problem>) -> Result<()> {
    let rows = view.cas()?;
    for entry in rows.iter().filter(|entry| entry.is_current()) {
        let Some(ca) = Ca::named(&entry.key.name) else { continue };
        let dir = ca.dir(store);
        if view.is_shared() && !dir.exists() {
            // A station that makes devices alone has no CAs of servers.
            continue;
        }
        let problem = |error: &Error| Problem::of_error(ProblemKind::Ca, error).entry(entry).at(&dir);
        let certificates = match ca.certificates(store) {
            Ok(certificates) => certificates,
            Err(error) => {
                problems.push(problem(&error));
                continue;
            }
        };
        let Some(certificate) = certificates.first() else { continue };
        // Once another generation of the root signs, `cert.pem` has the certificate of the same key by that root.
        let fingerprint = Some(certificate.fingerprint());
        let is_cross = || {
            Ok::<_, Error>(
                cross_generations(view, &ca, entry.generation())?.iter().any(|row| row.fingerprint == fingerprint),
            )
        };
        if entry.fingerprint != fingerprint && !is_cross()? {
            let what = "the store has another certificate of this CA than the ledger";
            problems.push(Problem::new(ProblemKind::Ca, what).entry(entry).at(dir.join("cert.pem")));
        }
        match wrong_number(&dir, &entry.key.name, &rows) {
            Ok(None) => {}
            Ok(Some(number)) => {
                let what = format!(
                    "the file does not have the number of the generation that signs, {number}: `tbpki store repair` \
                     writes it"
                );
                problems.push(Problem::new(ProblemKind::Ca, what).entry(entry).at(dir.join(NUMBER_FILE)));
            }
            Err(error) => problems.push(problem(&error)),
        }
        match KeyLocation::of(&dir) {
            Ok(KeyLocation::File(path)) => {
                if let Some(finding) = file::loose_permissions(&path) {
                    problems.push(Problem::new(ProblemKind::Mode, finding.what).entry(entry).at(&path));
                }
                ca_files::compare_key(&path, certificate, entry, problems);
            }
            Ok(KeyLocation::Token { .. } | KeyLocation::Elsewhere) => {}
            Err(error) => problems.push(problem(&error)),
        }
    }
    for ca in profile_ca::all_cas(view)? {
        // A CA without a directory is a difference of the generation that signs, or belongs to another station.
        if ca.dir(store).exists() {
            ca_files::check(store, view, &ca, &rows, problems)?;
        }
    }
    Ok(())
}
