//! From a plan to an identity in its places: what servers and devices have in common.

use std::path::PathBuf;

use ledger::Entry;
use pki::config::{Days, Keystore, Setting};
use pki::file::Ownership;
use pki::identity::Identity;
use pki::issuer::{Issuer, KeySource, Order, SelfSigned};
use pki::keystore;
use pki::profile::Profile;
use pki::{Algorithm, Certificate, Code, Finding, Result, San, Subject};

use crate::identity_files::{Held, IdentityFiles};
use crate::keystore_file::KeystorePlan;
use crate::report::{CertificateReport, Done, FileReport, IdentityReport};
use crate::request::{Request, contents};
use crate::secrets::NewSecret;
use crate::signing_ca::SigningCa;
use crate::station::{Station, firmware_warning};
use crate::store::{self, Store, identity_dir};
use crate::walk::{Destination, Standing, Walk};

/// One identity to be made.
pub(crate) struct Plan<'a, F> {
    pub(crate) walk: Walk<'a, F>,
    /// The verb that holds the store's lock.
    pub(crate) verb: &'static str,
    pub(crate) profile: Profile,
    pub(crate) subject: Subject,
    pub(crate) sans: Vec<San>,
    pub(crate) days: &'a Setting<Days>,
    pub(crate) key: KeySource,
    /// The CA that issues it; none for a self-signed leaf.
    pub(crate) ca: Option<SigningCa>,
    pub(crate) keystore: KeystoreWish<'a>,
    pub(crate) out: Option<Destination>,
    pub(crate) dry_run: bool,
}

/// How keystores are to be made, if any of the files is one.
pub(crate) struct KeystoreWish<'a> {
    pub(crate) settings: &'a Keystore,
    /// The section of keygen.toml.
    pub(crate) section: &'static str,
    /// The trusted entries, each with its alias.
    pub(crate) trusted: Vec<(String, Certificate)>,
}

/// What was made, for those who go on with it.
pub(crate) struct Made {
    pub(crate) report: IdentityReport,
    /// What stands in the ledger; none after a dry run.
    pub(crate) entry: Option<Entry>,
    pub(crate) keystore: Option<KeystorePlan>,
}

/// Where copies go, from a request.
pub(crate) fn destination(out: Option<PathBuf>, ownership: &Ownership) -> Option<Destination> {
    out.map(|dir| Destination { dir, ownership: ownership.clone() })
}

impl<F: IdentityFiles> Plan<'_, F> {
    /// Makes the identity, or says what would be made.
    pub(crate) fn carry_out(mut self, station: &mut Station<'_>) -> Result<Made> {
        self.walk.files.check_key(!matches!(self.key, KeySource::Public(_)))?;
        if self.dry_run {
            return self.dry_run(station);
        }
        let mut store = station.open_store(self.verb)?;
        self.walk.settle(&mut store)?;
        let standing = self.walk.standing(store.dir(), &store.ledger)?;
        let mut findings = Vec::new();
        let (done, identity, mut written, replaces) = match standing {
            Standing::Present(entry) => {
                let identity = self.walk.load(store.dir(), &entry)?;
                let new = self.prepare_keystore(station, &store)?;
                let written = NewSecret::kept_for(new, store.dir(), || self.walk.complete(store.dir(), &identity))?;
                let done = if written.is_empty() { Done::Unchanged } else { Done::Completed };
                (done, identity, written, None)
            }
            Standing::Wanted { replaces } => {
                self.walk.check_targets(store.dir(), replaces.as_deref(), self.out.as_ref())?;
                let issuer = self.open_issuer(station)?;
                let new = self.prepare_keystore(station, &store)?;
                let (order, note) = self.order(station, issuer.as_ref())?;
                findings.extend(note);
                let dir = store.dir().to_owned();
                let (identity, written) = NewSecret::kept_for(new, &dir, || {
                    self.walk.issue(&mut store, issuer.as_ref(), order, replaces.as_deref())
                })?;
                (Done::Issued, identity, written, replaces)
            }
        };
        let dir = identity_dir(store.dir(), self.walk.kind, self.walk.name);
        let mut files: Vec<FileReport> = self.in_store(&dir, &mut written);
        if let Some(out) = &self.out {
            files.extend(self.walk.copy(store.dir(), out, replaces.as_deref())?.into_iter().map(FileReport::from));
        }
        findings.extend(self.findings(&identity, station)?);
        let entry = store.ledger.current(self.walk.kind, self.walk.name)?;
        let report = IdentityReport {
            kind: self.walk.kind.as_str().to_owned(),
            name: self.walk.name.to_owned(),
            done,
            generation: entry.as_ref().map(|entry| entry.generation().number()),
            certificate: Some(CertificateReport::of(Held::of(&identity)?.leaf)),
            names: Held::of(&identity)?.leaf.sans().iter().map(ToString::to_string).collect(),
            files,
            registration: None,
            findings,
        };
        Ok(Made { report, entry, keystore: self.walk.files.keystore().cloned() })
    }

    /// What would happen. The store is only looked at.
    fn dry_run(self, station: &mut Station<'_>) -> Result<Made> {
        let dir = station.store_dir().to_owned();
        let view = store::view(&dir)?;
        let standing = self.walk.standing(&dir, &view)?;
        let mut findings = Vec::new();
        let (done, entry) = match &standing {
            Standing::Present(entry) => (Done::Unchanged, Some(entry.as_ref().clone())),
            Standing::Wanted { replaces } => {
                self.walk.check_targets(&dir, replaces.as_deref(), self.out.as_ref())?;
                let issuer = self.ca.as_ref().map(|ca| ca.check_usable(&dir, station.now)).transpose()?;
                let (subject, sans) = (self.subject.clone(), self.sans.clone());
                findings.extend(contents(self.profile, subject, sans, self.days, issuer, station.now)?.1);
                (Done::Planned, None)
            }
        };
        let places = std::iter::once(identity_dir(&dir, self.walk.kind, self.walk.name))
            .chain(self.out.iter().map(|out| out.dir.clone()));
        let files = places
            .flat_map(|place| self.walk.files.list().into_iter().map(move |file| (place.clone(), file)))
            .map(|(place, file)| FileReport::planned(place.join(self.walk.files.name(file))))
            .collect();
        let report = IdentityReport {
            kind: self.walk.kind.as_str().to_owned(),
            name: self.walk.name.to_owned(),
            done,
            generation: entry.as_ref().map(|entry| entry.generation().number()),
            certificate: None,
            names: self.sans.iter().map(ToString::to_string).collect(),
            files,
            registration: None,
            findings,
        };
        Ok(Made { report, entry: None, keystore: None })
    }

    fn open_issuer(&self, station: &mut Station<'_>) -> Result<Box<dyn Issuer>> {
        Ok(match &self.ca {
            Some(ca) => Box::new(station.open_ca(ca)?),
            None => Box::new(SelfSigned),
        })
    }

    fn order(&mut self, station: &Station<'_>, issuer: &dyn Issuer) -> Result<(Order, Option<Finding>)> {
        let (contents, note) =
            contents(self.profile, self.subject.clone(), self.sans.clone(), self.days, issuer.validity(), station.now)?;
        let key = std::mem::replace(&mut self.key, KeySource::Generate(Algorithm::default()));
        Ok((Order { contents, key }, note))
    }

    /// Fetches or makes the passwords, once it is certain that a keystore will be closed with them.
    fn prepare_keystore(&mut self, station: &mut Station<'_>, store: &Store) -> Result<Option<NewSecret>> {
        let files = &mut self.walk.files;
        if !files.list().into_iter().any(|file| files.keystore_format(file).is_some()) {
            return Ok(None);
        }
        let wish = &self.keystore;
        let name = format!("{}-{}.keystore-password", self.walk.kind, self.walk.name);
        let (passwords, new) = station.secrets.keystore(wish.settings, wish.section, store.dir(), &name)?;
        files.set_keystore(KeystorePlan {
            alias: wish.settings.alias.value.as_str().to_owned(),
            trusted: wish.trusted.clone(),
            passwords,
            created: station.now,
        });
        Ok(new)
    }

    /// The files of the store: those just written, and those that were there.
    fn in_store(&self, dir: &std::path::Path, written: &mut Vec<pki::file::Written>) -> Vec<FileReport> {
        let files = &self.walk.files;
        let mut reports: Vec<FileReport> = written.drain(..).map(FileReport::from).collect();
        for file in files.list() {
            let path = dir.join(files.name(file));
            if !reports.iter().any(|report| report.path == path) {
                reports.push(FileReport::unchanged(path));
            }
        }
        reports
    }

    fn findings(&self, identity: &Identity, station: &mut Station<'_>) -> Result<Vec<Finding>> {
        let mut findings = station.secrets.take_findings();
        let held = Held::of(identity)?;
        let files = &self.walk.files;
        let formats: Vec<_> = files.list().into_iter().filter_map(|file| files.keystore_format(file)).collect();
        if let Some(plan) = files.keystore().filter(|_| !formats.is_empty()) {
            for format in &formats {
                findings.extend(keystore::effective_passwords(*format, &plan.passwords).1);
            }
            if formats.contains(&keystore::Format::Jks) {
                findings.push(keystore::jks_weak());
            }
            findings.extend(held.key().ok().and_then(|key| keystore::algorithm_warning(key.algorithm())));
        }
        findings.extend(held.chain().find_map(firmware_warning));
        Ok(findings)
    }
}

/// The issuer as the ledger keeps it, and its fingerprint as the parameters do.
pub(crate) fn issuer_of(
    station: &Station<'_>,
    request: &Request,
    ca: SigningCa,
) -> Result<(Option<SigningCa>, String)> {
    if request.self_signed {
        return Ok((None, crate::station::SELF.to_owned()));
    }
    let certificates = ca.certificates(station.store_dir())?;
    let certificate =
        certificates.first().ok_or_else(|| Code::CertificateUnreadable.error("the CA has no certificate"))?;
    let fingerprint = certificate.fingerprint_hex();
    Ok((Some(ca), fingerprint))
}
