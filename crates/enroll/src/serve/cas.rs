//! The CAs that sign: the devices' issuing CA, and by their labels those of profiles and the servers' issuing CA.

use std::collections::BTreeMap;
use std::path::Path;

use base::{Code, Error, Result, digest};
use identity::lifecycle::enrol::{SERVERS, SignsWith};
use identity::profile_ca::{self, name_pattern::NamePattern};
use identity::request::crl_url;
use ledger::View;
use pki::Certificate;
use pki::certificate::PublicKeyKind;
use pki::device_name::DeviceName;
use pki::issuer::Issuer as _;
use store::Workspace;
use store::ca::{Ca, KeyLocation, OpenCa, generations};
use store::file_names::CERT;

use super::tls::{Version, version};
use crate::est::Refusal;

/// The CAs whose keys are in the store, open.
pub(crate) struct Cas {
    open: BTreeMap<String, ServedCa>,
    /// The CAs that could not be opened the last time, or are revoked, by their names. Nothing is signed by their earlier
    /// certificates, which may have been replaced.
    failed: BTreeMap<String, FailedCa>,
    /// Whether servers can renew their certificates.
    serves_servers: bool,
    /// The base of the addresses of revocation lists.
    crl_url: Option<String>,
}

struct FailedCa {
    refusal: Refusal,
    /// The error, to log it once.
    error: String,
}

impl FailedCa {
    fn of(error: &Error) -> Self {
        let refusal = match error.code() {
            Code::CaRevoked => Refusal::CaRevoked,
            Code::CaNotInLedger => Refusal::CaNotInLedger,
            _ => Refusal::Failed,
        };
        Self { refusal, error: error.to_string() }
    }
}

struct ServedCa {
    ca: OpenCa,
    /// The fingerprint of its certificate, which the parameters of each identity contain.
    fingerprint: String,
    /// SHA-256 over its certificates, to notice that they were replaced.
    version: [u8; 32],
    /// The file of its certificate, before it was read.
    file: Option<Version>,
    pattern: Option<NamePattern>,
    /// Whether one signature takes longer than starting a thread: RSA, and tokens.
    is_slow: bool,
}

impl Cas {
    /// Opens the devices' issuing CA, those of profiles whose keys are here, and with `serve.servers` the servers' issuing CA.
    ///
    /// # Errors
    /// [`Code::CaUnavailable`] if the key of an issuing CA is not here, [`Code::ReservedProfile`] if a profile has the label of
    /// servers, [`Code::CaNotInLedger`], and errors of keys and secrets. A revoked CA is no error: the other CAs go on.
    pub(crate) fn open(workspace: &mut Workspace<'_>) -> Result<Self> {
        let crl_url = crl_url(workspace.config, &Ca::DevicesIssuing);
        let mut cas = Self { open: BTreeMap::new(), failed: BTreeMap::new(), serves_servers: false, crl_url };
        match cas.refresh(workspace, FilesOfCas::Settled)?.into_iter().find(|error| error.code() != Code::CaRevoked) {
            Some(error) => Err(error),
            None => Ok(cas),
        }
    }

    /// Opens CAs that are new, or that have another certificate or pattern than before. Returns the errors of those that
    /// cannot be opened or are revoked, or that the ledger does not have, and logs them once: their devices wait, and those of
    /// the other CAs do not.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(crate) fn refresh(&mut self, workspace: &mut Workspace<'_>, files: FilesOfCas) -> Result<Vec<Error>> {
        let dir = workspace.store_dir().to_owned();
        let mut all = vec![Ca::DevicesIssuing];
        let mut errors = Vec::new();
        let view = workspace.view()?;
        let profiles = profile_ca::names_with_revoked(&view)?;
        if workspace.config.serve.servers.value {
            let is_free = check_label_is_free(&profiles);
            self.serves_servers = is_free.is_ok();
            all.extend(self.serves_servers.then_some(Ca::ServerIssuing));
            if let Err(error) = is_free {
                self.fail(Ca::ServerIssuing.name(), &error);
                errors.push(error);
            }
        }
        all.extend(profiles.into_iter().map(Ca::Profile));
        let mut looked_at = Vec::new();
        for ca in all {
            // One that has failed does not become good because nothing is known of it now.
            let files = if self.failed.contains_key(&ca.name()) { FilesOfCas::Settled } else { files };
            // Another station has the CA, and sees to it.
            let is_here = ca.profile().is_none() || ca.dir(&dir).join(CERT).is_file();
            // Its file is the same as before the revocation, so that nothing else would notice it.
            let is_in_place = if is_here && view.is_revoked_ca(&ca.name())? {
                Err(ledger::ca_revoked(&ca.name()))
            } else {
                is_in_place(&dir, &view, &ca, files)
            };
            looked_at.push((ca, is_in_place));
        }
        drop(view);
        for (ca, is_in_place) in looked_at {
            let name = ca.name();
            let opened = match is_in_place {
                Ok(true) => self.refresh_one(workspace, &ca),
                // It stays as it was: the next batch looks again, under the lock.
                Ok(false) => continue,
                Err(error) => Err(error),
            };
            match opened {
                Ok(()) => {
                    self.failed.remove(&name);
                }
                Err(error) => {
                    self.open.remove(&name);
                    self.fail(name, &error);
                    errors.push(error);
                }
            }
        }
        Ok(errors)
    }

    /// Records that a CA cannot be used.
    fn fail(&mut self, name: String, error: &Error) {
        let failed = FailedCa::of(error);
        // Not each time: this runs every few seconds, for as long as the CA is not replaced.
        if self.failed.get(&name).is_none_or(|before| before.error != failed.error) {
            tracing::error!(%error, "a CA cannot be used: requests for it are refused");
        }
        self.failed.insert(name, failed);
    }

    fn refresh_one(&mut self, workspace: &mut Workspace<'_>, ca: &Ca) -> Result<()> {
        let dir = workspace.store_dir().to_owned();
        let pattern = match ca {
            // Another station can have the CA of a profile. Its label is unknown here, and the other labels go on.
            Ca::Profile(profile) if ca.key_place(&dir)? == KeyLocation::Elsewhere => {
                tracing::debug!(%profile, "the key of the profile's CA is not here");
                return Ok(());
            }
            Ca::Profile(profile) => Some(profile_ca::pattern(&dir, profile)?),
            _ => None,
        };
        let file = version_of(ca, &dir);
        let mut text = Vec::new();
        ca.certificates(&dir)?.iter().for_each(|certificate| text.extend_from_slice(certificate.der()));
        text.extend(pattern.iter().flat_map(|pattern| pattern.to_string().into_bytes()));
        let version = digest::sha256(&text);
        // Opened again only after a change: opening derives a key from the passphrase, which is slow on purpose, and this
        // runs every few seconds.
        if let Some(open) = self.open.get_mut(&ca.name()).filter(|open| open.version == version) {
            open.file = file;
            return Ok(());
        }
        let open = workspace.open_ca(ca).map_err(|error| match ca {
            Ca::ServerIssuing if error.code() == Code::CaUnavailable => error
                .because("[serve] servers renews the certificates of servers with it")
                .fix("run the service where this key is, or without [serve] servers"),
            _ => error,
        })?;
        let is_in_file = matches!(ca.key_place(&dir)?, KeyLocation::File(_));
        let is_slow = !is_in_file || matches!(open.certificate().public_key(), PublicKeyKind::Rsa(_));
        let fingerprint = open.certificate().fingerprint_hex();
        self.open.insert(ca.name(), ServedCa { ca: open, fingerprint, version, file, pattern, is_slow });
        Ok(())
    }

    /// Whether the file of an open CA is another one than when it was read, for example since `tbpki ca activate`. Cheap
    /// enough for every batch.
    pub(crate) fn have_changed(&self, store: &Path) -> bool {
        let is_other =
            |(name, open): (&String, &ServedCa)| Ca::named(name).map(|ca| version_of(&ca, store)) != Some(open.file);
        self.open.iter().any(is_other)
    }

    /// The CA of a label.
    ///
    /// # Errors
    /// [`Refusal::Failed`] if it could not be opened, and [`without_ca`] for a label that has none.
    pub(crate) fn of_label(&self, label: Option<&str>) -> Result<SignsWith<'_>, Refusal> {
        let ca = match label {
            None => Some(Ca::DevicesIssuing),
            Some(SERVERS) if self.serves_servers => Some(Ca::ServerIssuing),
            Some(label) => label.parse().ok().map(Ca::Profile),
        };
        let unknown = || label.map_or(Refusal::Failed, without_ca);
        let name = ca.ok_or_else(unknown)?.name();
        self.of_name(&name).ok_or_else(|| self.failure(&name).unwrap_or_else(unknown))
    }

    /// The CA of this name in the ledger, as an entry has it.
    pub(crate) fn of_name(&self, name: &str) -> Option<SignsWith<'_>> {
        let (name, ca) = self.open.get_key_value(name)?;
        // The lists that are published are those of the devices' CAs.
        let crl_url = self.crl_url.as_deref().filter(|_| *name != Ca::ServerIssuing.name());
        let period = ca.ca.period()?;
        Some(SignsWith { name, certificate: ca.ca.certificate(), period, fingerprint: &ca.fingerprint, crl_url })
    }

    /// Whether one of the CAs takes longer for a signature than a thread takes to start.
    pub(crate) fn sign_slowly(&self) -> bool {
        self.open.values().any(|ca| ca.is_slow)
    }

    /// The refusal of a request for this CA, if it could not be opened the last time.
    pub(crate) fn failure(&self, name: &str) -> Option<Refusal> {
        self.failed.get(name).map(|failed| failed.refusal.clone())
    }

    /// Whether servers can renew their certificates.
    pub(crate) fn serves_servers(&self) -> bool {
        self.serves_servers
    }

    /// Fails unless the expression of the profile finds the name.
    ///
    /// # Errors
    /// [`Code::ProfilePattern`].
    pub(crate) fn check_name(&self, label: &str, device: &DeviceName) -> Result<()> {
        let name: DeviceName = label.parse()?;
        let pattern = self.open.get(&Ca::Profile(name).name()).and_then(|ca| ca.pattern.as_ref());
        pattern.map_or(Ok(()), |pattern| pattern.check_name(device.as_str()))
    }

    /// The CA of this name in the ledger.
    ///
    /// # Errors
    /// [`Code::CaUnavailable`].
    pub(crate) fn issuer(&self, name: &str) -> Result<&OpenCa> {
        let found = self.open.get(name).map(|ca| &ca.ca);
        found.ok_or_else(|| Code::CaUnavailable.error("the key of the CA is not in the store").item(name))
    }

    /// The end of the devices' issuing CA, in Unix seconds.
    pub(crate) fn end(&self) -> Option<i64> {
        self.of_label(None).ok().map(|ca| ca.certificate.not_after().unix_timestamp())
    }
}

/// Whether another verb can be moving the files of CAs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FilesOfCas {
    /// The store was settled, and is locked or was a moment ago.
    Settled,
    /// The ledger is written before the files, and a verb may be between the two.
    InMotion,
}

/// Whether the files of a CA are those of the generation that signs in the ledger. False while a verb is moving them.
///
/// # Errors
/// [`Code::CaNotInLedger`], and those of the ledger and of reading the files.
fn is_in_place(store: &Path, view: &View, ca: &Ca, files: FilesOfCas) -> Result<bool> {
    // What another generation signs would be recorded below the one that the ledger has.
    match (generations::signs_as_recorded(store, view, ca)?, files) {
        (false, FilesOfCas::Settled) => Err(generations::signs_with_other(store, view, ca)?),
        (is_in_place, _) => Ok(is_in_place),
    }
}

fn version_of(ca: &Ca, store: &Path) -> Option<Version> {
    version(&ca.dir(store).join(CERT))
}

/// The refusal for a label without a CA.
pub(crate) fn without_ca(label: &str) -> Refusal {
    if label == SERVERS { Refusal::ServersOff } else { Refusal::UnknownLabel(label.to_owned()) }
}

/// Fails if a profile has the label of servers, as profiles of earlier versions can: its devices would be asked for the
/// other label then.
fn check_label_is_free(profiles: &[DeviceName]) -> Result<()> {
    if profiles.iter().all(|profile| profile.as_str() != SERVERS) {
        return Ok(());
    }
    Err(Code::ReservedProfile
        .error(format!("a profile is called {SERVERS:?}, so that its devices use the label of servers"))
        .fix("run the service without [serve] servers"))
}

/// The certificates that lead from an identity of this label to its root, in all generations that are trusted; in no order.
/// `None` for a label without a CA.
pub(crate) fn hierarchy(store: &Path, label: Option<&str>, serves_servers: bool) -> Result<Option<Vec<Certificate>>> {
    let ca = match label {
        None => Ca::DevicesIssuing,
        Some(SERVERS) if serves_servers => Ca::ServerIssuing,
        Some(label) => match label.parse() {
            Ok(profile) => Ca::Profile(profile),
            Err(_) => return Ok(None),
        },
    };
    if ca.profile().is_some() && !ca.dir(store).join(CERT).is_file() {
        return Ok(None);
    }
    // Each is certified by the root that signs, as soon as that is activated. Answers have no further certificates of the
    // same key by other roots, because the set has no order and clients take the first path that they find.
    let mut certificates: Vec<Certificate> = Vec::new();
    for mut generation in ca.trusted(store)?.into_iter().chain(ca.root().trusted(store)?) {
        certificates.append(&mut generation.certificates);
    }
    Ok(Some(certificates))
}
