//! The files and records of the store for a test login: paths, and the entries of the ledger. Only the ledger is
//! opened.

use std::path::{Path, PathBuf};

use base::file::{self, BulkDir};
use base::text::{device_option, device_words, shell_word};
use base::{Code, Error, Finding, Result};
use identity::lifecycle::renew::{earlier_copies, is_fetched};
use identity::profile_ca;
use ledger::{Entry, Filter, Kind, RenewalStep, Revocation, Role, State, View};
use pki::Certificate;
use pki::device_name::DeviceName;
use pki::pem_bundle::PemBundle;
use time::OffsetDateTime;

use crate::lifecycle::upkeep::ca_certificates;
use crate::register::{only_pending, revoked};
use provision::check::{ReplacedServer, RevokedServer};
use store::ca::Ca;
use store::file_names::{ANCHORS, CA_FILE, CERT, CHAIN, KEY, TOKEN};
use store::{FILE_LIMIT, StoreLocation, at_another_station, identity_dir, shard, with_holder};

/// Where the files of a device are, whether they are there or not.
#[derive(Debug, Clone)]
pub struct DeviceFilePaths {
    /// The private key.
    pub key: PathBuf,
    /// The leaf.
    pub cert: PathBuf,
    /// The chain that is sent.
    pub chain: PathBuf,
    /// The trust anchors.
    pub anchors: PathBuf,
    /// The access token.
    pub token: PathBuf,
}

/// The paths of a server's files.
#[derive(Debug, Clone)]
pub struct ServerFilePaths {
    /// All of them.
    pub dir: PathBuf,
    /// The trust anchors of its clients.
    pub anchors: PathBuf,
}

/// The paths of this device's files.
pub fn device_places(store: &Path, name: &DeviceName) -> DeviceFilePaths {
    let dir = identity_dir(store, Kind::Device, name.as_str());
    DeviceFilePaths {
        key: dir.join(KEY),
        cert: dir.join(CERT),
        chain: dir.join(CHAIN),
        anchors: dir.join(ANCHORS),
        token: dir.join(TOKEN),
    }
}

/// The files of a server in a directory.
pub fn server_places(dir: &Path) -> ServerFilePaths {
    ServerFilePaths { anchors: dir.join(CA_FILE), dir: dir.to_owned() }
}

/// The directory that `tbpki server --out` wrote the files of a server to, if it is on this machine; else the server's
/// directory in the store.
///
/// # Errors
/// [`Code::FilesWithHolder`] if the server has fetched its present certificate and neither directory has it, and those of the
/// ledger.
pub fn server_dir(location: &StoreLocation, name: &str) -> Result<PathBuf> {
    let view = store::view(location)?;
    let entry = view.current(Kind::Server, name)?;
    if let Some(entry) = &entry
        && is_fetched(&view, entry)?
    {
        // A server next to the store may renew its files in the directory that got the copies.
        let copies = earlier_copies(&view, entry)?.filter(|dir| holds(dir, entry));
        return copies.ok_or_else(|| with_holder(entry).fix(check_server(name)));
    }
    // The ledger may be shared: the directory is perhaps one of another station.
    let copies = entry.and_then(|entry| entry.copies).map(PathBuf::from).filter(|dir| dir.is_dir());
    Ok(copies.unwrap_or_else(|| identity_dir(location.dir(), Kind::Server, name)))
}

/// The help for the files of a server that are on its host, where the verb is without a store.
fn check_server(name: &str) -> String {
    format!(
        "check the chain on the host of the server with `tbpki verify FILE --anchors ROOT --host {}`, or connect to the server \
         with `tbpki check HOST`",
        shell_word(name)
    )
}

/// Whether a file of a directory begins with the certificate of a generation.
fn holds(dir: &Path, entry: &Entry) -> bool {
    let names = BulkDir::open(dir).and_then(|dir| dir.names()).unwrap_or_default();
    let first = |name: &String| {
        let bytes = file::read_optional(dir.join(name), FILE_LIMIT).ok().flatten()?;
        PemBundle::parse(&bytes).ok()?.certificates.into_iter().next()
    };
    let is_it = |leaf: Certificate| entry.fingerprint == Some(leaf.fingerprint());
    names.iter().filter(|name| name.ends_with(".pem")).any(|name| first(name).is_some_and(is_it))
}

/// The certificates of the CAs of the store, in all generations.
///
/// # Errors
/// Those of the ledger and of the disk.
pub fn issuers(location: &StoreLocation) -> Result<Vec<Certificate>> {
    ca_certificates(location.dir(), &store::view(location)?)
}

/// Whether the ledger has, or had, a device of this name.
///
/// # Errors
/// Those of the ledger.
pub fn is_known(location: &StoreLocation, name: &DeviceName) -> Result<bool> {
    Ok(store::view(location)?.latest(Kind::Device, name.as_str())?.is_some())
}

/// The store's only device.
///
/// # Errors
/// [`Code::UnknownIdentity`] when there is none, [`Code::Usage`] when there are several.
pub fn only_device(location: &StoreLocation) -> Result<DeviceName> {
    let view = store::view(location)?;
    let filter = Filter { kind: Some(Kind::Device), current_only: true, ..Filter::default() };
    // Two are enough to know that it is not the only one.
    let mut names = view.list(&filter).take(2).map(|entry| entry.map(|entry| entry.key.name));
    match (names.next().transpose()?, names.next().transpose()?) {
        (Some(name), None) => name.parse(),
        (None, _) => Err(Code::UnknownIdentity
            .error("the store has no device")
            .at(location.dir())
            .fix("make one with `tbpki client --device NAME`, or name files with --cert and --key")),
        _ => Err(Code::Usage.error("the store has more than one device").fix("name one with --device NAME")),
    }
}

/// When the platform was told of the device's current certificate, and that certificate's credentials id; nothing where
/// the ledger knows of no registration.
pub fn registration(location: &StoreLocation, name: &DeviceName) -> Result<Option<(String, OffsetDateTime)>> {
    let entry = store::view(location)?.current(Kind::Device, name.as_str())?;
    Ok(entry.and_then(|entry| Some((entry.credentials_id.clone()?, entry.reached(State::Registered)?))))
}

/// When the device's current certificate was unregistered, and its credentials id; `None` if it was not.
///
/// # Errors
/// Those of the ledger.
pub fn unregistration(location: &StoreLocation, name: &DeviceName) -> Result<Option<(String, OffsetDateTime)>> {
    let entry = store::view(location)?.current(Kind::Device, name.as_str())?;
    Ok(entry.and_then(|entry| Some((entry.credentials_id?, entry.unregistered_at?))))
}

/// The profile whose CA issued the device's certificate, and whether the platform creates its devices; `None` for another
/// CA.
///
/// # Errors
/// Those of the ledger and of the profile's file in the store.
pub fn issuing_profile(location: &StoreLocation, name: &DeviceName) -> Result<Option<(String, bool)>> {
    let entry = store::view(location)?.current(Kind::Device, name.as_str())?;
    let Some(Ca::Profile(profile)) = entry.and_then(|entry| Ca::named(&entry.issuer)) else {
        return Ok(None);
    };
    let kept = profile_ca::kept(location.dir(), &profile)?;
    Ok(Some((profile.as_str().to_owned(), kept.is_some_and(|kept| kept.creates_devices))))
}

/// The error for a device without any file in the store.
///
/// # Errors
/// Those of the ledger.
pub fn no_files(location: &StoreLocation, name: &DeviceName) -> Result<Error> {
    let view = store::view(location)?;
    if let (None, Some(pending)) =
        (view.current(Kind::Device, name.as_str())?, view.pending(Kind::Device, name.as_str())?)
    {
        let error = only_pending(&view, &pending)?;
        return Ok(match error.code() {
            Code::EnrolmentUnconfirmed => error.fix("check it on its host: `tbpki check --cert FILE --key FILE`"),
            _ => error,
        });
    }
    Ok(match view.current(Kind::Device, name.as_str())? {
        // Not an error of the store: the device was issued with a fleet and never taken out of its shard.
        Some(entry) if entry.job.is_some() => {
            // The advice to take it out works only if the key can be read there.
            if let Err(error) = shard::locate(location.dir(), &view, &entry).and_then(|found| found.key().map(drop)) {
                return Ok(error.item(name.as_str()));
            }
            let job = entry.job.map(|(job, _)| job.to_string()).unwrap_or_default();
            Code::DeviceInShard
                .error(format!("the files of the device {name} are in the directory or archive of job {job}"))
                .item(name.as_str())
                .fix(format!("take them out with `tbpki client {}`", device_option(name.as_str())))
        }
        // Nothing is missing: another generation would put the device, which works, out of service.
        Some(entry) if is_fetched(&view, &entry)? => {
            with_holder(&entry).fix("check it on its host: `tbpki check --cert FILE --key FILE`")
        }
        Some(entry) => at_another_station(&view, &entry).unwrap_or_else(|| {
            Code::FileUnreadable
                .error(format!("the directory of the device {name} is gone"))
                .at(identity_dir(location.dir(), Kind::Device, name.as_str()))
                .item(name.as_str())
                .fix(format!(
                    "restore it from a backup, or issue a new generation with `tbpki client {} --force`",
                    device_words(name.as_str())
                ))
        }),
        None => match revocation_of(&view, name)? {
            Some(revocation) => {
                revoked(name.as_str()).because(format!("the revocation is of {}", revocation.at.date()))
            }
            None => Code::UnknownIdentity
                .error(format!("the store has no device {:?}", name.as_str()))
                .fix("issue it with `tbpki client --device NAME`; `tbpki list` shows what there is"),
        },
    })
}

/// The revocation of a device without a certificate in use. `None` if there is none, or if the name was forgotten.
fn revocation_of(view: &View, name: &DeviceName) -> Result<Option<Revocation>> {
    let latest = view.latest(Kind::Device, name.as_str())?.filter(|entry| entry.forgotten_at.is_none());
    Ok(latest.and_then(|entry| entry.revocation))
}

/// The fault of a device's files in the store if they are of another generation than the one in use; `None` if they are not.
///
/// # Errors
/// Those of the ledger. Files that cannot be read have errors of their own.
pub fn outdated(location: &StoreLocation, name: &DeviceName) -> Result<Option<Finding>> {
    let view = store::view(location)?;
    let Some(entry) = view.current(Kind::Device, name.as_str())? else { return Ok(None) };
    let places = device_places(location.dir(), name);
    // In any order: a chain that begins with its root is another fault.
    let certificates = [&places.chain, &places.cert].into_iter().flat_map(|path| {
        let bytes = file::read_optional(path, FILE_LIMIT).ok().flatten();
        bytes.and_then(|bytes| PemBundle::parse(&bytes).ok()).map(|bundle| bundle.certificates).unwrap_or_default()
    });
    let found: Vec<_> = certificates.map(|certificate| certificate.fingerprint()).collect();
    let holds = |row: &Entry| row.fingerprint.is_some_and(|fingerprint| found.contains(&fingerprint));
    if holds(&entry) || !view.history(Kind::Device, name.as_str())?.iter().any(holds) {
        return Ok(None);
    }
    let fault = Code::IdentityChanged
        .fault("the certificate in the store is not the one that the ledger has in use")
        .because(format!("the ledger has generation {} of the device in use", entry.generation()));
    let is_open = view.open_renewals()?.iter().any(|open| open.key == entry.key && open.step == RenewalStep::Install);
    Ok(Some(if is_fetched(&view, &entry)? {
        fault.fix("check it on its host: `tbpki check --cert FILE --key FILE`")
    } else if is_open {
        fault.fix(format!(
            "bring the files of the renewal to their places: `tbpki renew {} --due`",
            device_option(name.as_str())
        ))
    } else if entry.job.is_some() {
        fault.fix(format!(
            "take its present files out of the fleet with `tbpki client {}`",
            device_option(name.as_str())
        ))
    } else {
        fault.fix(format!(
            "restore the files from a backup, or issue a new generation with `tbpki client {} --force`",
            device_words(name.as_str())
        ))
    }))
}

/// The device's revoked certificates: the credentials id, the time and the reason of each.
pub fn revocations(
    location: &StoreLocation,
    name: &DeviceName,
) -> Result<Vec<(String, OffsetDateTime, Option<String>)>> {
    let history = store::view(location)?.history(Kind::Device, name.as_str())?.into_iter();
    Ok(history
        .filter_map(|entry| {
            let revocation = entry.revocation?;
            Some((entry.credentials_id?, revocation.at, revocation.reason))
        })
        .collect())
}

/// The revoked certificates of servers.
///
/// # Errors
/// Those of the ledger.
pub fn server_revocations(location: &StoreLocation) -> Result<Vec<RevokedServer>> {
    let view = store::view(location)?;
    let revoked = Filter { kind: Some(Kind::Server), states: vec![State::Revoked], ..Filter::default() };
    let mut found = Vec::new();
    for entry in view.list(&revoked) {
        let entry = entry?;
        if let (Some(fingerprint), Some(revocation)) = (entry.fingerprint, entry.revocation) {
            found.push(RevokedServer { fingerprint, at: revocation.at, reason: revocation.reason });
        }
    }
    Ok(found)
}

/// The certificates of servers that a later one has replaced.
///
/// # Errors
/// Those of the ledger.
pub fn server_replacements(location: &StoreLocation) -> Result<Vec<ReplacedServer>> {
    let view = store::view(location)?;
    let mut found = Vec::new();
    for entry in view.list(&Filter { kind: Some(Kind::Server), ..Filter::default() }) {
        let entry = entry?;
        let (Role::Superseded, Some(fingerprint)) = (entry.role, entry.fingerprint) else { continue };
        let name = &entry.key.name;
        let Some(current) = view.current(Kind::Server, name)? else { continue };
        let help = match is_fetched(&view, &current)? {
            true => "the server has fetched the present certificate: bring its files from its host".to_owned(),
            false => format!(
                "write the present files to the directory: `tbpki server --name {} --out DIR`",
                shell_word(name)
            ),
        };
        let by = current.generation().number();
        found.push(ReplacedServer { fingerprint, name: name.clone(), by, help });
    }
    Ok(found)
}

/// The CAs that issue devices, the issuing CA first.
pub fn devices_ca(store: &Path) -> Result<Vec<Certificate>> {
    let mut all = Ca::DevicesIssuing.trusted_certificates(store)?;
    all.extend(Ca::DevicesRoot.trusted_certificates(store)?);
    Ok(all)
}
