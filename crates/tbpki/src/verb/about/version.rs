//! `tbpki --version --json`.

use std::io::{self, Write};

use base::file::OwnerTrust;
use devkit::application::{self, ShippedFirmware};
use devkit::chip::Chip;
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::Report;
use crate::verb::bundle_firmware::places;

/// The program and its parts.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VersionReport {
    /// The version of tbpki.
    pub(crate) program: &'static str,
    /// The commit of the source; absent if the build was not made by `cargo xtask dist`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<&'static str>,
    /// The target of the compiler, for example `x86_64-unknown-linux-musl`.
    pub(crate) target: &'static str,
    /// The features of this build: `pkcs11` if it can load PKCS#11 modules, `postgresql` if it can share a ledger.
    pub(crate) features: Vec<&'static str>,
    /// The libraries for cryptography, TLS and the ledger.
    pub(crate) providers: Vec<Provider>,
    /// The firmware files that `bundle-firmware` finds without `--app`.
    pub(crate) firmware: Vec<FirmwareFile>,
}

/// A library.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Provider {
    /// The name, for example `aws-lc-rs`.
    pub(crate) name: &'static str,
    /// The version of the library that is linked.
    pub(crate) version: String,
}

/// A firmware file for a chip.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FirmwareFile {
    /// The chip, for example `esp32c3`.
    pub(crate) chip: &'static str,
    /// The ELF file of the application.
    pub(crate) path: String,
    /// The SHA-256 of the file in hexadecimal; absent if the file cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sha256: Option<String>,
    /// Whether the file matches its `.sha256` file. `bundle-firmware` rejects a file that does not.
    pub(crate) matches: bool,
}

/// The report about this program.
pub(crate) fn report() -> VersionReport {
    let mut features = vec!["postgresql"];
    if pki::pkcs11::LOADS_MODULES {
        features.insert(0, "pkcs11");
    }
    VersionReport {
        program: env!("CARGO_PKG_VERSION"),
        commit: option_env!("TBPKI_COMMIT").filter(|commit| !commit.is_empty()),
        target: env!("TBPKI_TARGET"),
        features,
        providers: vec![
            Provider { name: "aws-lc-rs", version: env!("TBPKI_AWS_LC_RS").to_owned() },
            Provider { name: "rustls", version: env!("TBPKI_RUSTLS").to_owned() },
            Provider { name: "sqlite", version: ledger::sqlite_version().to_owned() },
        ],
        firmware: firmware(),
    }
}

/// The shipped firmware; none if the working directory does not exist.
fn firmware() -> Vec<FirmwareFile> {
    let Ok(places) = places(None, OwnerTrust::default()) else { return Vec::new() };
    let file = |chip: Chip, found: ShippedFirmware| FirmwareFile {
        chip: chip.name(),
        path: found.path.to_string_lossy().into_owned(),
        sha256: found.sha256,
        matches: found.matches,
    };
    Chip::ALL.into_iter().filter_map(|chip| Some(file(chip, application::shipped(chip, &places)?))).collect()
}

impl Report for VersionReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "tbpki {}", self.program)
    }
}
