//! The commands that every file of a release must be able to run, on a system without this repository.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::error::{Doing, Error, Result};
use crate::run::server::Server;

use super::super::release::Platform;

/// A system in which tbpki is installed, with a directory for a store in which all its commands run.
pub(super) trait Host {
    /// The command line of tbpki with these arguments.
    fn tbpki(&self, args: &[&str]) -> Command;

    /// The same for commands that use the network: that of the service and of its clients.
    fn online(&self, args: &[&str]) -> Command {
        self.tbpki(args)
    }
}

/// Commands for a new store, and the exit statuses that they may have.
const WALK: &[(&[&str], &[i32])] = &[
    (&["init", "--organization", "Acme", "--insecure-no-passphrase", "--no-input"], &[0]),
    // The address is for the enrolment service, since an empty system has no resolver.
    (&["server", "--name", "tb.example", "--san", "127.0.0.1", "--only-given-names", "--out", "server"], &[0]),
    (&["client", "--device", "pump-1"], &[0]),
    (&["verify", "pki/devices/pump-1/chain.pem"], &[0]),
    (&["list"], &[0]),
    (&["fleet", "issue", "--count", "1000", "--name-pattern", "s-{:04}", "--out", "fleet"], &[0]),
    (&["renew", "--server", "--due"], &[0]),
    // A new certificate is renewed only if its CA was replaced.
    (&["ca", "prepare", "devices-issuing"], &[0]),
    (&["ca", "confirm", "devices-issuing", "--server", "tb.example"], &[0]),
    (&["ca", "activate", "devices-issuing"], &[0]),
    (&["renew", "--device", "pump-1"], &[0]),
    (&["verify", "pki/devices/pump-1/chain.pem"], &[0]),
    // There is no platform from which the certificate could be taken.
    (&["revoke", "--device", "s-0007", "--reason", "keyCompromise"], &[0, 4]),
    (&["crl", "--out", "devices-crl.pem"], &[0]),
    (&["report", "--out", "fleet.html"], &[0]),
    (
        &["bundle-firmware", "--chip", "esp32c3", "--device", "pump-1", "--wifi-ssid", "x", "--broker", "tb.example"],
        &[0],
    ),
];

/// The commands of the service.
const SERVE: &[&str] = &[
    "serve",
    "--no-input",
    "--listen",
    "127.0.0.1:0",
    "--cert",
    "pki/servers/tb.example/mqttserver.pem",
    "--key",
    "pki/servers/tb.example/mqttserver_key.pem",
];

/// Makes a store and uses it with every command, and enrolls one device at the service.
pub(super) fn walk(host: &dyn Host, platform: Platform) -> Result<()> {
    check_version(&expect(host.tbpki(&["--version", "--json"]), &[0])?, platform)?;
    // Before the walk, whose `init` fails if this one leaves a file.
    check_module(host, platform)?;
    WALK.iter().try_for_each(|(args, statuses)| expect(host.tbpki(args), statuses).map(drop))?;
    let service = serve(host)?;
    enroll(host, &service, "pump-2")?;
    service.end()
}

/// Starts the enrolment service of the store on a free port.
pub(super) fn serve(host: &dyn Host) -> Result<Server> {
    let mut command = host.online(SERVE);
    // The address is a message, and not a result.
    Server::start(command.stdout(Stdio::null()).stderr(Stdio::piped()), "EST: ")
}

/// Fetches the first certificate of a device over the network.
pub(super) fn enroll(host: &dyn Host, service: &Server, device: &str) -> Result<()> {
    let (password, cert, key) =
        (format!("{device}.password"), format!("{device}/cert.pem"), format!("{device}/key.pem"));
    expect(host.online(&["enroll", "password", "--device", device, "--out", &password]), &[0])?;
    let fetch = ["enroll", "fetch", "--est", &service.address, "--cafile", "pki/ca/server-root/cert.pem", "--device"];
    let files = [device, "--password-file", &password, "--cert", &cert, "--key", &key];
    expect(host.online(&[&fetch[..], &files].concat()), &[0])?;
    expect(host.tbpki(&["verify", &cert]), &[0]).map(drop)
}

/// Runs a command, and returns its standard output if it ends with one of these exit statuses.
pub(super) fn expect(mut command: Command, statuses: &[i32]) -> Result<String> {
    let (status, stdout, stderr) = output(&mut command)?;
    if status.is_some_and(|status| statuses.contains(&status)) {
        return Ok(stdout);
    }
    let status = status.map_or("a signal".to_owned(), |status| format!("status {status}"));
    Err(Error::new(format!("{} ended with {status}:\n{stdout}{stderr}", line(&command))))
}

/// The exit status, the standard output and the standard error.
fn output(command: &mut Command) -> Result<(Option<i32>, String, String)> {
    eprintln!("$ {}", line(command));
    let done = command.output().doing(format!("start {}", command.get_program().display()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((done.status.code(), text(&done.stdout), text(&done.stderr)))
}

/// The command as a user types it: without what leads into the system.
fn line(command: &Command) -> String {
    let words: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy()).collect();
    let at = words.iter().rposition(|word| word.ends_with("/tbpki") || word.starts_with("localhost/tbpki:"));
    let args = at.map_or(words.as_slice(), |at| words.get(at + 1..).unwrap_or_default());
    let program = if at.is_some() { "tbpki".into() } else { command.get_program().to_string_lossy() };
    format!("{program} {}", args.join(" "))
}

/// Fails unless the program is that of the platform and finds the firmware that came with it.
fn check_version(json: &str, platform: Platform) -> Result<()> {
    let report: Value = serde_json::from_str(json).doing("read the output of tbpki --version --json")?;
    let text = |pointer: &str| report.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    if text("/result/target") != platform.target() {
        return Err(Error::new(format!("the program is for {:?}", text("/result/target"))));
    }
    let firmware = report.pointer("/result/firmware").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let matches = |file: &Value| file.get("matches") == Some(&Value::Bool(true));
    if firmware.is_empty() || !firmware.iter().all(matches) {
        return Err(Error::new(format!("the firmware that came with the program is not found, or damaged:\n{json}")));
    }
    Ok(())
}

/// Fails unless the program names a missing PKCS#11 module, or that it can load none.
fn check_module(host: &dyn Host, platform: Platform) -> Result<()> {
    let uri = "pkcs11:token=x?module-path=/usr/lib/missing.so";
    let init = ["init", "--insecure-no-passphrase", "--no-input", "--devices-key", uri];
    let (status, _, stderr) = output(&mut host.tbpki(&init))?;
    let code = if platform.is_static() { "TBPKI-0284" } else { "TBPKI-0286" };
    if status == Some(1) && stderr.contains(code) {
        return Ok(());
    }
    Err(Error::new(format!("a missing PKCS#11 module is not reported as {code}, but:\n{stderr}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_another_platform_and_missing_firmware_are_faults() {
        let report = |target: &str, firmware: &str| {
            format!(r#"{{"result": {{"target": "{target}", "firmware": [{firmware}]}}}}"#)
        };
        let check = |json: String| check_version(&json, Platform::X86_64Musl);
        assert!(check(report("x86_64-unknown-linux-musl", r#"{"matches": true}"#)).is_ok());
        assert!(check(report("x86_64-unknown-linux-gnu", r#"{"matches": true}"#)).is_err());
        assert!(check(report("x86_64-unknown-linux-musl", "")).is_err());
        assert!(check(report("x86_64-unknown-linux-musl", r#"{"matches": false}"#)).is_err());
    }

    #[test]
    fn a_command_is_printed_as_a_user_types_it() {
        let mut command = Command::new("unshare");
        command.args(["--root=/x", "/usr/bin/tbpki", "list", "--json"]);
        assert_eq!(line(&command), "tbpki list --json");
        let mut command = Command::new("unshare");
        command.args(["--root=/x", "dpkg", "--install"]);
        assert_eq!(line(&command), "unshare --root=/x dpkg --install");
    }
}
