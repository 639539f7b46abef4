//! `tbpki serve` in a sandbox, and foreign clients that ask it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::oracle::openssl;
use crate::{Clock, Outcome, Sandbox, Tool};

/// A running service. It is stopped when this is dropped.
pub struct Service {
    child: Child,
    anchor: PathBuf,
    directory: PathBuf,
    /// The variables that give curl the date of the service.
    date: Vec<(&'static str, String)>,
    /// The URL of the EST listener.
    pub url: String,
    /// The address of the EST listener.
    pub address: String,
    /// The URL of the status listener.
    pub status: String,
    /// The URL of the listener for revocation lists.
    pub lists: String,
    log: Arc<Mutex<Vec<String>>>,
}

/// The certificate and the key of the service in a sandbox made by [`station`].
pub const CERTIFICATE: [&str; 4] =
    ["--cert", "pki/servers/localhost/mqttserver.pem", "--key", "pki/servers/localhost/mqttserver_key.pem"];

/// A sandbox with a store and the identity of a server on this machine.
#[track_caller]
pub fn station() -> Sandbox {
    station_in(Sandbox::new())
}

/// As [`station`], in this sandbox.
#[track_caller]
pub fn station_in(sandbox: Sandbox) -> Sandbox {
    let sandbox = sandbox.make_store();
    sandbox.ok(["server", "--name", "localhost", "--only-given-names"]);
    sandbox
}

impl Service {
    /// Starts the service with these options more.
    #[track_caller]
    pub fn start(sandbox: &Sandbox, more: &[&str]) -> Self {
        Self::start_in(sandbox, more, &[])
    }

    /// As [`Service::start`], with these environment variables.
    #[track_caller]
    pub fn start_in(sandbox: &Sandbox, more: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_with(sandbox, &CERTIFICATE, more, environment)
    }

    /// As [`Service::start_in`], with this certificate of the service.
    #[track_caller]
    pub fn start_with(sandbox: &Sandbox, certificate: &[&str], more: &[&str], environment: &[(&str, &str)]) -> Self {
        // Port 0, and the ports are read from its messages: fixed ones would collide with tests that run at the same
        // time.
        let listen = ["serve", "--listen", "127.0.0.1:0", "--status", "127.0.0.1:0", "--crl", "127.0.0.1:0"];
        let tool = sandbox.tbpki(listen.iter().chain(certificate).chain(more));
        let mut command = environment.iter().fold(tool, |tool, (name, value)| tool.env(name, value)).command();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut printed = Vec::new();
        let mut next = |prefix: &str| -> String {
            loop {
                let line = lines.next().unwrap_or_else(|| panic!("the service ended: {printed:?}")).unwrap();
                if let Some(found) = line.strip_prefix(prefix) {
                    return found.to_owned();
                }
                printed.push(line);
            }
        };
        let (est, status, crl) = (next("EST: https://"), next("status: "), next("revocation lists: "));
        // Read to the end: a full pipe would block the service at its next message.
        let log = Arc::new(Mutex::new(Vec::new()));
        let logged = log.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                println!("serve: {line}");
                logged.lock().unwrap().push(line);
            }
        });
        Self {
            child,
            anchor: sandbox.join("pki/ca/server-root/cert.pem"),
            directory: sandbox.path().to_owned(),
            date: sandbox.clock().into_iter().flat_map(Clock::variables).collect(),
            // By name, because the certificate has to hold what clients connect to.
            url: est.replace("127.0.0.1", "https://localhost"),
            address: est,
            status,
            lists: crl,
            log,
        }
    }

    /// Sends SIGTERM, and waits for the end. Returns the exit status.
    #[track_caller]
    pub fn stop(mut self) -> i32 {
        self.signal("TERM");
        self.wait()
    }

    /// Sends SIGHUP.
    #[track_caller]
    pub fn hang_up(&self) {
        self.signal("HUP");
    }

    /// The id of its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Ends the service at once.
    pub fn kill(mut self) {
        self.kill_process();
    }

    /// As [`Service::kill`], and keeps the value.
    pub fn kill_process(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end, and returns the exit status.
    #[track_caller]
    pub fn wait(&mut self) -> i32 {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(begin.elapsed() < Duration::from_secs(120), "the service does not end");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Whether a line of the log on standard error holds all of these.
    pub fn has_logged(&self, words: &[&str]) -> bool {
        self.log.lock().unwrap().iter().any(|line| words.iter().all(|word| line.contains(word)))
    }

    /// Waits until `/healthz` answers so.
    #[track_caller]
    pub fn becomes_healthy(&self, healthy: bool) {
        let begin = Instant::now();
        let url = format!("{}/healthz", self.status);
        // `-f`: an answer of 503 counts as a failure.
        while (Tool::new("curl").args(["-sSf", "--max-time", "60", &url]).run().status == 0) != healthy {
            assert!(begin.elapsed() < Duration::from_secs(120), "health does not become {healthy}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// curl, about to ask the EST listener for a path.
    pub fn curl(&self, path: &str) -> Tool {
        let anchor = self.anchor.to_str().unwrap();
        let tool = Tool::new("curl")
            .directory(&self.directory)
            .args(["-sS", "-i", "--max-time", "60", "--cacert", anchor])
            .arg(format!("{}{path}", self.url));
        self.date.iter().fold(tool, |tool, (name, value)| tool.env(name, value))
    }

    /// The answer of the EST listener to curl with these arguments.
    #[track_caller]
    pub fn ask(&self, path: &str, args: &[&str]) -> HttpAnswer {
        HttpAnswer::of(&self.curl(path).args(args).run().ok())
    }

    /// The answer to a signing request in a file, with these arguments more.
    #[track_caller]
    pub fn send(&self, operation: &str, request: &str, args: &[&str]) -> HttpAnswer {
        let body = format!("@{request}");
        let request = ["-H", "Content-Type: application/pkcs10", "--data-binary", &body];
        self.ask(&format!("/.well-known/est/{operation}"), &[&request[..], args].concat())
    }

    /// The answer to a confirmation with a certificate and its key.
    #[track_caller]
    pub fn confirm(&self, certificate: &str, key: &str) -> HttpAnswer {
        self.ask("/.well-known/tbpki/confirm", &["-X", "POST", "--cert", certificate, "--key", key])
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The answer to a request.
#[derive(Debug)]
pub struct HttpAnswer {
    /// The status code of HTTP.
    pub status: u16,
    /// The status line and the headers.
    pub head: String,
    /// The body as text.
    pub body: String,
}

impl HttpAnswer {
    #[track_caller]
    fn of(outcome: &Outcome) -> Self {
        let text = outcome.stdout_text();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {outcome}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// Stops the test unless status and text are these.
    #[track_caller]
    pub fn is(&self, status: u16, text: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.body.contains(text), "{text:?} is not in {self:?}");
    }

    /// The certificates of the answer in PEM, each behind lines with its subject and its issuer.
    #[track_caller]
    pub fn certificates(&self) -> String {
        self.is(200, "");
        // EST answers with bare base64 (RFC 7030, section 4.2.3), which openssl reads only as PEM.
        let pem = format!("-----BEGIN PKCS7-----\n{}-----END PKCS7-----\n", folded(&self.body));
        openssl().args(["pkcs7", "-print_certs"]).stdin(pem).run().ok().stdout_text()
    }

    /// Writes the only certificate of the answer to a file in PEM.
    #[track_caller]
    pub fn save(&self, sandbox: &Sandbox, file: &str) {
        let printed = self.certificates();
        assert_eq!(printed.matches("BEGIN CERTIFICATE").count(), 1, "{printed}");
        sandbox.write(file, printed);
    }
}

/// Base64 in lines of 64 characters, as `openssl pkcs7` wants it.
fn folded(base64: &str) -> String {
    let lines = base64.trim().as_bytes().chunks(64);
    lines.map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect()
}

/// Makes a key and a signing request with openssl: NAME.key, NAME.csr (PEM) and NAME.b64.
#[track_caller]
pub fn request(sandbox: &Sandbox, name: &str, subject: &str) {
    request_with(sandbox, name, subject, &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
}

/// As [`request`], with these arguments for the key and the extensions.
#[track_caller]
pub fn request_with(sandbox: &Sandbox, name: &str, subject: &str, args: &[&str]) {
    let path = |suffix: &str| sandbox.join(format!("{name}.{suffix}"));
    let made = openssl().args(["req", "-new", "-nodes", "-subj", subject]).args(args);
    made.arg("-keyout").arg(path("key")).arg("-out").arg(path("csr")).run().ok();
    let text = sandbox.text(path("csr"));
    let base64: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    sandbox.write(path("b64"), base64 + "\n");
}

/// A new password of a device.
#[track_caller]
pub fn password(sandbox: &Sandbox, device: &str) -> String {
    let text = sandbox.ok(["enroll", "password", "--device", device]).stdout_text();
    text.trim().to_owned()
}

/// The serial number of a certificate in a file.
#[track_caller]
pub fn serial(file: impl AsRef<Path>) -> String {
    let printed = openssl().args(["x509", "-noout", "-serial", "-in"]).arg(file.as_ref()).run().ok().stdout_text();
    printed.trim().trim_start_matches("serial=").to_owned()
}
