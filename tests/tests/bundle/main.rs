//! `tbpki bundle-firmware`, held to Espressif's own tools.

mod bad_input;
mod device_record;
mod devices;
mod enrolment;
mod golden;
mod images;
mod nvs;
mod partitions;
use devkit::chip::Chip;
use tbpki_tests::oracle::venv;
use tbpki_tests::{Outcome, Sandbox, Tool};
use testkit::application::Sample;

/// A store with one device, and an application for each chip: `esp32c3.elf` and so on.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "pump-1"]);
    for chip in Chip::ALL {
        sandbox.write(format!("{}.elf", chip.name()), Sample::new(chip.name()).elf());
    }
    sandbox.write("wifi-password", "a wireless password\n");
    sandbox.hides("a wireless password");
    sandbox
}

/// The arguments that every image needs.
fn args<'a>(chip: &'a str, app: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let common = ["bundle-firmware", "--chip", chip, "--app", app, "--broker", "broker.example"];
    let network = ["--wifi-ssid", "workshop", "--wifi-password-file", "wifi-password"];
    common.iter().chain(&network).chain(more).copied().collect()
}

/// Makes an image for the esp32c3.
#[track_caller]
fn bundled(sandbox: &Sandbox, more: &[&str]) -> Outcome {
    sandbox.ok(args("esp32c3", "esp32c3.elf", more))
}

/// Espressif's esptool, about to run.
fn esptool(sandbox: &Sandbox) -> Tool {
    // A wide terminal: esptool breaks its lines at the width, and the tests look for texts in them.
    Tool::new(venv("python")).args(["-m", "esptool"]).directory(sandbox.path()).env("COLUMNS", "200")
}
