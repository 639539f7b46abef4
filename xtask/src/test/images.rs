//! Flash images of the real application for every chip, checked with Espressif's own tool.

use std::fs;
use std::path::Path;

use crate::error::{Doing, Error, Result};
use crate::run::{cargo, run};
use crate::workspace::{empty_directory, oracles, target};

/// The chips with Wi-Fi, which the application needs.
const CHIPS: &[&str] = &["esp32", "esp32s3", "esp32c2", "esp32c3", "esp32c6"];

/// Bundles a device's credentials with the application of the checkout, as a user in it does.
pub(super) fn check() -> Result<()> {
    cargo().args(["build", "--quiet", "--workspace", "--bin", "tbpki"]).show()?;
    let directory = target()?.join("images");
    empty_directory(&directory)?;
    let tbpki = |args: &[&str]| run(target()?.join("debug/tbpki")).directory(&directory).args(args).show();
    tbpki(&["init", "--no-input", "--insecure-no-passphrase"])?;
    tbpki(&["client", "--device", "pump-1"])?;
    for chip in CHIPS {
        tbpki(&["bundle-firmware", "--chip", chip, "--wifi-ssid", "workshop", "--broker", "broker.example"])?;
        check_image(chip, &directory.join("pki/devices/pump-1").join(chip))?;
    }
    Ok(())
}

/// Fails unless esptool accepts the parts and merges them into the same image.
fn check_image(chip: &str, image: &Path) -> Result<()> {
    let esptool = |args: &[&str]| {
        let python = oracles()?.join("venv/bin/python");
        run(python).directory(image).args(["-m", "esptool", "--chip", chip]).args(args).env("COLUMNS", "200").read()
    };
    for file in ["bootloader.bin", "application.bin"] {
        let seen = esptool(&["image-info", file])?;
        // One for the checksum and one for the hash.
        if seen.matches("(valid)").count() != 2 || seen.contains("invalid") {
            return Err(Error::new(format!("esptool rejects {file} of the {chip}:\n{seen}")));
        }
    }
    esptool(&["merge-bin", "--output", "merged.bin", "@flash_args"])?;
    let read = |name: &str| fs::read(image.join(name)).doing(format!("read {name} of the {chip}"));
    // Byte for byte: a wrong offset or a wrong fill byte would still have valid hashes.
    if read("merged.bin")? == read("flash.bin")? {
        Ok(())
    } else {
        Err(Error::new(format!("flash.bin of the {chip} differs from the image that esptool merges")))
    }
}
