//! A station bundle: what another machine needs to issue devices, and nothing that would let it do more.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use base::file::{self, FileSet, Mode};
use base::{Code, Finding, Result, Secret};
use config::{Anchors, Answers, Config, SecretRef, key};
use pki::key::PBKDF2_ROUNDS;
use pki::{Certificate, PrivateKey};
use schemars::JsonSchema;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::broker::broker;
use crate::files::output::{into_bytes, pem_of};
use crate::init::root_out::check_outside;
use crate::report::{CertificateReport, FileReport};
use store::Workspace;
use store::ca::generation_number::{NUMBER_FILE, generation_dir, row_with, signing_number};
use store::ca::generations::check_not_revoked;
use store::ca::key::{KEY_FILE, KeyLocation, URI_FILE, open_key};
use store::ca::{Ca, unavailable};
use store::file_names::CERT;
use store::secrets::CaSecret;
use store::{FILE_LIMIT, Store};

/// The directory of the store, next to the bundle's keygen.toml: the default of `store`.
const STORE: &str = "pki";
/// The settings of the station.
const SETTINGS: &str = "keygen.toml";
/// The file with the trust anchors of clients, if they are not our root alone.
const ANCHORS: &str = "server-anchors.pem";
/// The roots of the platform's REST API, where they were named.
const PLATFORM_CA: &str = "platform-ca.pem";
/// The file with the roots that verify the ledger's server.
const LEDGER_CA: &str = "ledger-ca.pem";

/// A request for a station bundle.
#[derive(Debug)]
pub struct StationBundleRequest {
    /// The directory of the bundle.
    pub out: PathBuf,
    /// Replace the files of an earlier bundle of the same CA.
    pub force: bool,
    /// Say what would happen and write nothing.
    pub dry_run: bool,
}

/// The written station bundle.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StationBundleReport {
    /// The directory of the bundle.
    pub station_bundle: PathBuf,
    /// The CA that the station issues with.
    pub certificate: CertificateReport,
    /// The place of its key.
    pub key: StationKey,
    /// The PKCS#11 URI of the key, where a token keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_uri: Option<String>,
    /// Every file.
    pub files: Vec<FileReport>,
    /// The keys of keygen.toml whose secrets are not in the bundle: the station has to bring them.
    pub secrets_to_bring: Vec<String>,
    /// Warnings and hints.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// The place of the key of a bundle, as the report names it. Not a `KeyLocation`: a bundle without a key is refused, and
/// the report contains neither a key nor its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StationKey {
    /// In the bundle, encrypted with the passphrase that was given.
    Encrypted,
    /// In a token, which the station needs.
    Token,
}

/// The key file on its way into the bundle.
enum CarriedKey {
    Encrypted {
        pem: Zeroizing<String>,
        passphrase: Secret,
    },
    /// The bundle has an encrypted key already, for example of an interrupted run.
    Present(Zeroizing<Vec<u8>>),
    Planned,
}

/// Writes the bundle of a station that issues devices. `passphrase` is asked for the one that the key gets there.
///
/// # Errors
/// [`Code::CaUnavailable`] where the key is not here, [`Code::TargetExists`] for what is in the way,
/// [`Code::StoreExists`] where the bundle would go over the store of another CA, and what the key, its passphrase and the
/// disk can be wrong about.
pub fn export_devices(
    workspace: &mut Workspace<'_>,
    request: &StationBundleRequest,
    passphrase: &mut dyn FnMut() -> Result<Secret>,
) -> Result<StationBundleReport> {
    let store = workspace.store_dir().to_owned();
    store::check_exists(&store)?;
    check_outside(&store, &request.out, "--out")?;
    let ca = Ca::DevicesIssuing;
    check_not_revoked(&ca.dir(&store))?;
    let chain = ca.certificates(&store)?;
    let certificate = chain.first().ok_or_else(|| Code::CertificateUnreadable.error("the CA has no certificate"))?;
    // Before any question: a bundle of another CA in this place would end the command anyway.
    let earlier = earlier_generation(workspace, &request.out, certificate)?;
    let (mut answers, mut secrets_to_bring, mut findings) = settings(workspace.config)?;
    let place = ca.key_place(&store)?;
    // Obstacles are found before the user is asked for a passphrase.
    if let KeyLocation::File(_) = place {
        answers.set(key::ca::passphrase, SecretRef::Prompt)?;
    }
    name_broker(workspace, &mut answers)?;
    if workspace.config.ledger.url.value.is_none() {
        // Two stores would publish lists of one CA, and each without the revocations of the other.
        answers.set(key::crl::write, false)?;
    }
    let mut public = public_files(workspace, &mut answers)?;
    let superseded = superseded(&store)?;
    public.extend(superseded.iter().map(|(number, certificates)| {
        (format!("{STORE}/ca/{ca}/{}/{CERT}", generation_dir(*number)), pem_of(certificates).into_bytes())
    }));
    // The station goes on to write the lists of what it has issued below the earlier generation.
    let earlier = earlier.filter(|number| superseded.iter().any(|(other, _)| other == number));
    let planned = match &place {
        KeyLocation::File(_) => KeyLocation::File(match present_key(request)? {
            Some(bytes) => CarriedKey::Present(bytes),
            None => CarriedKey::Planned,
        }),
        KeyLocation::Token(uri) => KeyLocation::Token(uri.clone()),
        KeyLocation::Elsewhere => return Err(unavailable(&ca.key_path(&store), &ca)),
    };
    let expected = file_set(request, certificate, (&planned, earlier), &public, &answers)?;
    let mut report = StationBundleReport {
        station_bundle: request.out.clone(),
        certificate: CertificateReport::of(certificate),
        key: StationKey::Encrypted,
        key_uri: None,
        files: expected.check()?.into_iter().map(|written| FileReport::planned(written.path)).collect(),
        secrets_to_bring: Vec::new(),
        findings: Vec::new(),
    };
    if let KeyLocation::Token(uri) = &planned {
        (report.key, report.key_uri) = (StationKey::Token, Some(uri.to_string()));
    }
    report.secrets_to_bring.append(&mut secrets_to_bring);
    report.findings.append(&mut findings);
    let kept = kept_settings(request)?;
    report.findings.extend(kept.and_then(|kept| about_kept(request, &kept, &answers)));
    if request.dry_run {
        return Ok(report);
    }
    let carried = match (place, planned) {
        (_, KeyLocation::File(CarriedKey::Present(bytes))) => {
            check_opens(&bytes, request, certificate, &passphrase()?)?;
            KeyLocation::File(CarriedKey::Present(bytes))
        }
        (KeyLocation::File(path), _) => KeyLocation::File(carried_file(workspace, &path, certificate, passphrase)?),
        (KeyLocation::Token(_) | KeyLocation::Elsewhere, planned) => planned,
    };
    let set = file_set(request, certificate, (&carried, earlier), &public, &answers)?;
    report.files = set.commit()?.into_iter().map(FileReport::from).collect();
    // The station cannot ask again: a key that does not open there is found here, while the original is at hand.
    read_back(&request.out.join(STORE), &carried, certificate)?;
    // Opening records the CAs in the bundle's ledger, as after `init`.
    drop(Store::open(&workspace.location.moved_to(request.out.join(STORE)), "ca export")?);
    Ok(report)
}

/// The key of a file, encrypted again for the station.
fn carried_file(
    workspace: &mut Workspace<'_>,
    path: &Path,
    certificate: &Certificate,
    passphrase: &mut dyn FnMut() -> Result<Secret>,
) -> Result<CarriedKey> {
    let bytes = file::read(path, FILE_LIMIT)?;
    let settings = &workspace.config.ca;
    let secrets = &mut workspace.secrets;
    let mut ask = |again| secrets.of_ca(settings, if again { CaSecret::PassphraseAgain } else { CaSecret::Passphrase });
    let key = open_key(&bytes, &mut ask).map_err(|error| error.at(path))?;
    key.check_belongs_to(certificate.spki_der()).map_err(|error| error.at(path))?;
    let passphrase = passphrase()?;
    Ok(CarriedKey::Encrypted { pem: key.to_encrypted_pem(&passphrase, PBKDF2_ROUNDS)?, passphrase })
}

/// The key that the bundle has already; `None` if there is none, or it is to be replaced.
fn present_key(request: &StationBundleRequest) -> Result<Option<Zeroizing<Vec<u8>>>> {
    if request.force {
        return Ok(None);
    }
    file::read_optional(Ca::DevicesIssuing.key_path(&request.out.join(STORE)), FILE_LIMIT)
}

/// Fails unless the key that the bundle has is the CA's and opens with the passphrase: then the bundle is finished as it is.
fn check_opens(
    present: &[u8],
    request: &StationBundleRequest,
    certificate: &Certificate,
    passphrase: &Secret,
) -> Result<()> {
    let key = PrivateKey::from_pem_or_der(present, Some(passphrase));
    key.and_then(|key| key.check_belongs_to(certificate.spki_der())).map_err(|error| {
        Code::TargetExists
            .error("the bundle has a key already, which this passphrase does not open")
            .caused_by(error)
            .at(Ca::DevicesIssuing.key_path(&request.out.join(STORE)))
            .fix("give the passphrase of that bundle, or replace the bundle with --force")
    })
}

/// Opens the key in the bundle as the station will.
fn read_back(store: &Path, carried: &KeyLocation<CarriedKey>, certificate: &Certificate) -> Result<()> {
    let KeyLocation::File(CarriedKey::Encrypted { passphrase, .. }) = carried else { return Ok(()) };
    let path = Ca::DevicesIssuing.key_path(store);
    let bytes = file::read_secret(&path, FILE_LIMIT)?;
    let key = PrivateKey::from_pem_or_der(&bytes, Some(passphrase));
    key.and_then(|key| key.check_belongs_to(certificate.spki_der())).map_err(|error| error.at(&path))
}

/// The files that everybody may read: certificates, and what clients and the platform's callers trust.
fn public_files(workspace: &Workspace<'_>, answers: &mut Answers) -> Result<Vec<(String, Vec<u8>)>> {
    let store = workspace.store_dir();
    let mut files = Vec::new();
    for name in Ca::OF_INIT {
        let certificates = name.certificates(store)?;
        files.push((format!("{STORE}/ca/{name}/cert.pem"), pem_of(&certificates).into_bytes()));
        // Without the number of the generation that signs, the station would count from 1.
        match signing_number(&name.dir(store))? {
            1 => {}
            number => {
                files.push((format!("{STORE}/ca/{name}/{NUMBER_FILE}"), format!("{number}\n").into_bytes()));
            }
        }
    }
    let anchors = workspace.client_anchors()?;
    let ours = matches!(workspace.config.server.anchors.value, Anchors::Ours);
    // The bundle contains our own root as a CA, and needs no second copy.
    let is_our_root = ours && anchors == Ca::ServerRoot.certificates(store)?;
    if !anchors.is_empty() && !is_our_root {
        answers.set_toml("server.anchors", &format!("{{ file = \"{ANCHORS}\" }}"))?;
        files.push((ANCHORS.to_owned(), pem_of(&anchors).into_bytes()));
    }
    let config = workspace.config;
    let carried =
        [(key::platform::ca, &config.platform.ca, PLATFORM_CA), (key::ledger::ca, &config.ledger.ca, LEDGER_CA)];
    for (key, setting, name) in carried {
        if let Some(path) = &setting.value {
            answers.set(key, name)?;
            files.push((name.to_owned(), file::read(path.resolved(), FILE_LIMIT)?.to_vec()));
        }
    }
    Ok(files)
}

/// The broker of the devices, where only this store knows it: the station has no server to take the name from.
fn name_broker(workspace: &Workspace<'_>, answers: &mut Answers) -> Result<()> {
    let config = workspace.config;
    if config.firmware.mqtt_host.is_explicit() || config.server.name.is_explicit() {
        return Ok(());
    }
    match broker(config, &workspace.location) {
        Ok(host) => answers.set(key::firmware::mqtt_host, host.value.as_str()),
        Err(error) if error.code() == Code::BrokerMissing => Ok(()),
        Err(error) => Err(error),
    }
}

/// The settings that are in force here, as far as a station has a use for them; the keys whose secrets are not in the bundle;
/// and what there is to say about that.
fn settings(config: &Config) -> Result<(Answers, Vec<String>, Vec<Finding>)> {
    /// The store is where the bundle has it; the passphrase is the bundle's own; a station makes no servers.
    const LEFT_OUT: [&str; 5] =
        ["store", "ca.passphrase", "server.out", "server.keystore.password", "server.keystore.key_password"];
    let (answers, mut hidden) = config.answers(&LEFT_OUT)?;
    let mut to_bring: Vec<String> = answers.secrets_elsewhere().map(str::to_owned).collect();
    to_bring.append(&mut hidden);
    let finding = |keys: &[String]| {
        Code::SecretUnavailable
            .note(format!("secrets that are not in the bundle: {}", keys.join(", ")))
            .fix("bring them to the station, each to the place that the bundle's keygen.toml names")
    };
    let findings = if to_bring.is_empty() { Vec::new() } else { vec![finding(&to_bring)] };
    Ok((answers, to_bring, findings))
}

/// Everything that the bundle holds, so that it appears together. The key comes before its certificate.
fn file_set(
    request: &StationBundleRequest,
    certificate: &Certificate,
    (key, earlier): (&KeyLocation<CarriedKey>, Option<u32>),
    public: &[(String, Vec<u8>)],
    answers: &Answers,
) -> Result<FileSet> {
    let mut set = FileSet::new(&request.out);
    // The old files are kept under the serial number, because stations may still use them.
    if request.force {
        set = set.replacing(certificate.serial_hex());
    }
    let dir = format!("{STORE}/ca/{}", Ca::DevicesIssuing);
    if let Some(number) = earlier {
        let present = Ca::DevicesIssuing.dir(&request.out.join(STORE));
        for (name, mode) in [(KEY_FILE, Mode::Private), (URI_FILE, Mode::Public)] {
            if let Some(bytes) = file::read_optional(present.join(name), FILE_LIMIT)? {
                set.add(format!("{dir}/{}/{name}", generation_dir(number)), bytes, mode)?;
            }
        }
    }
    key.add_to(&mut set, &dir, |set, name, key| {
        match key {
            CarriedKey::Encrypted { pem, .. } => set.add(name, into_bytes(pem.clone()), Mode::Private),
            CarriedKey::Present(bytes) => set.add(name, bytes.clone(), Mode::Private),
            // The size is not known before the passphrase is; only the place is checked.
            CarriedKey::Planned => set.add_unknown(name, KEY_ROOM, Mode::Private),
        }
        .map(drop)
    })?;
    for (name, contents) in public {
        set.add(name, contents.clone(), Mode::Public)?;
    }
    if kept_settings(request)?.is_none() {
        set.add(SETTINGS, config::render_station_bundle(answers).into_bytes(), Mode::Public)?;
    }
    Ok(set)
}

/// The keygen.toml of a bundle that is replaced: it stays, because the station has settings of its own in it, for example the
/// login to the platform.
fn kept_settings(request: &StationBundleRequest) -> Result<Option<String>> {
    if !request.force {
        return Ok(None);
    }
    let bytes = file::read_optional(request.out.join(SETTINGS), FILE_LIMIT)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// The note about a keygen.toml that was kept, with the keys whose lines differ.
fn about_kept(request: &StationBundleRequest, kept: &str, answers: &Answers) -> Option<Finding> {
    let (there, now) = (config::set_lines(kept), config::set_lines(&config::render_station_bundle(answers)));
    let differing: BTreeSet<&str> =
        there.symmetric_difference(&now).map(|(key, _)| key.as_str()).filter(|key| !key.is_empty()).collect();
    if differing.is_empty() {
        return None;
    }
    let keys = differing.into_iter().collect::<Vec<_>>().join(", ");
    Some(
        Code::TargetExists
            .note(format!("the keygen.toml of the bundle was kept, and has other settings than this store: {keys}"))
            .at(request.out.join(SETTINGS))
            .fix("compare these keys, and change those that the station shares with this store"),
    )
}

/// More than an encrypted key takes.
const KEY_ROOM: usize = 8 << 10;

/// The generations of the devices' issuing CA that the present one has replaced and that are still trusted. A station needs
/// their certificates to know their revocation lists; one that is prepared has issued nothing, and its key comes with the
/// next bundle.
fn superseded(store: &Path) -> Result<Vec<(u32, Vec<Certificate>)>> {
    let signing = signing_number(&Ca::DevicesIssuing.dir(store))?;
    let trusted = Ca::DevicesIssuing.trusted_by_number(store)?.into_iter();
    let earlier = trusted.filter(|generation| generation.number < signing);
    Ok(earlier.map(|generation| (generation.number, generation.certificates)).collect())
}

/// The number of the generation of the CA that the bundle in the directory has, if it is another one of the same CA.
///
/// # Errors
/// [`Code::StoreExists`] if the directory holds the store of another CA, or one with a ledger of its own, which does not know
/// the generation that signs now; those of the ledger and of reading the files.
fn earlier_generation(workspace: &Workspace<'_>, out: &Path, certificate: &Certificate) -> Result<Option<u32>> {
    let ca = Ca::DevicesIssuing;
    let path = ca.cert_path(&out.join(STORE));
    if !path.exists() {
        return Ok(None);
    }
    let there = ca.certificates(&out.join(STORE))?;
    let Some(there) = there.first().filter(|there| there.der() != certificate.der()) else { return Ok(None) };
    let view = workspace.view()?;
    let row = row_with(&view, &ca.name(), there)?;
    // A further certificate of the present key, by another generation of the root, has the place of the present one.
    if let Some(row) = row.as_ref().filter(|_| view.is_shared()) {
        let is_present = there.spki_der() == certificate.spki_der();
        return Ok(Some(row.generation().number()).filter(|_| !is_present));
    }
    let fix = "write the bundle to another directory";
    Err(match row {
        Some(row) => Code::StoreExists
            .error(format!("the store there issues with generation {} of the CA", row.generation()))
            .because("it has a ledger of its own, which does not know the present generation")
            .at(path)
            .fix(format!("{fix}, and keep the old one for its ledger")),
        None => Code::StoreExists.error("the store of another CA is there already").at(path).fix(fix),
    })
}
