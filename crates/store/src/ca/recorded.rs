//! Entering the CAs of a store into a ledger that has lost them, with every generation that is in the files.

use std::path::Path;

use base::Result;
use ledger::{
    CrossParameters, Entry, Generation, Key, Kind, KnownIdentity, NewIdentity, OpenStep, Origin, Parameters, Role,
    SerialNumber, Transaction, View, cross_name,
};
use pki::Certificate;
use pki::profile::Profile;

use super::Ca;
use super::generations::{CaGeneration, PlacedGeneration, placed};
use crate::store::issued_record::issued_record;

/// A certificate of the key of a generation.
struct OfKey {
    certificate: Certificate,
    /// The name of its issuer in the ledger.
    issuer: String,
    /// The number of the generation of the root that issued it; `None` if it is unknown.
    by: Option<u32>,
}

/// Whether a CA of the store has more than its first certificate: it was replaced, or its root was.
///
/// # Errors
/// Those of reading the files.
pub fn was_rolled_over(store: &Path, ca: &Ca) -> Result<bool> {
    let all = placed(store, &ca.name())?;
    let [one] = all.as_slice() else { return Ok(!all.is_empty()) };
    let is_first = one.generation.number == 1 && one.role == Role::Current;
    Ok(!is_first || !one.generation.crosses()?.is_empty())
}

/// Enters the generations of a CA that are in the store and not in the ledger, and the certificates of their keys by other
/// generations of the root, and gives those that the ledger has the roles that the places of their files show. The root
/// is entered before the CAs below it. May be repeated.
///
/// # Errors
/// Those of the ledger and of reading the files.
pub fn record_generations(transaction: &Transaction<'_>, store: &Path, ca: &Ca) -> Result<()> {
    let roots = if ca.is_root() { Vec::new() } else { placed(store, &ca.root().name())? };
    let all = placed(store, &ca.name())?;
    for one in &all {
        let mut certificates = certificates_of(ca, &one.generation, &roots)?;
        if certificates.is_empty() {
            continue;
        }
        let own = certificates.remove(0);
        let mut known: Vec<&Certificate> = vec![&own.certificate];
        known.extend(certificates.iter().map(|cross| &cross.certificate));
        match row_of(transaction, ca, &known)? {
            // It signed since the ledger was copied. Those behind it supersede it.
            Some(row) if row.role == Role::Pending && one.role != Role::Pending => transaction.promote(&row.key)?,
            Some(_) => {}
            None => {
                let number = one.generation.number;
                let is_taken = |row: &Entry| {
                    row.generation().number() == number && !matches!(row.role, Role::Intended | Role::Void)
                };
                // Another generation of this number was made with an older ledger: a check reports the difference.
                if transaction.history(Kind::Ca, &ca.name())?.iter().any(is_taken) {
                    continue;
                }
                let role = if one.role == Role::Revoked { Role::Superseded } else { one.role };
                let parameters = Parameters::of(&own.certificate.subject())?;
                let mut known = known_ca(transaction, ca, ca.name(), &own, parameters, role)?;
                if number == 1 {
                    // As `init` enters it.
                    known.issued.credentials_id = None;
                }
                transaction.record_known_as(&known, Some(number))?;
            }
        }
        for cross in &certificates {
            record_cross(transaction, ca, &one.generation, cross)?;
        }
    }
    all.iter().try_for_each(|one| take_out(transaction, ca, one))
}

/// Gives a generation that is out of service its role.
fn take_out(transaction: &Transaction<'_>, ca: &Ca, one: &PlacedGeneration) -> Result<()> {
    let Some(row) = row_of(transaction, ca, &[one.generation.certificate()?])? else { return Ok(()) };
    match (one.role, row.role) {
        (Role::Retired, Role::Superseded) => transaction.retire(&row.key),
        (Role::Revoked, role) if role.can_be_revoked() => {
            // A root is on no list.
            let steps: &[OpenStep] = if ca.is_root() { &[] } else { &[OpenStep::List] };
            transaction.revoke(&row.key, None, steps).map(drop)
        }
        _ => Ok(()),
    }
}

/// The certificates of the key of a generation: the first is the one that it was made with.
fn certificates_of(ca: &Ca, generation: &CaGeneration, roots: &[PlacedGeneration]) -> Result<Vec<OfKey>> {
    let own = generation.certificate()?.clone();
    let is_above = |root: &&PlacedGeneration| {
        let last = generation.certificates.last();
        last.zip(root.generation.certificate().ok()).is_some_and(|(last, root)| last.verify_signed_by(root).is_ok())
    };
    let by = roots.iter().find(is_above).map(|root| root.generation.number);
    let mut all = vec![OfKey { certificate: own, issuer: issuer_name(ca, &generation.certificates), by }];
    let root = ca.root().name();
    let crosses = generation.crosses()?.into_iter();
    all.extend(crosses.map(|(by, certificate)| OfKey { certificate, issuer: root.clone(), by: Some(by) }));
    // The others were made later, or together with it by a later root.
    all.sort_by_key(|one| (one.certificate.not_before(), one.by));
    // `activate` copies the certificate of the root that signs to `cert.pem`; interrupted, it is in both files.
    all.dedup_by_key(|one| one.certificate.fingerprint());
    Ok(all)
}

/// The row of a generation of a CA that has one of these certificates.
fn row_of(view: &View, ca: &Ca, certificates: &[&Certificate]) -> Result<Option<Entry>> {
    let is_it = |row: &Entry| certificates.iter().any(|one| row.fingerprint == Some(one.fingerprint()));
    if let Some(row) = view.history(Kind::Ca, &ca.name())?.into_iter().find(is_it) {
        return Ok(Some(row));
    }
    // Its own certificate can be gone: that by a retired root is removed.
    let crosses = view.history(Kind::Ca, &cross_name(&ca.name()))?;
    let Some(cross) = crosses.iter().find(|row| is_it(row)) else { return Ok(None) };
    let Some(parameters) = CrossParameters::of_row(cross)? else { return Ok(None) };
    Ok(view.history(Kind::Ca, &ca.name())?.into_iter().find(|row| row.generation() == parameters.generation()))
}

fn record_cross(transaction: &Transaction<'_>, ca: &Ca, generation: &CaGeneration, cross: &OfKey) -> Result<()> {
    let name = cross_name(&ca.name());
    let is_it = |row: &Entry| row.fingerprint == Some(cross.certificate.fingerprint());
    let of_ca = transaction.history(Kind::Ca, &ca.name())?;
    if of_ca.iter().chain(&transaction.history(Kind::Ca, &name)?).any(is_it) {
        return Ok(());
    }
    let parameters = CrossParameters { of: generation.number, by: cross.by }.to_parameters()?;
    let known = known_ca(transaction, ca, name, cross, parameters, Role::Current)?;
    let _: Key = transaction.record_known(&known)?;
    Ok(())
}

fn known_ca(
    view: &View,
    ca: &Ca,
    name: String,
    own: &OfKey,
    parameters: Parameters,
    role: Role,
) -> Result<KnownIdentity> {
    let certificate = &own.certificate;
    Ok(KnownIdentity {
        identity: new_identity(ca, name, certificate, own.issuer.clone(), parameters)?,
        issued: issued_record(certificate),
        role,
        issuer_generation: root_generation(view, ca, own.by.filter(|_| own.issuer == ca.root().name()))?,
        // The certificate does not show when it was entered; its beginning is the nearest to that.
        issued_at: certificate.not_before(),
        origin: Origin::Repaired,
        job: None,
        station: None,
        revocation: None,
    })
}

/// The issuer of a CA in the ledger, from its certificate and those between it and the root: the root of the store, or the
/// name of an intermediate CA (RFC 4514), which is above imported CAs alone. Each of the two has serial numbers of its own.
pub fn issuer_name(ca: &Ca, certificates: &[Certificate]) -> String {
    match certificates {
        [own, above, ..] if !above.is_root() => own.issuer(),
        _ => ca.root().name(),
    }
}

/// A certificate of a CA as the ledger records it, with the name of its issuer there.
///
/// # Errors
/// Those of the serial number.
pub fn new_identity(
    ca: &Ca,
    name: String,
    certificate: &Certificate,
    issuer: String,
    parameters: Parameters,
) -> Result<NewIdentity> {
    Ok(NewIdentity {
        kind: Kind::Ca,
        name,
        serial: SerialNumber::new(certificate.serial())?,
        profile: if ca.is_root() { Profile::Root } else { Profile::IssuingCa }.name().to_owned(),
        algorithm: certificate.algorithm_name(),
        parameters,
        issuer,
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
    })
}

/// The generation of the root with a number, as the ledger has it.
fn root_generation(view: &View, ca: &Ca, number: Option<u32>) -> Result<Option<Generation>> {
    let rows = if ca.is_root() { Vec::new() } else { view.history(Kind::Ca, &ca.root().name())? };
    Ok(rows.iter().map(Entry::generation).find(|generation| Some(generation.number()) == number))
}
