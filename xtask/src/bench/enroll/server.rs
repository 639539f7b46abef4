//! The servers that are compared.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::bench::measure::processor_time;
use crate::error::Result;
use crate::run::server::Server;
use crate::workspace::target;

/// The service's certificate and its key in the store.
const CERTIFICATE: [&str; 2] = ["pki/servers/localhost/mqttserver.pem", "pki/servers/localhost/mqttserver_key.pem"];

/// `tbpki serve` with its default settings.
pub(super) fn tbpki(directory: &Path) -> Result<Server> {
    let [certificate, key] = CERTIFICATE;
    let mut command = Command::new(target()?.join("release/tbpki"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--cert", certificate, "--key", key]);
    command.env("STATE_DIRECTORY", directory.join("state"));
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    Server::start(command.current_dir(directory), "EST: https://")
}

/// A server of the same TLS library that does handshakes alone.
pub(super) fn bare(directory: &Path) -> Result<Server> {
    let mut command = Command::new(target()?.join("release/enroll-load"));
    command.arg("bare").args(CERTIFICATE).stdout(Stdio::piped()).stderr(Stdio::inherit());
    Server::start(command.current_dir(directory), "")
}

/// The processor time that a server uses while `clients` run.
pub(super) fn busy_with(server: &Server, clients: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let before = processor_time(server.process());
    clients()?;
    Ok(processor_time(server.process()).saturating_sub(before))
}
