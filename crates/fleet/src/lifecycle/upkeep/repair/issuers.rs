//! The CAs of a store, by which certificates are told from those of others.

use std::path::Path;

use base::Result;
use base::file::{self, BulkDir};
use ledger::{Filter, Generation, Kind, Ledger, Role, View};
use pki::Certificate;
use pki::pem_bundle::PemBundle;
use store::ca::Ca;
use store::ca::generations::{self, placed};
use store::ca::recorded::record_generations;
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
    /// Finds the CAs, and records the generations that the ledger does not have.
    ///
    /// # Errors
    /// Those of the ledger and of the disk.
    pub(in crate::lifecycle::upkeep) fn record(workspace: &Workspace<'_>, store: &mut Store) -> Result<Self> {
        let dir = workspace.store_dir().to_owned();
        record_cas(&mut store.ledger, &dir)?;
        // The ledger knows the generations by now, so that the numbers in the files can be compared with it.
        generations::settle(&dir, &store.ledger, &store.ledger.cas()?)?;
        Self::of_store(&dir, &store.ledger)
    }

    /// Finds the CAs. Nothing is written.
    ///
    /// # Errors
    /// Those of the ledger and of the disk.
    pub(in crate::lifecycle::upkeep) fn of_store(store: &Path, view: &View) -> Result<Self> {
        let mut cas = Vec::new();
        for ca in cas_in(store)? {
            let name = ca.name();
            let mut placed = placed(store, &name)?;
            // The one that signs first, as it has issued most of them.
            placed.sort_by_key(|one| (one.role != Role::Current, one.generation.number));
            for one in placed {
                let generation = one.generation.row(view, &name)?.map(|row| row.generation());
                let mut certificates: Vec<Certificate> = one.generation.certificates.into_iter().take(1).collect();
                certificates.extend(certificates_in(&one.generation.dir)?);
                cas.extend(certificates.into_iter().map(|certificate| KnownCa {
                    name: name.clone(),
                    certificate,
                    generation,
                }));
            }
        }
        Ok(Self(cas))
    }

    /// The CA of this store that a certificate names as its issuer. The signature is not checked.
    pub(in crate::lifecycle::upkeep) fn named_by(&self, leaf: &Certificate) -> Option<&str> {
        self.0.iter().find(|ca| leaf.names_as_issuer(&ca.certificate)).map(|ca| ca.name.as_str())
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

/// The certificates of all generations of the CAs in a store.
///
/// # Errors
/// Those of the ledger and of the disk.
pub(crate) fn ca_certificates(store: &Path, view: &View) -> Result<Vec<Certificate>> {
    let issuers = Issuers::of_store(store, view)?;
    Ok(issuers.0.into_iter().map(|ca| ca.certificate).collect())
}

/// The CAs that have a directory in the store.
fn cas_in(store: &Path) -> Result<Vec<Ca>> {
    let mut names = BulkDir::open(store.join("ca"))?.names()?;
    names.sort();
    Ok(names.iter().filter_map(|name| Ca::named(name).filter(|ca| ca.name() == *name)).collect())
}

/// The certificates of a generation of a CA: those by other roots, and those that were replaced, are in files of their own.
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

/// Records the CAs of a store, roots before the CAs below them, with every generation that is in the files.
///
/// # Errors
/// Those of the ledger and of reading the files.
pub(super) fn record_cas(ledger: &mut Ledger, store: &Path) -> Result<()> {
    let mut cas = cas_in(store)?;
    cas.sort_by_key(|ca| !ca.is_root());
    ledger.transaction(|transaction| {
        for ca in &cas {
            if !is_recorded_otherwise(transaction, store, ca)? {
                record_generations(transaction, store, ca)?;
            }
        }
        Ok(())
    })
}

/// Whether the CA of a profile is one that the ledger has by another name.
fn is_recorded_otherwise(view: &View, store: &Path, ca: &Ca) -> Result<bool> {
    let Ca::Profile(_) = ca else { return Ok(false) };
    let certificates = ca.certificates(store)?;
    let Some(certificate) = certificates.first() else { return Ok(false) };
    let filter = Filter { kind: Some(Kind::Ca), current_only: true, ..Filter::default() };
    for row in view.list(&filter) {
        let row = row?;
        if row.fingerprint == Some(certificate.fingerprint()) {
            return Ok(row.key.name != ca.name());
        }
    }
    Ok(false)
}
