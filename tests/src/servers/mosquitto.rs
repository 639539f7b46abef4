//! A real mosquitto on a free port of the loopback interface.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::clock::Clock;
use crate::oracle::program;

/// Longer than a broker has ever taken on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The configuration of a TLS listener of mosquitto.
#[derive(Clone)]
pub struct Listener {
    lines: Vec<String>,
    clock: Option<Clock>,
}

impl Listener {
    /// A listener with this certificate (and the chain behind it) and key, open to every client.
    pub fn new(certificate: &Path, key: &Path) -> Self {
        let lines = vec![format!("certfile {}", certificate.display()), format!("keyfile {}", key.display())];
        Self { lines, clock: None }
    }

    /// Lets in only clients whose certificates lead to one of this file.
    #[must_use]
    pub fn requiring_clients_of(mut self, cafile: &Path) -> Self {
        self.lines.push(format!("cafile {}", cafile.display()));
        self.lines.push("require_certificate true".to_owned());
        // The broker then logs the common name, by which a test sees who has connected.
        self.lines.push("use_identity_as_username true".to_owned());
        self
    }

    /// Refuses clients whose certificates are on a list of this file, and those whose CA has none in it.
    #[must_use]
    pub fn with_revocation_lists(mut self, crlfile: &Path) -> Self {
        self.lines.push(format!("crlfile {}", crlfile.display()));
        self
    }

    /// Gives the broker the date of this clock at its start, from which on it goes on.
    #[must_use]
    pub fn at(mut self, clock: &Clock) -> Self {
        self.clock = Some(clock.clone());
        self
    }

    /// Refuses what is older than this version: `tlsv1.2` or `tlsv1.3`.
    #[must_use]
    pub fn at_least(mut self, version: &str) -> Self {
        self.lines.push(format!("tls_version {version}"));
        self
    }
}

/// A running broker. It ends when this is dropped.
pub struct Mosquitto {
    child: Child,
    port: u16,
    directory: TempDir,
}

impl Mosquitto {
    /// Starts the broker and waits until it listens.
    ///
    /// # Panics
    /// Where it does not start; the message holds its log.
    #[track_caller]
    pub fn start(listener: &Listener) -> Self {
        // Between finding a free port and mosquitto's taking it another program may; then it is another port's turn.
        // Five, because a port is lost only to another test at that very moment.
        for _ in 0..5 {
            if let Some(running) = Self::try_start(listener) {
                return running;
            }
        }
        panic!("no port stayed free for mosquitto");
    }

    /// The port, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// All that it has logged up to now.
    pub fn log(&self) -> String {
        fs::read_to_string(log_file(self.directory.path())).unwrap()
    }

    /// Waits until it has logged this text: it logs after it has answered.
    #[track_caller]
    pub fn logs(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.log().contains(text) {
            assert!(Instant::now() < deadline, "mosquitto never logged {text:?}:\n{}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Makes it read its files again (SIGHUP), and waits until it has.
    #[track_caller]
    pub fn reload(&self) {
        // The log names no process; only one more line than before shows that this signal took effect.
        let before = self.log().matches("Reloading config.").count();
        let status = Command::new(program("kill")).arg("-HUP").arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success(), "no signal was sent: {status}");
        let deadline = Instant::now() + PATIENCE;
        while self.log().matches("Reloading config.").count() == before {
            assert!(Instant::now() < deadline, "mosquitto did not reload:\n{}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[track_caller]
    fn try_start(listener: &Listener) -> Option<Self> {
        let port = free_port();
        let directory = tempfile::Builder::new().prefix("tbpki-mosquitto-").tempdir().unwrap();
        let config = directory.path().join("mosquitto.conf");
        fs::write(&config, configuration(listener, port)).unwrap();
        let log = File::create(log_file(directory.path())).unwrap();
        let child = Command::new(program("mosquitto"))
            .arg("-c")
            .arg(&config)
            .envs(listener.clock.iter().flat_map(Clock::variables))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            // A file and not a pipe, so that the whole log can be read again and again.
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start mosquitto: {error}"));
        let mut running = Self { child, port, directory };
        running.wait_until_ready().then_some(running)
    }

    /// True if it listens; false where the port had been taken.
    #[track_caller]
    fn wait_until_ready(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            // Logged after the listeners were opened.
            if log.contains(" running") {
                return true;
            }
            // mosquitto ends by itself then; the caller tries another port.
            if log.contains("Address already in use") {
                return false;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "mosquitto did not start ({ended:?}):\n{log}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // A broker that has ended already cannot be killed, and need not be.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn configuration(listener: &Listener, port: u16) -> String {
    let mut lines = vec![
        // As root it would become the user `mosquitto`, who may not read 0600 keys in a test's directory.
        "user root".to_owned(),
        "log_dest stderr".to_owned(),
        "log_type all".to_owned(),
        // Which clients may enter is what the certificates decide here.
        "allow_anonymous true".to_owned(),
        "persistence false".to_owned(),
        format!("listener {port} 127.0.0.1"),
    ];
    lines.extend(listener.lines.iter().cloned());
    lines.join("\n") + "\n"
}

fn free_port() -> u16 {
    let probe: io::Result<TcpListener> = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    probe.unwrap().local_addr().unwrap().port()
}

fn log_file(directory: &Path) -> PathBuf {
    directory.join("log")
}
