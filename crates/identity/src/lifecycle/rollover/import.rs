//! The next generation of a CA from files of its owner: a further certificate of the same key, or of another key below a root
//! that the store trusts.

use std::path::{Path, PathBuf};

use base::file::{self, FileSet, Mode};
use base::{Code, Error, Finding, Result, Secret};
use config::Config;
use ledger::{Entry, Generation, Key, Kind, Parameters};
use pki::chain_period::ChainPeriod;
use pki::key::{PublicKey, is_same_key};
use pki::{Certificate, PrivateKey};
use store::ca::generation_number::{generation_dir, row_with};
use store::ca::generations::check_not_revoked;
use store::ca::key::{KEY_FILE, URI_FILE};
use store::ca::recorded::{issuer_name, new_identity};
use store::ca::{Ca, Hierarchy, KeyLocation, unavailable};
use store::file_names::{CERT, SERVERS_LISTS};
use store::secrets::imported_keystore::AskForImported;
use store::{FILE_LIMIT, KeyAndPassphrase, Store, Workspace};

use super::record_pending;
use super::report::RolloverReport;
use super::shared_name::shares_name;
use crate::files::output::{into_bytes, pem_of};
use crate::init::encode_key;
use crate::init::hierarchy::{check_serials, tried};
use crate::init::imported_ca::ImportedCa;
use crate::lifecycle::revocation_lists::devices_file;
use crate::report::{CertificateReport, FileReport};

/// The next generation before it is written.
pub(super) struct NextCa {
    /// The certificate, and behind it those between it and the root; for a root itself.
    certificates: Vec<Certificate>,
    /// The certificate of the root that certified it; `None` for a root.
    root: Option<Certificate>,
    /// The private key of the files; `None` for the key that the CA has.
    key: Option<PrivateKey>,
    /// What encrypts it.
    passphrase: Option<Secret>,
}

/// Reads the files of the next generation of a CA, in any order: its certificate, those above it, and its key if that is
/// another one. Certificates of roots that the store trusts can be left out.
///
/// # Errors
/// [`Code::CaNotImportable`] for the CA of a profile; those of [`ImportedCa::read`].
pub fn read(workspace: &Workspace<'_>, ca: &Ca, paths: &[PathBuf], ask: &mut AskForImported<'_>) -> Result<ImportedCa> {
    if ca.profile().is_some() {
        return Err(
            refused(ca, "tbpki makes the CAs of profiles itself").fix(format!("run `tbpki ca prepare {}`", ca.word()))
        );
    }
    let store = workspace.store_dir();
    let certificates = ca.certificates(store)?;
    let present = certificates.first().ok_or_else(|| Code::CertificateUnreadable.error("the CA has no certificate"))?;
    let mut paths = paths.to_vec();
    if !ca.is_root() {
        paths.extend(ca.root().trusted(store)?.into_iter().map(|root| root.dir.join(CERT)));
    }
    // Without a key in the files, the certificate is a further one of the present key.
    ImportedCa::read(&paths, ask, workspace.now, Some(&PublicKey::from_spki_der(present.spki_der())?))
}

fn refused(ca: &Ca, why: &str) -> Error {
    Code::CaNotImportable.error(format!("the files are not a next generation of {ca}")).because(why)
}

/// Checks the next generation: a leaf below it is made and verified in memory.
///
/// # Errors
/// [`Code::CaNotImportable`], [`Code::SharedCaName`] in a store that publishes revocation lists, and the reason for which what
/// it issues would be refused.
pub(super) fn check(
    workspace: &mut Workspace<'_>,
    store: &Store,
    ca: &Ca,
    imported: ImportedCa,
    findings: &mut Vec<Finding>,
) -> Result<NextCa> {
    let dir = ca.dir(store.dir());
    let certificates = ca.certificates(store.dir())?;
    let present = certificates.first().ok_or_else(|| Code::CertificateUnreadable.error("the CA has no certificate"))?;
    let mut chains = Vec::new();
    for chain in imported.chains {
        let Some(own) = chain.first() else { continue };
        // The files may have the present certificate, too.
        if row_with(&store.ledger, &ca.name(), own)?.is_none() {
            chains.push(chain);
        }
    }
    if chains.is_empty() {
        return Err(refused(ca, "the store has this certificate already").fix("name the file with the new certificate"));
    }
    chains.retain(|chain| (chain.len() == 1) == ca.is_root());
    let Some(first) = chains.first().and_then(|chain| chain.first()) else {
        let why =
            if ca.is_root() { "the certificate is not that of a root" } else { "the certificate is that of a root" };
        return Err(
            refused(ca, why).fix("`tbpki ca list` shows the CAs of the store: name the one that the files belong to")
        );
    };
    let is_same = is_same_key(first.spki_der(), present.spki_der());
    if is_same {
        // A key that others can know must not come back under another certificate.
        check_not_revoked(&dir)?;
    } else if ca.is_root() {
        return Err(refused(ca, "a root with another key has not certified the issuing CA of this store").fix(
            "take a certificate of the same key from its owner; for another root, make a store of its own with `tbpki init`",
        ));
    } else if shares_name(store.dir(), ca, first)? {
        let same_name = format!("two keys of {ca} have the same name, {}", first.subject());
        let fix = "ask the owner of the CA for a certificate with another subject";
        // The next lists would fail, and with them every revocation.
        if publishes_lists(workspace.config, store.dir(), ca) {
            let why = "this store writes revocation lists, and verifiers find them by the name of the CA";
            return Err(Code::SharedCaName.error(same_name).because(why).fix(fix));
        }
        findings.push(
            Code::SharedCaName
                .warning(same_name)
                .because("verifiers find revocation lists by the name, and `tbpki crl` writes none for two such keys")
                .fix(fix),
        );
    }
    if ca.is_root() {
        let certificates: Vec<Certificate> = chains.into_iter().next().unwrap_or_default();
        ChainPeriod::of(&certificates)?.check_issuing(workspace.now)?;
        return Ok(NextCa { certificates, root: None, key: None, passphrase: None });
    }
    let roots: Vec<Certificate> = ca.root().trusted_certificates(store.dir())?;
    chains.retain(|chain| chain.last().is_some_and(|root| roots.iter().any(|one| one.der() == root.der())));
    if chains.is_empty() {
        return Err(refused(ca, "their root is not one that this store trusts").fix(format!(
            "if the root has a new certificate for the same key, run `tbpki ca prepare {} --import FILE` first",
            ca.root().word()
        )));
    }
    // The passphrase of the present key encrypts the next one.
    let KeyAndPassphrase { key: present_key, passphrase } = workspace.open_key_with_passphrase(ca)?;
    let hierarchy = ca.hierarchy();
    let ((mut chain, warnings), key) = match (is_same, imported.key) {
        (false, Some(key)) => (tried(workspace.config, hierarchy, &chains, &key, workspace.now)?, Some(key)),
        (false, None) => return Err(Code::Internal.error("another CA without its key")),
        (true, _) => {
            let key = present_key.ok_or_else(|| unavailable(&dir.join(KEY_FILE), ca))?;
            (tried(workspace.config, hierarchy, &chains, &key, workspace.now)?, None)
        }
    };
    findings.extend(warnings);
    ChainPeriod::of(&chain)?.check_issuing(workspace.now)?;
    let root = chain.pop().ok_or_else(|| Code::Internal.error("a chain without a root"))?;
    check_serials(&root, &chain)?;
    Ok(NextCa { certificates: chain, root: Some(root), key, passphrase })
}

/// Whether lists of the hierarchy are published, or are to be.
fn publishes_lists(config: &Config, store: &Path, ca: &Ca) -> bool {
    match ca.hierarchy() {
        Hierarchy::Devices => config.crl.out.value.is_some() || devices_file(config, store).exists(),
        Hierarchy::Server => store.join(SERVERS_LISTS).exists(),
    }
}

/// Records and writes the next generation.
///
/// # Errors
/// Those of the ledger and of the disk. Its number is void then.
pub(super) fn write(store: &mut Store, ca: &Ca, next: &NextCa, report: &mut RolloverReport) -> Result<Entry> {
    let certificate = next.certificate()?;
    let parameters = Parameters::of(&certificate.subject())?;
    let issuer = issuer_name(ca, &next.certificates);
    let by = match &next.root {
        Some(root) if issuer == ca.root().name() => row_with(&store.ledger, &ca.root().name(), root)?,
        _ => None,
    };
    let identity = new_identity(ca, ca.name(), certificate, issuer, parameters)?;
    let generation = store.ledger.intend_by(&identity, by.map(|row| row.generation()))?;
    let key = Key { kind: Kind::Ca, name: ca.name(), generation };
    let delivered = deliver(store, ca, generation, next).map(|files| (certificate.clone(), files));
    record_pending(store, &key, delivered, report)
}

impl NextCa {
    fn certificate(&self) -> Result<&Certificate> {
        self.certificates.first().ok_or_else(|| Code::Internal.error("a CA without a certificate"))
    }

    /// Its certificate, for a report.
    pub(super) fn report(&self) -> Result<CertificateReport> {
        self.certificate().map(CertificateReport::of)
    }
}

fn deliver(store: &Store, ca: &Ca, generation: Generation, next: &NextCa) -> Result<Vec<FileReport>> {
    let (from, dir) = (ca.dir(store.dir()), generation_dir(generation.number()));
    let mut set = FileSet::new(&from);
    match (&next.key, KeyLocation::of(&from)?) {
        (Some(key), _) => {
            let pem = encode_key(key, next.passphrase.as_ref())?;
            set.add(format!("{dir}/{KEY_FILE}"), into_bytes(pem), Mode::Private)?;
        }
        // The same key, as it is: encrypted with its passphrase, or in its token.
        (None, KeyLocation::File(path)) => {
            set.add(format!("{dir}/{KEY_FILE}"), file::read_secret(&path, FILE_LIMIT)?, Mode::Private)?;
        }
        (None, KeyLocation::Token(_)) => {
            set.add(format!("{dir}/{URI_FILE}"), file::read(from.join(URI_FILE), FILE_LIMIT)?.to_vec(), Mode::Public)?;
        }
        (None, KeyLocation::Elsewhere) => {}
    }
    set.add(format!("{dir}/{CERT}"), pem_of(&next.certificates).into_bytes(), Mode::Public)?;
    Ok(set.commit()?.into_iter().map(FileReport::from).collect())
}
