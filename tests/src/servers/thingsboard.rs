//! ThingsBoard's MQTT listener as far as TLS is concerned, in a JVM: `tests/clients/java/ThingsBoardListener.java`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::oracle::java;
use crate::tool::Tool;

/// A JVM takes a second or two to start; on a busy machine, more.
const PATIENCE: Duration = Duration::from_secs(30);

/// The key material of a ThingsBoard server, in one of the two forms that it knows.
pub enum Credentials<'a> {
    /// `MQTT_SSL_CREDENTIALS_TYPE=KEYSTORE`.
    Keystore {
        /// `JKS` or `PKCS12`.
        kind: &'a str,
        /// The keystore.
        file: &'a Path,
        /// The password.
        store_password: &'a str,
        /// The password of the key in it.
        key_password: &'a str,
    },
    /// `MQTT_SSL_CREDENTIALS_TYPE=PEM`.
    Pem {
        /// The leaf and the chain behind it.
        certificate: &'a Path,
        /// The key.
        key: &'a Path,
    },
}

/// A running listener. It ends when this is dropped.
pub struct ThingsBoard {
    child: Child,
    // The listener ends when this pipe does, even if the test is killed.
    _stdin: ChildStdin,
    said: Receiver<String>,
    port: u16,
    names: Vec<String>,
}

impl ThingsBoard {
    /// Starts a listener with these credentials.
    ///
    /// # Panics
    /// Where the credentials cannot be loaded: the real server would not start either.
    #[track_caller]
    pub fn start(credentials: &Credentials<'_>) -> Self {
        let mut command = listener(credentials).command();
        // Inherited, because a stack trace of Java is the only explanation of a listener that does not start.
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn();
        let mut child = started.unwrap_or_else(|error| panic!("cannot start java: {error}"));
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, said) = channel();
        // The pipe is read at once, because a listener whose pipe is full blocks.
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut listener = Self { child, _stdin: stdin, said, port: 0, names: Vec::new() };
        let ready = listener.next();
        listener.port = ready["port"].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap();
        listener.names = ready["names"].as_array().unwrap().iter().map(text).collect();
        listener
    }

    /// The port, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The issuers that it names to clients, as RFC 4514 text.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The next connection: the subjects of the chain that the client showed, empty where it showed none, or what
    /// ended the handshake.
    #[track_caller]
    pub fn next_client(&self) -> Result<Vec<String>, String> {
        let said = self.next();
        match said["chain"].as_array() {
            Some(chain) => Ok(chain.iter().map(text).collect()),
            None => Err(said["error"].as_str().unwrap_or_default().to_owned()),
        }
    }

    #[track_caller]
    fn next(&self) -> Value {
        let line =
            self.said.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("the listener printed nothing: {error}"));
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }
}

impl Drop for ThingsBoard {
    fn drop(&mut self) {
        // A listener that has ended already cannot be killed, and need not be.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[track_caller]
fn listener(credentials: &Credentials<'_>) -> Tool {
    let class = java("ThingsBoardListener");
    match credentials {
        Credentials::Keystore { kind, file, store_password, key_password } => class
            .args(["keystore", kind])
            .arg(file)
            .env("STORE_PASSWORD", store_password)
            .env("KEY_PASSWORD", key_password),
        Credentials::Pem { certificate, key } => class.arg("pem").arg(certificate).arg(key),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
