//! Certificates of the key of an issuing CA by further generations of its root.
//!
//! A chain never contains a root that another root certified: the roots of version 0.1.0 have path length 1. So each
//! root that is trusted certifies the keys of the issuing CAs itself, and a chain has the same length with either.

use base::file::{FileSet, Mode};
use base::{Code, Result};
use ledger::{CrossParameters, Key, Kind, NewIdentity, Role, cross_name};
use pki::Certificate;
use pki::issuer::{Issuer, KeySource, Order};
use pki::key::PublicKey;
use pki::profile::Profile;
use pki::serial::Serial;
use pki::tbs::Contents;
use pki::validity::Validity;
use store::ca::generations::{CaGeneration, cross_file};
use store::ca::{Ca, Hierarchy, KeyLocation};
use store::{Store, Workspace, issued_record};
use time::Duration;

use super::is_of;
use crate::files::output::pem_of;
use crate::report::FileReport;
use crate::request::crl_url;

/// Has every trusted root of a hierarchy certify the key of every trusted issuing CA below it. Roots that were replaced
/// and whose key is not in the store are left out.
///
/// # Errors
/// [`Code::CaUnavailable`] if the key of a root that is prepared is not in the store.
pub(super) fn certify(
    workspace: &mut Workspace<'_>,
    store: &mut Store,
    hierarchy: Hierarchy,
) -> Result<Vec<FileReport>> {
    // First, because the ledger accepts no second intent for a name whose last one is open.
    settle(store, &hierarchy.issuing())?;
    let mut files = Vec::new();
    let root = hierarchy.root();
    for by in root.trusted(store.dir())? {
        for issuing in hierarchy.issuing().trusted(store.dir())? {
            if is_certified_by(&issuing, &by)? {
                continue;
            }
            let is_replaced = role_of(store, &root, by.number)? == Some(Role::Superseded);
            // A replaced root need not have its key any more; the certificates that it has issued stay.
            if is_replaced && by.key_place()? == KeyLocation::Elsewhere {
                continue;
            }
            files.push(sign(workspace, store, &root, &by, &issuing)?);
        }
    }
    Ok(files)
}

/// Whether this generation of the root has certified the key of a CA.
///
/// # Errors
/// Those of reading the files.
pub fn is_certified_by(issuing: &CaGeneration, root: &CaGeneration) -> Result<bool> {
    let root = root.certificate()?;
    // The certificate that is nearest to the root: an imported CA can have others in between.
    let own = issuing.certificates.last().is_some_and(|last| last.verify_signed_by(root).is_ok());
    Ok(own || issuing.crosses()?.iter().any(|(_, cross)| cross.verify_signed_by(root).is_ok()))
}

fn role_of(store: &Store, ca: &Ca, number: u32) -> Result<Option<Role>> {
    let history = store.ledger.history(Kind::Ca, &ca.name())?;
    Ok(history.into_iter().find(|entry| entry.generation().number() == number).map(|entry| entry.role))
}

/// Settles a certificate that was recorded: one that reached the store counts as issued, another is void.
fn settle(store: &mut Store, issuing: &Ca) -> Result<()> {
    let Some(entry) = store.ledger.unfinished_of(Kind::Ca, &cross_name(&issuing.name()))? else { return Ok(()) };
    for generation in issuing.trusted(store.dir())? {
        if let Some((_, cross)) = generation.crosses()?.iter().find(|(_, cross)| is_of(cross, &entry)) {
            return store.ledger.issued(&entry.key, &issued_record(cross));
        }
    }
    store.ledger.void(&entry.key, "interrupted before it was delivered")
}

/// Signs one: recorded, signed, written.
fn sign(
    workspace: &mut Workspace<'_>,
    store: &mut Store,
    root: &Ca,
    by: &CaGeneration,
    issuing: &CaGeneration,
) -> Result<FileReport> {
    let issuer = workspace.open_generation(root, by)?;
    let of = issuing.certificate()?;
    let subject = of
        .subject_name()
        .ok_or_else(|| Code::CertificateUnreadable.error("the subject of the CA cannot be read").item(of.subject()))?;
    let bounds = issuer.period();
    // An hour back, for verifiers whose clocks are slow.
    let now = workspace.now - Duration::HOUR;
    let not_before = bounds.map_or(now, |bounds| bounds.not_before().max(now));
    // No longer than the certificate that it replaces: the key is retired with that.
    let not_after = bounds.map_or(of.not_after(), |bounds| bounds.not_after().min(of.not_after()));
    let key = PublicKey::from_spki_der(of.spki_der())?;
    let permitted = &workspace.config.name_constraints.permitted_dns;
    let is_server = *root == Ca::ServerRoot;
    let order = Order {
        contents: Contents {
            profile: Profile::IssuingCa,
            serial: Serial::random()?,
            validity: Validity::new(not_before, not_after)?,
            subject,
            sans: Vec::new(),
            // The new path must allow the same names as the old one, and no more.
            permitted_dns: if is_server && of.name_constraints().is_some() {
                permitted.iter().map(|domain| domain.as_str().to_owned()).collect()
            } else {
                Vec::new()
            },
            crl_url: crl_url(workspace.config, root),
        },
        key: KeySource::Public(key),
    };
    let generations = store.ledger.history(Kind::Ca, &root.name())?.into_iter().map(|entry| entry.generation());
    let issuer_generation = generations.into_iter().find(|generation| generation.number() == by.number);
    let name = cross_name(&root.hierarchy().issuing().name());
    // The generation is given: this root can be a prepared or a replaced one, and `intend` would record the one that
    // signs now.
    let generation = store.ledger.intend_by(
        &NewIdentity {
            kind: Kind::Ca,
            name: name.clone(),
            serial: ledger::SerialNumber::new(order.contents.serial.octets())?,
            profile: Profile::IssuingCa.name().to_owned(),
            algorithm: of.algorithm_name(),
            parameters: CrossParameters { of: issuing.number, by: Some(by.number) }.to_parameters()?,
            issuer: root.name(),
            not_before: order.contents.validity.not_before(),
            not_after: order.contents.validity.not_after(),
        },
        issuer_generation,
    )?;
    let entry = Key { kind: Kind::Ca, name, generation };
    let delivered = issuer.issue(order).and_then(|made| {
        let cross = made.chain.into_iter().next().ok_or_else(|| Code::Internal.error("no certificate was made"))?;
        // Before it is written: with another name no verifier would find it.
        check_same_name(&cross, of)?;
        let mut set = FileSet::new(&issuing.dir).replacing("old");
        let certificates: Vec<Certificate> = std::iter::once(cross.clone()).collect();
        set.add(cross_file(by.number), pem_of(&certificates).into_bytes(), Mode::Public)?;
        Ok((cross, set.commit()?))
    });
    match delivered {
        Ok((cross, written)) => {
            store.ledger.issued(&entry, &issued_record(&cross))?;
            let written = written.into_iter().next().map(FileReport::from);
            written.ok_or_else(|| Code::Internal.error("a file was not written"))
        }
        Err(error) => {
            store.ledger.void(&entry, &error.to_string())?;
            Err(error)
        }
    }
}

/// Verifiers find the issuer of a leaf by its name, byte by byte.
fn check_same_name(cross: &Certificate, of: &Certificate) -> Result<()> {
    if cross.subject_der() == of.subject_der() {
        return Ok(());
    }
    Err(Code::CertificateUnreadable
        .error("the name of the issuing CA cannot be written as it is")
        .item(of.subject())
        .fix("prepare a new issuing CA first: `tbpki ca prepare` with its name"))
}
