//! `cargo xtask demo`: the main job, from nothing to a device that can log in.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use clap::Args;

use crate::error::{Doing, Result};
use crate::run::{cargo, run};
use crate::setup::risc_v;
use crate::simulator::Simulator;
use crate::workspace::{on_path, target};

/// Run the main job in an empty directory, with defaults, from this repository alone
#[derive(Args)]
pub(crate) struct Demo {
    /// The chip that the flash image is made for
    #[arg(long, default_value = "esp32c3")]
    chip: String,
}

/// Commands that create a store and the files of a server, in this order.
const BEFORE: &[&[&str]] = &[&["init", "--no-input", "--insecure-no-passphrase"], &["server", "--out", "server"]];

/// The command that needs a running ThingsBoard with that server's keys.
const REGISTER: &[&str] = &["client", "--device", "MyDevice", "--register"];

/// Commands that inspect the result.
const AFTER: &[&[&str]] =
    &[&["verify", "pki/devices/MyDevice/chain.pem"], &["inspect", "pki/devices/MyDevice/cert.pem"], &["list"]];

impl Demo {
    pub(crate) fn run(&self) -> Result<()> {
        let programs = ["--package", "tbpki", "--bin", "tbpki", "--package", "tbpki-tb-sim", "--bin", "tbpki-tb-sim"];
        cargo().args(["build", "--quiet"]).args(programs).show()?;
        let directory = target()?.join("demo");
        if directory.exists() {
            fs::remove_dir_all(&directory).doing(format!("remove {}", directory.display()))?;
        }
        fs::create_dir_all(&directory).doing(format!("make {}", directory.display()))?;
        println!("In {}:", directory.display());
        for step in BEFORE {
            tbpki(&directory, step)?;
        }
        let sim = Simulator::start(
            &target()?.join("debug/tbpki-tb-sim"),
            &["--thingsboard-env", "server/thingsboard.env", "--port", "0", "--mqtts-port", "0", "--control", "--json"],
            &directory,
        )?;
        println!("\ntb-sim, a simulator of ThingsBoard, runs at {} with server/thingsboard.env.", sim.url);
        let password = directory.join("tb-password");
        fs::write(&password, "tenant\n").doing(format!("write {}", password.display()))?;
        fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).doing("set the mode of the password file")?;
        let platform =
            ["--platform-url", &sim.url, "--platform-user", &sim.user, "--platform-password-file", "tb-password"];
        tbpki(&directory, &[REGISTER, &platform].concat())?;
        let broker = format!("localhost:{}", sim.mqtts_port);
        tbpki(&directory, &["check", &broker, "--device", "MyDevice", "--telemetry"])?;
        println!("\nReceived telemetry: {}", sim.telemetry("MyDevice")?);
        publish(&directory, &sim)?;
        drop(sim);
        risc_v::install()?;
        let wifi = ["--wifi-ssid", "demo", "--broker", "localhost"];
        tbpki(&directory, &[&["bundle-firmware", "--chip", &self.chip][..], &wifi].concat())?;
        for step in AFTER {
            tbpki(&directory, step)?;
        }
        second_opinion(&directory)
    }
}

fn tbpki(directory: &Path, args: &[&str]) -> Result<()> {
    println!();
    run(target()?.join("debug/tbpki")).directory(directory).args(args).show()
}

/// Publishes a reading with mosquitto_pub, if it is installed, and prints the received telemetry.
fn publish(directory: &Path, sim: &Simulator) -> Result<()> {
    if on_path("mosquitto_pub").is_none() {
        println!("\n(mosquitto_pub is not installed: the step that publishes with it is skipped.)");
        return Ok(());
    }
    println!();
    let files = ["--cafile", "tb-server-chain.pem", "--key", "key.pem", "--cert", "chain.pem"];
    let message = ["-t", "v1/devices/me/telemetry", "-m", "{\"temperature\":25}"];
    run("mosquitto_pub")
        .directory(directory.join("pki/devices/MyDevice"))
        .args(files)
        .args(["-q", "1", "-h", "localhost", "-p", &sim.mqtts_port.to_string()])
        .args(message)
        .show()?;
    println!("Received telemetry: {}", sim.telemetry("MyDevice")?);
    Ok(())
}

/// Verifies the device's and the server's certificate with openssl, if it is installed.
fn second_opinion(directory: &Path) -> Result<()> {
    if on_path("openssl").is_none() {
        println!("\n(openssl is not installed: the step that verifies with it is skipped.)");
        return Ok(());
    }
    println!();
    let verify = ["verify", "-x509_strict", "-purpose"];
    let device = ["sslclient", "-CAfile", "server/clients-ca.pem", "pki/devices/MyDevice/cert.pem"];
    run("openssl").directory(directory).args(verify).args(device).show()?;
    let server = ["sslserver", "-CAfile", "server/cafile.pem", "-untrusted", "server/mqttserver.pem"];
    run("openssl").directory(directory).args(verify).args(server).arg("server/mqttserver.pem").show()
}
