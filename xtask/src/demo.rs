//! `cargo xtask demo`: the main job, from nothing to a device that can log in.

mod enrolment;
pub(crate) mod pictures;
pub(crate) mod simulator;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::error::{Doing, Result};
use crate::run::{cargo, run};
use crate::setup::risc_v;
use crate::workspace::{empty_directory, on_path, target};

use simulator::Simulator;

/// Run the main job in an empty directory, with defaults, from this repository alone
#[derive(Args)]
pub(crate) struct Demo {
    /// The chip that the flash image is made for
    #[arg(long, default_value = "esp32c3")]
    chip: String,
}

/// A command, and what it shows.
type Shown = (&'static str, &'static [&'static str]);

/// Commands that create a store and the files of a server, in this order.
const BEFORE: &[Shown] = &[
    ("Make keygen.toml, a store, and four CAs.", &["init", "--no-input", "--insecure-no-passphrase"]),
    ("Make the identity of the broker, and the settings for ThingsBoard.", &["server", "--out", "server"]),
];

/// The command that needs a running ThingsBoard with that server's keys.
const REGISTER: &[&str] = &["client", "--device", "MyDevice", "--register"];

/// Commands that make a fleet.
const FLEET: &[Shown] = &[(
    "Make the identities of a thousand devices.",
    &["fleet", "issue", "--count", "1000", "--name-pattern", "sensor-{:04}", "--out", "fleet"],
)];

/// Commands that inspect the result.
const AFTER: &[Shown] = &[
    ("Verify the device's chain as a broker does.", &["verify", "pki/devices/MyDevice/chain.pem"]),
    ("Read the device's certificate.", &["inspect", "pki/devices/MyDevice/cert.pem"]),
    ("List the identities that are not of the fleet, with their ends.", &["list", "--name", "MyDevice"]),
    ("Write a page about the fleet for people without tbpki.", &["report", "--out", "fleet.html"]),
];

/// Commands for a reader who continues in the directory of the demo.
const NEXT: &[Shown] = &[
    (
        "ten thousand devices in one archive",
        &["fleet", "issue", "--count", "10000", "--name-pattern", "valve-{:05}", "--archive", "valves.tar.zst"],
    ),
    ("lock out a stolen device", &["revoke", "--device", "sensor-0007", "--reason", "keyCompromise"]),
    ("revocation lists for a broker", &["crl", "--out", "devices-crl.pem"]),
    ("the meaning of a code", &["explain", "TBPKI-0162"]),
];

impl Demo {
    pub(crate) fn run(&self) -> Result<()> {
        let programs = ["--package", "tbpki", "--bin", "tbpki", "--package", "tbpki-tb-sim", "--bin", "tbpki-tb-sim"];
        narrate("Build tbpki and a simulator of ThingsBoard. The first build takes some minutes.");
        cargo().arg("build").args(programs).show()?;
        let directory = target()?.join("demo");
        // A store of the last demo would be found by `init`, which refuses it.
        empty_directory(&directory)?;
        println!("\nAll commands run in {}.", directory.display());
        for (text, step) in BEFORE {
            narrate(text);
            tbpki(&directory, step)?;
        }
        let sim = Simulator::start(
            &target()?.join("debug/tbpki-tb-sim"),
            // Free ports: a developer may have a ThingsBoard on the usual ones.
            &["--thingsboard-env", "server/thingsboard.env", "--port", "0", "--mqtts-port", "0", "--control", "--json"],
            &directory,
        )?;
        println!("\ntb-sim, a simulator of ThingsBoard, runs at {} with server/thingsboard.env.", sim.url);
        let password = directory.join("tb-password");
        fs::write(&password, "tenant\n").doing(format!("write {}", password.display()))?;
        // tbpki warns about a password file that others can read.
        fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).doing("set the mode of the password file")?;
        let platform =
            ["--platform-url", &sim.url, "--platform-user", &sim.user, "--platform-password-file", "tb-password"];
        narrate("Make a device's identity, and register it with the platform.");
        tbpki(&directory, &[REGISTER, &platform].concat())?;
        narrate("Log in as the device, layer by layer, and publish a value.");
        let broker = format!("localhost:{}", sim.mqtts_port);
        tbpki(&directory, &["check", &broker, "--device", "MyDevice", "--telemetry"])?;
        println!("\nReceived telemetry: {}", sim.telemetry("MyDevice")?);
        publish(&directory, &sim)?;
        for (text, step) in FLEET {
            narrate(text);
            tbpki(&directory, step)?;
        }
        narrate("Register the fleet. The same command continues after an interruption.");
        tbpki(&directory, &[&["fleet", "register", "--job", "1"][..], &platform].concat())?;
        // The remaining commands need no platform: they read the store alone.
        drop(sim);
        for (text, step) in AFTER {
            narrate(text);
            tbpki(&directory, step)?;
        }
        enrolment::show(&directory)?;
        second_opinion(&directory)?;
        self.image(&directory)?;
        try_next(&directory)
    }

    /// Makes a flash image. It comes last, because the firmware may have to be built.
    fn image(&self, directory: &Path) -> Result<()> {
        narrate("Make a flash image with the device's credentials.");
        let wifi = ["--device", "MyDevice", "--wifi-ssid", "demo", "--broker", "localhost"];
        let bundle = run(target()?.join("debug/tbpki"))
            .directory(directory)
            .args(["bundle-firmware", "--chip", &self.chip])
            .args(wifi);
        if let Some(firmware) = firmware_in_the_box(&self.chip)? {
            return bundle.env("TBPKI_FIRMWARE", firmware).show();
        }
        println!("There is no firmware for the {} yet: tbpki builds it, which takes some minutes.", self.chip);
        for target in risc_v::missing()? {
            println!("rustup adds the target {target} to your toolchain; `rustup target remove {target}` removes it.");
        }
        risc_v::install()?;
        bundle.show()
    }
}

/// The directory with the firmware of a chip: of an earlier build, or of an installed package.
fn firmware_in_the_box(chip: &str) -> Result<Option<PathBuf>> {
    // The one that was built here comes first: it is as new as the code.
    let places = [target()?.join("firmware"), PathBuf::from("/usr/share/tbpki/firmware")];
    // The hash and not the application: tbpki takes no application without it.
    let has_firmware = |place: &PathBuf| place.join(format!("{chip}.elf.sha256")).is_file();
    Ok(places.into_iter().find(has_firmware))
}

fn narrate(text: &str) {
    println!("\n== {text}");
}

/// Prints what a reader can try in the directory of the demo.
fn try_next(directory: &Path) -> Result<()> {
    println!("\nTry next:\n\n  cd {}", directory.display());
    let program = target()?.join("debug/tbpki");
    for (text, command) in NEXT {
        println!("  {} {}\n      # {text}", program.display(), command.join(" "));
    }
    println!("\nOpen {} in a browser to see the fleet.", directory.join("fleet.html").display());
    println!("Everything that the demo made is in this directory; remove it with `rm -r {}`.", directory.display());
    println!("The guide begins with docs/src/guide/first-steps.md.");
    Ok(())
}

fn tbpki(directory: &Path, args: &[&str]) -> Result<()> {
    run(target()?.join("debug/tbpki")).directory(directory).args(args).show()
}

/// Publishes a reading with mosquitto_pub, if it is installed, and prints the received telemetry.
fn publish(directory: &Path, sim: &Simulator) -> Result<()> {
    if on_path("mosquitto_pub").is_none() {
        println!("\n(mosquitto_pub is not installed: the step that publishes with it is skipped.)");
        return Ok(());
    }
    narrate("Publish with mosquitto_pub, which reads the device's files.");
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
    narrate("Let openssl verify both certificates.");
    let verify = ["verify", "-x509_strict", "-purpose"];
    // The file has the issuing CA too, so the leaf alone is enough.
    let device = ["sslclient", "-CAfile", "server/clients-ca.pem", "pki/devices/MyDevice/cert.pem"];
    run("openssl").directory(directory).args(verify).args(device).show()?;
    let server = ["sslserver", "-CAfile", "server/cafile.pem", "-untrusted", "server/mqttserver.pem"];
    run("openssl").directory(directory).args(verify).args(server).arg("server/mqttserver.pem").show()
}
