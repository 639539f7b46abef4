//! `cargo xtask demo`: the main job, from nothing to a device that can log in.

use std::fs;
use std::path::Path;

use clap::Args;

use crate::error::{Doing, Result};
use crate::run::{cargo, run};
use crate::workspace::{on_path, target};

/// Run the main job in an empty directory, on defaults, with nothing but this repository
#[derive(Args)]
pub(crate) struct Demo {}

/// What is typed, in this order.
const STEPS: &[&[&str]] = &[
    &["init", "--no-input", "--insecure-no-passphrase"],
    &["server", "--out", "server"],
    &["client", "--device", "MyDevice"],
    &["verify", "pki/devices/MyDevice/chain.pem"],
    &["inspect", "pki/devices/MyDevice/cert.pem"],
    &["list"],
];

impl Demo {
    pub(crate) fn run(&self) -> Result<()> {
        cargo().args(["build", "--quiet", "--package", "tbpki", "--bin", "tbpki"]).show()?;
        let directory = target()?.join("demo");
        if directory.exists() {
            fs::remove_dir_all(&directory).doing(format!("remove {}", directory.display()))?;
        }
        fs::create_dir_all(&directory).doing(format!("make {}", directory.display()))?;
        println!("In {}:", directory.display());
        let tbpki = target()?.join("debug/tbpki");
        for step in STEPS {
            println!();
            run(&tbpki).directory(&directory).args(*step).show()?;
        }
        second_opinion(&directory)
    }
}

/// Asks openssl, where there is one, whether a broker would believe the device, and the device the broker.
fn second_opinion(directory: &Path) -> Result<()> {
    if on_path("openssl").is_none() {
        println!("\n(openssl is not here to be asked for a second opinion.)");
        return Ok(());
    }
    println!();
    let verify = ["verify", "-x509_strict", "-purpose"];
    let device = ["sslclient", "-CAfile", "server/clients-ca.pem", "pki/devices/MyDevice/cert.pem"];
    run("openssl").directory(directory).args(verify).args(device).show()?;
    let server = ["sslserver", "-CAfile", "server/cafile.pem", "-untrusted", "server/mqttserver.pem"];
    run("openssl").directory(directory).args(verify).args(server).arg("server/mqttserver.pem").show()
}
