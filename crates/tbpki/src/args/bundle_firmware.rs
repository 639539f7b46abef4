//! `tbpki bundle-firmware`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::text;

/// What images have in common, of one device or of a fleet.
#[derive(Debug, Clone, Args)]
pub struct FirmwareArgs {
    /// The chip: esp32, esp32s3, esp32c2, esp32c3, esp32c6, esp32h2 [default: firmware.chip of keygen.toml]
    #[arg(long, value_parser = text(), value_name = "CHIP")]
    pub chip: Option<String>,
    /// The broker's host name or address, as its certificate names it [default: firmware.mqtt_host, then server.name,
    /// then the only server of the store]
    #[arg(long, value_parser = text(), value_name = "HOST")]
    pub broker: Option<String>,
    /// The broker's port for MQTT over TLS [default: firmware.mqtt_port, 8883]
    #[arg(long, value_parser = text(), value_name = "N")]
    pub port: Option<String>,
    /// Let the devices accept any name in the broker's certificate
    #[arg(long)]
    pub skip_host_name_check: bool,
    /// The wireless network [default: firmware.wifi_ssid]
    #[arg(long, value_parser = text(), value_name = "SSID")]
    pub wifi_ssid: Option<String>,
    /// Read the network's password from FILE (`-` for standard input)
    #[arg(long, value_name = "FILE")]
    pub wifi_password_file: Option<PathBuf>,
    /// The size of the flash [default: firmware.flash_size, 4MB]
    #[arg(long, value_parser = text(), value_name = "SIZE")]
    pub flash_size: Option<String>,
    /// The crystal of the board in MHz, 26 or 40, for ESP32 and ESP32-C2 [default: 40]
    #[arg(long, value_parser = text(), value_name = "MHZ")]
    pub crystal: Option<String>,
    /// The application: an ELF file, or the .bin of ESP-IDF's build [default: tbpki's own]
    #[arg(long, value_name = "FILE")]
    pub app: Option<PathBuf>,
    /// The partition table, in ESP-IDF's CSV or binary [default: nvs and one application]
    #[arg(long, value_name = "FILE")]
    pub partitions: Option<PathBuf>,
    /// Fill flash.bin up to the size of the flash, as emulators want it
    #[arg(long)]
    pub whole_flash: bool,
}

/// The arguments of `tbpki bundle-firmware`.
#[derive(Debug, Clone, Args)]
pub struct BundleFirmwareArgs {
    /// What the images are made of.
    #[command(flatten)]
    pub firmware: FirmwareArgs,
    /// A device to make an image for (repeat) [default: the only one of the store]
    #[arg(long, value_parser = text(), value_name = "NAME", conflicts_with = "all")]
    pub device: Vec<String>,
    /// Make an image for every device of the store
    #[arg(long)]
    pub all: bool,
    /// How the devices log in
    #[arg(long, value_name = "HOW", default_value = "certificate")]
    pub auth: AuthKind,
    /// Write to DIR/NAME instead of the devices' directories in the store
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Encrypt the NVS partition, for an application that reads it
    #[arg(long)]
    pub nvs_encryption: bool,
    /// Put the keys of the encrypted NVS into the image, too
    #[arg(long, requires = "nvs_encryption")]
    pub include_nvs_keys: bool,
    /// Also write Espressif's esp_secure_cert partition, where ESP-IDF's components look for an identity
    #[arg(long)]
    pub esp_secure_cert: bool,
    /// Write a manifest.json for esp-web-tools, without the credentials
    #[arg(long)]
    pub manifest: bool,
    /// List the credentials in it, too: whatever a web server hands out is public
    #[arg(long, requires = "manifest")]
    pub manifest_with_credentials: bool,
    /// Replace files that are there; they are kept as FILE.old
    #[arg(long)]
    pub force: bool,
    /// Say what would happen and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// How devices log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AuthKind {
    /// With their certificates
    Certificate,
    /// With their access tokens, from the store
    Token,
}
