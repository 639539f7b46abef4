//! The CAs of a store, by which certificates are told from those of others.

use std::path::Path;

use base::Result;
use base::file::{self, BulkDir};
use ledger::{
    Filter, Generation, IssuedRecord, Kind, KnownIdentity, NewIdentity, Origin, Parameters, Role, SerialNumber, View,
};
use pki::Certificate;
use pki::pem_bundle::PemBundle;
use pki::profile::Profile;
use store::ca::Ca;
use store::{FILE_LIMIT, SELF, Store, Workspace};

/// A CA that issues: its name in the ledger, and a certificate of it.
pub(in crate::lifecycle::upkeep) struct KnownCa {
    name: String,
    certificate: Certificate,
    generation: Option<Generation>,
}

/// Who issued a certificate.
pub(in crate::lifecycle::upkeep) struct IssuedBy {
    /// The name in the ledger.
    pub(in crate::lifecycle::upkeep) name: String,
    /// The fingerprint, as parameters have it.
    pub(in crate::lifecycle::upkeep) fingerprint: String,
    pub(in crate::lifecycle::upkeep) generation: Option<Generation>,
}

/// The CAs of a store.
pub(in crate::lifecycle::upkeep) struct Issuers(Vec<KnownCa>);

impl Issuers {
    /// Finds the CAs, and records those of profiles that the ledger does not have.
    ///
    /// # Errors
    /// Those of the ledger and of the disk.
    pub(in crate::lifecycle::upkeep) fn record(workspace: &Workspace<'_>, store: &mut Store) -> Result<Self> {
        let dir = workspace.store_dir().to_owned();
        for ca in cas_in(&dir)? {
            if let Ca::Profile(_) = &ca {
                record_profile(store, &ca)?;
            }
        }
        Self::of_store(&dir, &store.ledger)
    }

    /// Finds the CAs. Nothing is written.
    ///
    /// # Errors
    /// Those of the ledger and of the disk.
    pub(in crate::lifecycle::upkeep) fn of_store(store: &Path, view: &View) -> Result<Self> {
        let mut cas = Vec::new();
        for ca in cas_in(store)? {
            for certificate in certificates_in(&ca.dir(store))? {
                cas.push(KnownCa { name: ca.name(), certificate, generation: None });
            }
        }
        for ca in &mut cas {
            ca.generation = generation_of(view, ca)?;
        }
        Ok(Self(cas))
    }

    /// The issuer of a certificate; none if it is not one of this store.
    ///
    /// # Errors
    /// Those of the certificate.
    pub(in crate::lifecycle::upkeep) fn of(&self, leaf: &Certificate) -> Result<Option<IssuedBy>> {
        // Both: a name that issues itself may have another key behind it, as after a change of the CA's key.
        if leaf.is_self_issued() && leaf.is_self_signed() {
            return Ok(Some(IssuedBy { name: SELF.to_owned(), fingerprint: SELF.to_owned(), generation: None }));
        }
        let mut named = self.0.iter().filter(|ca| leaf.names_as_issuer(&ca.certificate));
        // By the signature, since generations and CAs of other stores may have one name.
        let ca = named.find(|ca| leaf.verify_signed_by(&ca.certificate).is_ok());
        Ok(ca.map(|ca| IssuedBy {
            name: ca.name.clone(),
            fingerprint: ca.certificate.fingerprint_hex(),
            generation: ca.generation,
        }))
    }
}

/// The CAs that have a directory in the store.
pub(super) fn cas_in(store: &Path) -> Result<Vec<Ca>> {
    let mut names = BulkDir::open(store.join("ca"))?.names()?;
    names.sort();
    Ok(names.iter().filter_map(|name| Ca::named(name).filter(|ca| ca.name() == *name)).collect())
}

/// The certificates of a CA: those of earlier generations are in files of their own.
fn certificates_in(dir: &Path) -> Result<Vec<Certificate>> {
    let mut names = BulkDir::open(dir)?.names()?;
    // The present one first.
    names.sort_by_key(|name| (name != "cert.pem", name.clone()));
    let mut certificates = Vec::new();
    // Not only `cert.pem`: what an earlier certificate of the CA has signed is ours, too.
    for name in names.iter().filter(|name| name.contains(".pem") && !name.contains("key")) {
        let path = dir.join(name);
        let bytes = file::read(&path, FILE_LIMIT)?;
        let bundle = PemBundle::parse(&bytes).map_err(|error| error.at(&path))?;
        certificates.extend(bundle.certificates.into_iter().next().filter(Certificate::is_ca));
    }
    Ok(certificates)
}

fn generation_of(view: &View, ca: &KnownCa) -> Result<Option<Generation>> {
    let rows = view.history(Kind::Ca, &ca.name)?;
    let row = rows.into_iter().find(|row| row.fingerprint == Some(ca.certificate.fingerprint()));
    Ok(row.map(|row| row.generation()))
}

/// Records the CA of a profile if the ledger does not have it.
fn record_profile(store: &mut Store, ca: &Ca) -> Result<()> {
    let certificates = ca.certificates(store.dir())?;
    let Some(certificate) = certificates.first() else { return Ok(()) };
    let filter = Filter { kind: Some(Kind::Ca), current_only: true, ..Filter::default() };
    for row in store.ledger.list(&filter) {
        if row?.fingerprint == Some(certificate.fingerprint()) {
            return Ok(());
        }
    }
    let root = store.ledger.current(Kind::Ca, &Ca::DevicesRoot.name())?.map(|root| root.generation());
    match known_ca(store.dir(), ca, root)? {
        Some(known) => store.ledger.transaction(|transaction| transaction.record_known(&known)).map(drop),
        None => Ok(()),
    }
}

/// The row of a CA in the store; `None` without a certificate.
pub(super) fn known_ca(store: &Path, ca: &Ca, root: Option<Generation>) -> Result<Option<KnownIdentity>> {
    let certificates = ca.certificates(store)?;
    let Some(certificate) = certificates.first() else { return Ok(None) };
    Ok(Some(KnownIdentity {
        identity: NewIdentity {
            kind: Kind::Ca,
            name: ca.name(),
            serial: SerialNumber::new(certificate.serial())?,
            profile: if ca.is_root() { Profile::Root } else { Profile::IssuingCa }.name().to_owned(),
            algorithm: certificate.algorithm_name(),
            parameters: Parameters::of(&certificate.subject())?,
            issuer: ca.root().name(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
        },
        issued: IssuedRecord { fingerprint: certificate.fingerprint(), credentials_id: None },
        role: Role::Current,
        issuer_generation: root,
        // The certificate does not show when it was entered; its beginning is the nearest to that.
        issued_at: certificate.not_before(),
        origin: Origin::Repaired,
        job: None,
        revocation: None,
    }))
}
