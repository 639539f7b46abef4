//! TPMs for tests: swtpm's, as a PKCS#11 token through Debian's tpm2-pkcs11.
//!
//! A TPM has room for three keys at a time. On a host, the kernel shares it among programs (`/dev/tpmrm0`); here tpm2-abrmd does,
//! on a D-Bus of its own.

use std::env::consts::ARCH;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::oracle::program;
use crate::sandbox::Sandbox;
use crate::tool::{Outcome, Tool};

/// The label of the token.
const TOKEN: &str = "board";
/// The name of the bus itself, and of its interface.
const BUS: &str = "org.freedesktop.DBus";
/// The PIN of the token.
const PIN: &str = "pin-of-the-tpm-4711";
/// The PIN of the one who may set PINs.
const SO_PIN: &str = "so-pin-4711";
/// Longer than a TPM has ever taken to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running TPM with a token. It ends when this is dropped.
pub struct Tpm {
    /// The TPM, the bus, and the resource manager.
    children: Vec<Child>,
    directory: TempDir,
    /// Of tpm2-pkcs11.
    module: PathBuf,
}

impl Tpm {
    /// One with an empty token. The file `pin` in the sandbox holds the PIN, and a test stops in which that is printed.
    ///
    /// # Panics
    /// If it does not start.
    #[track_caller]
    pub fn start(sandbox: &Sandbox) -> Self {
        let module = PathBuf::from(format!("/usr/lib/{ARCH}-linux-gnu/libtpm2_pkcs11.so.1"));
        assert!(module.exists(), "{} is not there: run `cargo xtask setup`", module.display());
        let directory = tempfile::Builder::new().prefix("tbpki-test-tpm-").tempdir().unwrap();
        ["state", "store"].iter().for_each(|name| fs::create_dir(directory.path().join(name)).unwrap());
        let mut tpm = Self { children: Vec::new(), directory, module };
        let socket = |name: &str| format!("type=unixio,path={}", tpm.path(name).display());
        let state = format!("dir={}", tpm.path("state").display());
        let swtpm = ["socket", "--tpm2", "--flags", "not-need-init,startup-clear", "--tpmstate", &state];
        // The library finds the second socket by the name of the first.
        let sockets = ["--server", &socket("tpm"), "--ctrl", &socket("tpm.ctrl")];
        tpm.spawn("swtpm", &[&swtpm[..], &sockets].concat());
        tpm.wait_until("swtpm listens", |tpm| UnixStream::connect(tpm.path("tpm")).is_ok());
        let address = format!("--address={}", tpm.bus());
        tpm.spawn("dbus-daemon", &["--session", &address, "--nofork", "--nopidfile", "--nosyslog"]);
        tpm.wait_until("the bus listens", |tpm| UnixStream::connect(tpm.path("bus")).is_ok());
        let device = format!("--tcti=swtpm:path={}", tpm.path("tpm").display());
        tpm.spawn("tpm2-abrmd", &["--session", "--allow-root", &device]);
        // A client that comes too early waits for half a minute. The bus is asked, because `busctl status` reads more of the
        // process than some containers show.
        let question = ["call", BUS, "/org/freedesktop/DBus", BUS, "NameHasOwner", "s", "com.intel.tss2.Tabrmd"];
        tpm.wait_until("the resource manager is on the bus", |tpm| {
            let busctl =
                Command::new(program("busctl")).arg(format!("--address={}", tpm.bus())).args(question).output();
            String::from_utf8_lossy(&busctl.unwrap().stdout).contains("true")
        });
        tpm.pkcs11_tool(&["--slot-index", "0", "--init-token", "--label", TOKEN, "--so-pin", SO_PIN]).ok();
        let log_in = ["--token-label", TOKEN, "--login", "--login-type", "so", "--so-pin", SO_PIN];
        tpm.pkcs11_tool(&[&log_in[..], &["--init-pin", "--pin", PIN]].concat()).ok();
        let pin = sandbox.write("pin", format!("{PIN}\n"));
        // tbpki warns about a PIN file that others may read.
        fs::set_permissions(pin, fs::Permissions::from_mode(0o600)).unwrap();
        sandbox.hides(PIN);
        tpm
    }

    /// The URI of the token, with more attributes behind it.
    pub fn uri(&self, more: &str) -> String {
        format!("pkcs11:token={TOKEN}{more}?module-path={}", self.module.display())
    }

    /// Lets a program see the token.
    #[must_use]
    pub fn seen_by(&self, tool: Tool) -> Tool {
        let tool = tool.env("DBUS_SESSION_BUS_ADDRESS", self.bus()).env("TPM2_PKCS11_TCTI", "tabrmd:bus_type=session");
        let tool = tool.env("TPM2_PKCS11_STORE", self.path("store"));
        // Its libraries log every call that a chip does not have.
        tool.env("TSS2_LOG", "all+none").env("TPM2_PKCS11_LOG_LEVEL", "0")
    }

    /// The labels of the private keys in the token, as OpenSC lists them.
    #[track_caller]
    pub fn keys(&self) -> Vec<String> {
        let listed = self.logged_in(&["--list-objects", "--type", "privkey"]).stdout_text();
        let labels = listed.lines().filter_map(|line| line.trim().strip_prefix("label:"));
        let mut labels: Vec<String> = labels.map(|label| label.trim().to_owned()).collect();
        labels.sort();
        labels
    }

    /// The public half of the key with this label (`SubjectPublicKeyInfo`, DER), as OpenSC reads it.
    #[track_caller]
    pub fn public_key(&self, label: &str) -> Vec<u8> {
        let file = self.path("public-key.der");
        let out = file.to_str().unwrap();
        self.logged_in(&["--read-object", "--type", "pubkey", "--label", label, "--output-file", out]);
        fs::read(file).unwrap()
    }

    #[track_caller]
    fn logged_in(&self, args: &[&str]) -> Outcome {
        self.pkcs11_tool(&[&["--token-label", TOKEN, "--login", "--pin", PIN], args].concat()).ok()
    }

    #[track_caller]
    fn pkcs11_tool(&self, args: &[&str]) -> Outcome {
        self.seen_by(Tool::new(program("pkcs11-tool")).arg("--module").arg(&self.module)).args(args).run()
    }

    /// Starts a program that ends with this TPM. Its output is in the file `log`.
    #[track_caller]
    fn spawn(&mut self, name: &str, args: &[&str]) {
        let log = File::options().create(true).append(true).open(self.path("log")).unwrap();
        let child = Command::new(program(name))
            .args(args)
            .env("DBUS_SESSION_BUS_ADDRESS", self.bus())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        self.children.push(child.unwrap_or_else(|error| panic!("cannot start {name}: {error}")));
    }

    #[track_caller]
    fn wait_until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            let ended = self.children.iter_mut().any(|child| child.try_wait().unwrap().is_some());
            let log = fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(!ended && Instant::now() < deadline, "not seen: {what}\n{log}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The address of the bus.
    fn bus(&self) -> String {
        format!("unix:path={}", self.path("bus").display())
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(name)
    }
}

impl Drop for Tpm {
    fn drop(&mut self) {
        // The last one first. One that has ended already cannot be killed, and need not be.
        for child in self.children.iter_mut().rev() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}
