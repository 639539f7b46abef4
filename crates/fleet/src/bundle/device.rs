//! The credentials of one device, from its directory in the store, checked as the device will check them.

use std::path::{Path, PathBuf};

use base::text::{device_option, quote};
use base::{Code, Error, Finding, Result, Secret, file};
use config::{Anchors, Origin, SecretRef, Setting};
use device::Record;
use device::record::{Login, Parts};
use devkit::chip::Chip;
use devkit::credentials;
use devkit::image::Firmware;
use devkit::nvs;
use devkit::secure_cert::SecureCert;
use ledger::{Kind, ReservedNames, View};
use pki::key::KeyFormat;
use pki::pem_bundle::PemBundle;
use pki::{Certificate, PrivateKey};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::anchors;
use super::bad_record::bad_record;
use super::board;
use super::broker_name;
use super::enrolment::{Enrolment, Proof};
use super::firmware_limit::check_can;
use super::request::{BundleRequest, BundleTarget, DeviceLogin};
use identity::broker::broker;
use identity::files::output::pem_of;
use store::Workspace;
use store::ca::Hierarchy;
use store::file_names::{ANCHORS, CHAIN, KEY, TOKEN};
use store::shard::{IdentityFinder, StoredIdentity};
use store::{FILE_LIMIT, generation_dir, identity_dir};

/// The parts that all devices share.
pub(crate) struct BundleSettings {
    store: PathBuf,
    auth: DeviceLogin,
    wifi: Option<(String, Option<Secret>)>,
    pub(crate) broker: String,
    /// Warnings about the name of the broker.
    name_findings: Vec<Finding>,
    pub(crate) port: u16,
    pub(crate) skip_host_name_check: bool,
    pub(crate) ntp_server: String,
    /// The trust anchors of devices without a file of their own.
    anchors: Vec<Certificate>,
    now: OffsetDateTime,
    pub(crate) enrolment: Option<Enrolment>,
}

impl BundleSettings {
    /// Takes it from the configuration and the request.
    pub(super) fn new(
        workspace: &mut Workspace<'_>,
        request: &BundleRequest,
        chip: Chip,
        application_is_ours: bool,
    ) -> Result<Self> {
        // Before any file is read, because no other argument can repair it.
        if request.secure_cert && request.auth == DeviceLogin::Token {
            return Err(Code::Usage
                .error("an access token has no place in esp_secure_cert")
                .argument("--esp-secure-cert")
                .fix("leave out --esp-secure-cert, or let the devices log in with certificates"));
        }
        if let Some(enrolment) = &request.enrolment
            && request.auth == DeviceLogin::Token
        {
            return Err(Code::Usage
                .error("devices that log in with an access token do not fetch certificates")
                .argument("--enroll")
                .item(enrolment.url.clone())
                .fix("leave out --enroll, or let the devices log in with certificates"));
        }
        let enrolment = request.enrolment.as_ref().map(|enrolment| Enrolment::new(workspace, enrolment)).transpose()?;
        let config = workspace.config;
        if config.server.anchors.value == Anchors::Ours {
            // The root is what devices hold; what it has issued is what they will be shown.
            let place = workspace.store_dir().join("ca");
            workspace.ca_certificates(Hierarchy::Server)?.iter().try_for_each(|ca| check_can(ca, &place))?;
        }
        let wifi = wifi(workspace, chip, application_is_ours)?;
        let Setting { value: broker, origin } = broker(workspace.config, &workspace.location)?;
        if application_is_ours {
            broker_name::check_reachable("the broker", &broker).map_err(|error| board::placed(&origin, error))?;
            if let Some(enrolment) = &enrolment {
                broker_name::check_reachable("the enrolment service", enrolment.host())
                    .map_err(|error| error.argument("--enroll"))?;
            }
        }
        let mut name_findings = Vec::from_iter(broker_name::loopback("the broker", &broker));
        if !request.skip_host_name_check {
            name_findings.extend(broker_name::finding(workspace, &broker)?);
        }
        Ok(Self {
            store: workspace.store_dir().to_owned(),
            auth: request.auth,
            wifi,
            broker: broker.as_str().to_owned(),
            name_findings,
            port: config.firmware.mqtt_port.value.number(),
            skip_host_name_check: request.skip_host_name_check,
            ntp_server: config.firmware.ntp_server.value.as_str().to_owned(),
            anchors: workspace.client_anchors()?,
            now: workspace.now,
            enrolment,
        })
    }

    /// Warnings about the device.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.skip_host_name_check {
            findings.push(
                Code::HostNameNotChecked
                    .warning("these devices accept every server whose certificate our CA has issued")
                    .fix("leave --skip-host-name-check out, and name the broker as its certificate does"),
            );
        }
        findings.extend(self.name_findings.iter().cloned());
        if let Some((ssid, None)) = &self.wifi {
            findings.push(
                Code::OpenNetwork
                    .note(format!("no password is set for the network {}", quote(ssid)))
                    .because("the devices join it only if it is open")
                    .fix("name the file with the password with --wifi-password-file, unless it is an open network"),
            );
        }
        findings.extend(anchors::findings(&self.anchors, "the broker", self.now));
        findings.extend(self.enrolment.iter().flat_map(Enrolment::findings));
        findings
    }

    /// True if a device gets a one-time password: it has no identity whose key is here.
    pub(super) fn needs_password(&self, view: &View, target: &BundleTarget) -> Result<bool> {
        if self.enrolment.is_none() {
            return Ok(false);
        }
        // The key of a certificate that was fetched over the network never left the device.
        target.key.as_ref().map_or(Ok(true), |key| view.enrolled(key).map(|enrolled| enrolled.is_some()))
    }

    /// The credentials of a device. `password` is its one-time password, if it needs one.
    ///
    /// # Errors
    /// What its files can be wrong about.
    pub(super) fn credentials(
        &self,
        finder: &mut IdentityFinder,
        view: &View,
        target: &BundleTarget,
        password: Option<&Secret>,
    ) -> Result<DeviceCredentials> {
        let row = target.key.as_ref().map(|key| view.entry(key)).transpose()?.flatten();
        let dir = match &row {
            Some(row) => generation_dir(&self.store, row),
            None => identity_dir(&self.store, Kind::Device, &target.name),
        };
        let anchors = self.anchors(&dir)?;
        if let (Some(enrolment), Some(password)) = (&self.enrolment, password) {
            enrolment.check_first(view, &ReservedNames::default(), &target.name)?;
            let record = self.record(&target.name, pem_of(&anchors), Login::Pending, Some(password), Some(&dir))?;
            return Ok(DeviceCredentials { record, identity: None, anchors });
        }
        let (login, identity) = match self.auth {
            DeviceLogin::Certificate => {
                let row = row.as_ref().ok_or_else(|| no_row(&target.name))?;
                let located = finder.locate(view, row).map_err(|error| with_enroll(error, &target.name))?;
                let identity = Identity::of(&located, &dir, &target.name)?;
                if let Some(enrolment) = &self.enrolment {
                    enrolment.check_factory(&target.name, &identity.chain.iter().collect::<Vec<_>>())?;
                }
                let chain = pem_of(&identity.chain);
                let key = device::Secret::from(identity.key_pem(KeyFormat::Pkcs8)?.as_str());
                (Login::Certificate { chain, key }, Some(identity))
            }
            DeviceLogin::Token => (Login::Token(token(&dir, &target.name)?.reveal().into()), None),
        };
        let record = self.record(&target.name, pem_of(&anchors), login, None, Some(&dir))?;
        Ok(DeviceCredentials { record, identity, anchors })
    }

    /// The record of a device that trusts these anchors and logs in so. `password` is the one-time password of a device
    /// that has no certificate yet. `dir` is the directory of its files, unless they are in a shard.
    pub(crate) fn record(
        &self,
        name: &str,
        anchors: String,
        login: Login,
        password: Option<&Secret>,
        dir: Option<&Path>,
    ) -> Result<Record> {
        let proof = match (&login, password) {
            (Login::Certificate { chain, .. }, _) => Some(Proof::Identity { chain }),
            (_, password) => password.map(Proof::Password),
        };
        let enrolment = self.enrolment.as_ref().zip(proof).map(|(service, proof)| service.settings(&anchors, proof));
        let (ssid, password) = match &self.wifi {
            Some((ssid, password)) => (ssid.as_str(), password.as_ref().map_or("", Secret::reveal)),
            None => ("", ""),
        };
        let parts = Parts {
            device_name: name.to_owned(),
            wifi_ssid: ssid.to_owned(),
            wifi_password: password.into(),
            host: self.broker.clone(),
            port: self.port,
            ca_chain: anchors,
            login,
            skip_host_name_check: self.skip_host_name_check,
            ntp_server: self.ntp_server.clone(),
            enrolment,
        };
        Record::new(parts).map_err(|invalid| bad_record(&invalid, name, dir))
    }

    /// The trust anchors of a device: those in its directory, else those of all devices of the store.
    pub(crate) fn anchors(&self, dir: &Path) -> Result<Vec<Certificate>> {
        let path = dir.join(ANCHORS);
        let anchors = match file::read_optional(&path, FILE_LIMIT)? {
            // The device's own anchors, as it was issued: they may be older than the configuration.
            Some(bytes) => PemBundle::parse(&bytes).map_err(|error| error.at(&path))?.certificates,
            None => self.anchors.clone(),
        };
        anchors::check(&anchors, &path, self.now)?;
        Ok(anchors)
    }

    /// The trust anchors of all devices of the store.
    pub(crate) fn common_anchors(&self) -> Result<&[Certificate]> {
        anchors::check(&self.anchors, &self.store, self.now)?;
        Ok(&self.anchors)
    }

    /// The network that the devices join.
    pub(crate) fn network(&self) -> Option<&str> {
        self.wifi.as_ref().map(|(ssid, _)| ssid.as_str())
    }
}

/// Key and chain of a device, and what belongs together belongs together.
struct Identity {
    key: PrivateKey,
    chain: Vec<Certificate>,
}

impl Identity {
    /// The files found for a device; messages name `dir` as their place.
    fn of(located: &StoredIdentity, dir: &Path, name: &str) -> Result<Self> {
        let chain: Vec<Certificate> = located.chain().cloned().collect();
        chain.iter().try_for_each(|certificate| check_can(certificate, &dir.join(CHAIN)))?;
        let key = located.key().map_err(|error| error.at(dir.join(KEY)))?;
        let key = key.ok_or_else(|| no_key(name).at(dir.join(KEY)))?;
        Ok(Self { key, chain })
    }

    fn key_pem(&self, format: KeyFormat) -> Result<Zeroizing<String>> {
        self.key.to_pem(format)
    }
}

/// The credentials of one device.
pub(crate) struct DeviceCredentials {
    pub(super) record: Record,
    identity: Option<Identity>,
    anchors: Vec<Certificate>,
}

impl DeviceCredentials {
    /// Fails if something does not fit into its partition, or if the application contains the key of the device. Nothing is
    /// kept.
    pub(super) fn check_fits(&self, firmware: &Firmware, request: &BundleRequest) -> Result<()> {
        // Built once and thrown away: only the real data shows whether it fits.
        self.partition(firmware, None)?;
        if request.secure_cert {
            self.secure_cert(firmware)?;
        }
        match &self.identity {
            None => Ok(()),
            Some(identity) => {
                firmware.check_without_key(self.record.device_name(), &identity.key_pem(KeyFormat::Pkcs8)?)
            }
        }
    }

    /// The NVS partition.
    pub(super) fn partition(&self, firmware: &Firmware, keys: Option<&nvs::Keys>) -> Result<Zeroizing<Vec<u8>>> {
        let place = firmware.board().credentials()?;
        credentials::partition(&self.record, place.size as usize, keys)
            .map_err(|error| error.item(self.record.device_name().to_owned()))
    }

    /// Espressif's esp_secure_cert partition.
    pub(super) fn secure_cert(&self, firmware: &Firmware) -> Result<Zeroizing<Vec<u8>>> {
        let place = firmware.board().secure_cert()?;
        self.with_secure_cert(|identity| identity.to_partition(place.size as usize))
            .map_err(|error| error.item(self.record.device_name().to_owned()))
    }

    /// The identity as esp_secure_cert holds it. Espressif's tool writes keys in their traditional form.
    pub(super) fn with_secure_cert<T>(&self, work: impl FnOnce(&SecureCert<'_>) -> Result<T>) -> Result<T> {
        let identity = self.identity.as_ref().ok_or_else(|| {
            Code::Usage
                .error("a device without a certificate has nothing for esp_secure_cert")
                .item(self.record.device_name())
                .argument("--esp-secure-cert")
                .fix("leave out --esp-secure-cert, or make the device's certificate with `tbpki client`")
        })?;
        // SEC 1 or PKCS#1.
        let key = identity.key_pem(KeyFormat::Traditional)?;
        work(&SecureCert { chain: &pem_of(&identity.chain), anchors: &pem_of(&self.anchors), key: &key })
    }
}

fn no_row(name: &str) -> Error {
    Code::Internal.error("a device without a row was to be bundled").item(name)
}

/// Adds to the error for a device that has fetched its certificate how an image brings it to the next one.
fn with_enroll(error: Error, name: &str) -> Error {
    match error.code() {
        Code::FilesWithHolder => error.fix(format!(
            "with its key in its flash, the device needs no image; for an erased flash, make one with which it fetches another \
             certificate: `tbpki bundle-firmware {} --enroll URL`",
            device_option(name)
        )),
        _ => error,
    }
}

/// The error of a device whose key is not in the store.
pub(crate) fn no_key(name: &str) -> Error {
    Code::KeyUnreadable
        .error("the key of the device is not here")
        .item(name)
        .because("only its certificate is in this store: the device made the key itself, or the file was removed")
        .fix(format!(
            "restore the file from a backup, put the device's own key into its flash, or issue a new key with \
             `tbpki client {} --force`",
            device_option(name)
        ))
}

/// The network that the devices join. Only an application that is not ours may do without.
fn wifi(workspace: &mut Workspace<'_>, chip: Chip, is_ours: bool) -> Result<Option<(String, Option<Secret>)>> {
    let settings = &workspace.config.firmware;
    // Settings for other chips of the same fleet are no error.
    if !chip.facts().has_wifi {
        return Ok(None);
    }
    let Some(ssid) = &settings.wifi_ssid.value else {
        return match is_ours {
            false => Ok(None),
            true => Err(Code::WifiMissing
                .error("no wireless network is configured for the devices")
                .fix("name it with --wifi-ssid, or as firmware.wifi_ssid in keygen.toml")),
        };
    };
    let password = workspace.secrets.optional(&settings.wifi_password, "firmware.wifi_password")?;
    if let Some(password) = &password {
        check_password(password).map_err(|error| in_setting(&settings.wifi_password, error))?;
    }
    Ok(Some((ssid.as_str().to_owned(), password)))
}

/// Adds the source of a secret to its error: the flag or the line, and the file that it names.
fn in_setting(setting: &Setting<Option<SecretRef>>, error: Error) -> Error {
    let file = match &setting.value {
        Some(SecretRef::File(path)) => Some(path.resolved()),
        _ => None,
    };
    match (&setting.origin, file) {
        (Origin::Flag(name) | Origin::Variable(name), Some(file)) => error.item(name).at(file),
        (Origin::Flag(name) | Origin::Variable(name), None) => error.item(name),
        (origin, file) => {
            let error = Error::new(origin.place(error.into_finding()));
            match file {
                Some(file) => error.item(file.display().to_string()),
                None => error,
            }
        }
    }
}

/// Fails for what is no passphrase of a network (IEEE 802.11, annex M): devices compute the key from it.
fn check_password(password: &Secret) -> Result<()> {
    let text = password.reveal();
    let wrong = |what: String| {
        Code::BadRecord.error(what).fix("write the passphrase of the network, 8 to 63 printable ASCII characters")
    };
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong("the Wi-Fi password is a key (PSK) of 64 hexadecimal digits, and no passphrase".to_owned())
            .because("devices compute the key from the passphrase, and do not take it ready-made"));
    }
    if !(8..=63).contains(&text.len()) {
        return Err(wrong(format!("the Wi-Fi password has {} bytes in place of 8 to 63", text.len())));
    }
    match text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        true => Ok(()),
        false => Err(wrong("the Wi-Fi password has characters that are not printable ASCII".to_owned())),
    }
}

/// The access token in the directory of a device.
///
/// # Errors
/// [`Code::TokenMissing`], and those of the disk.
pub(super) fn token(dir: &Path, name: &str) -> Result<Secret> {
    let path = dir.join(TOKEN);
    let missing = |what: &str| {
        Code::TokenMissing.error(what).at(&path).item(name).fix(format!(
            "fetch it with `tbpki token {}`, or let the device log in with its certificate",
            device_option(name)
        ))
    };
    let bytes =
        file::read_optional(&path, FILE_LIMIT)?.ok_or_else(|| missing("the device has no access token here"))?;
    // Trimmed, because editors end a file with a line break, and ThingsBoard would compare it too.
    let text = std::str::from_utf8(&bytes).map_err(|_| missing("the access token is not text"))?;
    // Some editors write a byte order mark, which no token has.
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() { Err(missing("the access token is empty")) } else { Ok(Secret::from(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_passphrases_are_passwords_of_a_network() {
        for text in ["12345678", &"~".repeat(63)] {
            check_password(&Secret::from(text)).unwrap();
        }
        for (text, words) in [
            ("1234567".to_owned(), "has 7 bytes in place of 8 to 63"),
            ("x".repeat(64), "has 64 bytes in place of 8 to 63"),
            ("0aF1".repeat(16), "is a key (PSK) of 64 hexadecimal digits"),
            ("pass\u{e4}word".to_owned(), "not printable ASCII"),
        ] {
            let error = check_password(&Secret::from(text.as_str())).unwrap_err();
            assert_eq!(error.code(), Code::BadRecord);
            assert!(error.to_string().contains(words) && error.finding().fix.is_some(), "{error:?}");
            assert!(!format!("{error:?}").contains(&text), "{error:?}");
        }
    }
}
