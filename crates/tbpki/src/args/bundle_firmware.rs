//! `tbpki bundle-firmware`.

use std::path::PathBuf;

use base::Error;
use clap::{ArgGroup, Args, ValueEnum};
use config::{Days, FlashOffset, FlashSize, PartitionName};
use devkit::chip::{Chip, Crystal};
use identity::lifecycle::one_time_password::PasswordLifetime;
use pki::device_name::DeviceName;

use super::value::{chip, crystal, flash_sizes, parsed, text};
use crate::completion;

/// Options of flash images, of one device or of a fleet.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Firmware")]
pub struct FirmwareArgs {
    /// The chip [default: firmware.chip of keygen.toml]
    #[arg(long, value_parser = chip(), value_name = "CHIP")]
    pub chip: Option<Chip>,
    /// The broker's host name or address, as in its certificate [default: firmware.mqtt_host, then server.name, then the
    /// only server of the store]
    #[arg(long, value_parser = text(), value_name = "HOST")]
    pub broker: Option<String>,
    /// The broker's port for MQTT over TLS [default: firmware.mqtt_port, 8883]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..), value_name = "N")]
    pub port: Option<u16>,
    /// Accept any name in the broker's certificate
    #[arg(long)]
    pub skip_host_name_check: bool,
    /// The name of the wireless network [default: firmware.wifi_ssid]
    #[arg(long, value_parser = text(), value_name = "SSID")]
    pub wifi_ssid: Option<String>,
    /// Read the password of the wireless network from FILE (`-` for standard input)
    #[arg(long, value_name = "FILE")]
    pub wifi_password_file: Option<PathBuf>,
    /// The size of the flash [default: firmware.flash_size, 4MB]
    #[arg(long, value_parser = parsed::<FlashSize>(), value_name = "SIZE", add = flash_sizes())]
    pub flash_size: Option<FlashSize>,
    /// The frequency of the board's crystal in MHz, for ESP32 and ESP32-C2 [default: 40]
    #[arg(long, value_parser = crystal(), value_name = "MHZ")]
    pub crystal: Option<Crystal>,
    /// The application: an ELF file, or the .bin file of an ESP-IDF build [default: the one that comes with tbpki]
    #[arg(long, value_name = "FILE")]
    pub app: Option<PathBuf>,
    /// The partition table, in ESP-IDF's CSV or binary format [default: nvs and one application]
    #[arg(long, value_name = "FILE")]
    pub partitions: Option<PathBuf>,
    /// The offset of the partition table [default: firmware.partition_table_offset, 0x8000]
    #[arg(long, value_parser = parsed::<FlashOffset>(), value_name = "OFFSET")]
    pub partition_table_offset: Option<FlashOffset>,
    /// The bootloader of your project, for secure boot or another offset of the table [default: firmware.bootloader, then
    /// the one that comes with tbpki]
    #[arg(long, value_name = "FILE")]
    pub bootloader: Option<PathBuf>,
    /// The partition for the application [default: firmware.app_partition, then factory, then the first slot for updates]
    #[arg(long, value_parser = parsed::<PartitionName>(), value_name = "NAME")]
    pub app_partition: Option<PartitionName>,
    /// Pad flash.bin to the size of the flash, for emulators
    #[arg(long)]
    pub whole_flash: bool,
    /// The enrolment service.
    #[command(flatten)]
    pub enrolment: EnrolArgs,
}

/// The service from which devices fetch their certificates.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Enrolment")]
pub struct EnrolArgs {
    /// Let the devices fetch and renew their certificates from the enrolment service at URL (`tbpki serve`), for example
    /// `https://enroll.example.org:9443`; a device without a certificate gets a one-time password
    #[arg(long, value_name = "URL", value_parser = text())]
    pub enroll: Option<String>,
    /// The roots that the certificate of the enrolment service leads to (PEM) [default: those of this store's servers]
    #[arg(long, value_name = "FILE", requires = "enroll")]
    pub enroll_anchors: Option<PathBuf>,
    /// Days until the one-time passwords expire, or `none` [default: serve.password_days of keygen.toml, 90]
    #[arg(long, value_name = "DAYS", value_parser = password_days, requires = "enroll")]
    pub password_days: Option<PasswordLifetime>,
    /// Accept factory certificates of more than 397 days below the CA of a profile
    #[arg(long, requires = "enroll")]
    pub accept_long_certificates: bool,
}

/// The lifetime of one-time passwords: days, or `none`.
fn password_days(text: &str) -> Result<PasswordLifetime, Error> {
    match text {
        "none" => Ok(PasswordLifetime::Unlimited),
        days => days.parse::<Days>().map(|days| PasswordLifetime::Days(days.number())),
    }
}

/// The arguments of `tbpki bundle-firmware`.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("devices").args(["name", "device"]).multiple(true))]
pub struct BundleFirmwareArgs {
    /// The devices [default: the only device of the store]
    #[arg(value_parser = parsed::<DeviceName>(), value_name = "NAME", conflicts_with = "all")]
    #[arg(add = completion::devices())]
    pub(crate) name: Vec<DeviceName>,
    /// More devices (repeat for several)
    #[arg(long, value_parser = parsed::<DeviceName>(), value_name = "NAME", conflicts_with = "all")]
    #[arg(add = completion::devices())]
    pub(crate) device: Vec<DeviceName>,
    /// Create images for all devices of the store
    #[arg(long)]
    pub all: bool,
    /// Use pending renewals, for devices that are reflashed; the images are in CHIP-generation-N
    #[arg(long, requires = "devices", conflicts_with = "all")]
    pub pending: bool,
    /// The login of the devices
    #[arg(long, value_name = "HOW", default_value = "certificate")]
    pub auth: AuthKind,
    /// Write to DIR/NAME instead of the devices' directories in the store
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The label of the requests for certificates: the devices' profile, if the CA of a profile issues them
    #[arg(long, value_parser = parsed::<DeviceName>(), value_name = "PROFILE", requires = "enroll")]
    #[arg(help_heading = "Enrolment")]
    pub label: Option<DeviceName>,
    /// Encrypt the NVS partition, for applications that support it
    #[arg(long)]
    pub nvs_encryption: bool,
    /// Include the keys of the encrypted NVS partition in the image
    #[arg(long, requires = "nvs_encryption")]
    pub include_nvs_keys: bool,
    /// Add Espressif's esp_secure_cert partition, from which ESP-IDF's components read an identity
    #[arg(long)]
    pub esp_secure_cert: bool,
    /// Write a manifest.json for esp-web-tools, without the credentials
    #[arg(long)]
    pub manifest: bool,
    /// List the credentials in manifest.json; a web server then publishes them
    #[arg(long, requires = "manifest")]
    pub manifest_with_credentials: bool,
    /// Replace existing files; they are kept as FILE.old
    #[arg(long)]
    pub force: bool,
    /// Print what would happen, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The images.
    #[command(flatten)]
    pub firmware: FirmwareArgs,
}

/// The logins of devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AuthKind {
    /// With their certificates
    Certificate,
    /// With their access tokens, from the store
    Token,
}
