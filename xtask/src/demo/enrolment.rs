//! The part of the demo in which a device fetches its certificate over the network, and renews it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{narrate, tbpki};
use crate::error::{Doing, Result};
use crate::run::server::Server;
use crate::workspace::target;

/// The device: this machine, as a gateway without a store would do it.
const DEVICE: &str = "gateway-1";

/// Shows a first certificate and a renewal.
pub(super) fn show(directory: &Path) -> Result<()> {
    narrate("Start the enrolment service (EST), which issues certificates over the network.");
    let certificate = ["--cert", "server/mqttserver.pem", "--key", "server/mqttserver_key.pem"];
    // A free port: a developer may have a service on the usual one.
    let listen = ["serve", "--listen", "127.0.0.1:0"];
    println!("$ tbpki {} {}", listen.join(" "), certificate.join(" "));
    let mut command = Command::new(target()?.join("debug/tbpki"));
    command.args(listen).args(certificate).stdout(Stdio::null()).stderr(Stdio::piped());
    let service = Server::start(command.current_dir(directory), "EST: https://")?;
    // By name, because the certificate of the service has to hold what clients connect to.
    let url = format!("https://{}", service.address.replace("127.0.0.1", "localhost"));
    println!("EST: {url}");
    let device = directory.join(DEVICE);
    fs::create_dir_all(&device).doing(format!("make {}", device.display()))?;

    narrate("Make a one-time password for a device.");
    tbpki(directory, &["enroll", "password", "--device", DEVICE, "--out", "gateway-1.password"])?;
    narrate("As the device: make a key here, and fetch the first certificate with the password.");
    let files = ["--est", &url, "--cafile", "server/cafile.pem"];
    let own = ["--cert", "gateway-1/cert.pem", "--key", "gateway-1/key.pem"];
    let fetch = ["enroll", "fetch", "--device", DEVICE, "--password-file", "gateway-1.password"];
    tbpki(directory, &[&fetch[..], &files, &own].concat())?;
    narrate("As the device, some time later: renew the certificate with the one that it has, and a new key.");
    tbpki(directory, &[&["renew"][..], &files, &own].concat())?;
    narrate("The ledger has the second one as the current one: the device has proven that it uses it.");
    tbpki(directory, &["list", "--name", DEVICE])
}
