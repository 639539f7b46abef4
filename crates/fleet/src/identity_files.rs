//! The files and records of the store for a test login: paths, and the entries of the ledger. Only the ledger is
//! opened.

use std::path::{Path, PathBuf};

use base::{Code, Result};
use ledger::{Filter, Kind, State};
use pki::Certificate;
use pki::device_name::DeviceName;
use time::OffsetDateTime;

use store::StoreLocation;
use store::ca::CaName;
use store::file_names::{ANCHORS, CA_FILE, CERT, CHAIN, KEY};
use store::identity_dir;

/// The access token of a device that logs in without a certificate.
const TOKEN: &str = "token";

/// The paths of a device's files, whether the files exist or not.
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

/// The files of a server in `dir`, else those of the server of this name in the store.
pub fn server_places(store: &Path, name: &str, dir: Option<&Path>) -> ServerFilePaths {
    let dir = dir.map_or_else(|| identity_dir(store, Kind::Server, name), Path::to_owned);
    ServerFilePaths { anchors: dir.join(CA_FILE), dir }
}

/// The store's only device.
///
/// # Errors
/// [`Code::UnknownIdentity`] when there is none, [`Code::Usage`] when there are several.
pub fn only_device(location: &StoreLocation) -> Result<DeviceName> {
    let view = store::view(location)?;
    let filter = Filter { kind: Some(Kind::Device), current_only: true, ..Filter::default() };
    let mut names = view.list(&filter).take(2).map(|entry| entry.map(|entry| entry.key.name));
    match (names.next().transpose()?, names.next().transpose()?) {
        (Some(name), None) => name.parse(),
        (None, _) => Err(Code::UnknownIdentity
            .error("the store holds no device")
            .at(location.dir())
            .fix("make one with `tbpki client --device NAME`, or name files with --cert and --key")),
        _ => Err(Code::Usage.error("the store holds more than one device").fix("name one with --device NAME")),
    }
}

/// When the platform was told of the device's current certificate, and that certificate's credentials id; nothing where
/// the ledger knows of no registration.
pub fn registration(location: &StoreLocation, name: &DeviceName) -> Result<Option<(String, OffsetDateTime)>> {
    let entry = store::view(location)?.current(Kind::Device, name.as_str())?;
    Ok(entry.and_then(|entry| Some((entry.credentials_id.clone()?, entry.reached(State::Registered)?))))
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

/// The CAs that issue devices, the issuing CA first.
pub fn devices_ca(store: &Path) -> Result<Vec<Certificate>> {
    let mut all = CaName::DevicesIssuing.trusted_certificates(store)?;
    all.extend(CaName::DevicesRoot.trusted_certificates(store)?);
    Ok(all)
}
