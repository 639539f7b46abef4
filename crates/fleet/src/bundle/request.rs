//! Requests for images, and the devices that they are for.

use std::path::PathBuf;

use devkit::application::ApplicationSearch;
use devkit::chip::Crystal;
use identity::lifecycle::one_time_password::PasswordLifetime;
use ledger::Key;
use pki::device_name::DeviceName;

/// The verb, as the lock of the store names it.
pub(crate) const VERB: &str = "bundle-firmware";

/// A request for images, beyond the configuration.
#[derive(Debug, Clone)]
pub struct BundleRequest {
    /// Whose.
    pub devices: Devices,
    /// Use the pending renewals, for devices that are reflashed.
    pub pending: bool,
    /// The login of the devices.
    pub auth: DeviceLogin,
    /// Any name in the broker's certificate will do.
    pub skip_host_name_check: bool,
    /// The crystal of the board, where it is not the usual one.
    pub crystal: Option<Crystal>,
    /// The possible places of the application.
    pub places: ApplicationSearch,
    /// A partition table, in CSV or binary.
    pub partitions: Option<PathBuf>,
    /// The directory for the files, in place of the store.
    pub out: Option<PathBuf>,
    /// Fill the merged image up to the end of the flash.
    pub whole_flash: bool,
    /// Also write Espressif's esp_secure_cert.
    pub secure_cert: bool,
    /// Encrypt the NVS partition.
    pub nvs_encryption: bool,
    /// Put the keys of an encrypted NVS into the image.
    pub include_nvs_keys: bool,
    /// The enrolment service of the devices; `None` if they keep their credentials.
    pub enrolment: Option<EnrolmentRequest>,
    /// Write a manifest for esp-web-tools.
    pub manifest: bool,
    /// List the credentials in the manifest.
    pub manifest_with_credentials: bool,
    /// Replace files that are there.
    pub force: bool,
    /// Say what would happen and write nothing.
    pub dry_run: bool,
}

/// A request for images of devices that fetch their certificates.
#[derive(Debug, Clone)]
pub struct EnrolmentRequest {
    /// The URL of the service, without /.well-known.
    pub url: String,
    /// The label of the requests: the devices' profile.
    pub label: Option<DeviceName>,
    /// The file of the trust anchors for the service; `None` for those of this store's servers.
    pub anchors: Option<PathBuf>,
    /// The time for which one-time passwords can be used.
    pub password: PasswordLifetime,
    /// Accept factory certificates of any lifetime below the CA of a profile.
    pub accept_long_certificates: bool,
}

/// Whose images are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Devices {
    /// These.
    Named(Vec<DeviceName>),
    /// Everybody's.
    All,
    /// That of the only device that there is.
    Only,
}

/// The login of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceLogin {
    /// With its certificate.
    Certificate,
    /// With its access token.
    Token,
}

/// A device that gets an image.
#[derive(Debug, Clone)]
pub(crate) struct BundleTarget {
    pub(crate) name: String,
    /// The row, where the ledger knows it: devices with a token alone, and those without a certificate, have none.
    pub(crate) key: Option<Key>,
    pub(crate) is_registered: bool,
    /// Whether the device was taken from the platform: only an explicit request brings it back.
    pub(crate) was_unregistered: bool,
    /// The number of the generation, if it is a renewal that is not used yet.
    pub(crate) renewal: Option<u32>,
}
