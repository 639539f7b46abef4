//! Requests for images, and the devices that they are for.

use std::path::PathBuf;

use devkit::application::ApplicationSearch;
use devkit::chip::Crystal;
use ledger::Key;
use pki::device_name::DeviceName;

/// The verb, as the lock of the store names it.
pub(crate) const VERB: &str = "bundle-firmware";

/// A request for images, beyond the configuration.
#[derive(Debug, Clone)]
pub struct BundleRequest {
    /// Whose.
    pub devices: Devices,
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
    /// Write a manifest for esp-web-tools.
    pub manifest: bool,
    /// List the credentials in the manifest.
    pub manifest_with_credentials: bool,
    /// Replace files that are there.
    pub force: bool,
    /// Say what would happen and write nothing.
    pub dry_run: bool,
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
    /// The row, where the ledger knows it: devices with a token alone have none.
    pub(crate) key: Option<Key>,
    pub(crate) is_registered: bool,
}
