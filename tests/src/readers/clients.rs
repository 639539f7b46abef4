//! Clients that log in to a broker on this machine and publish one telemetry message with QoS 1.
//!
//! Each connects to `localhost`, so that the server's certificate has to hold that name, and reports what became of it.

pub mod crowd;
pub mod est;
mod moved;
mod tools;

use std::path::Path;

use serde_json::Value;

pub use moved::Moved;

use crate::tool::{Outcome, Tool};

/// The arguments of a client other than the port.
pub struct Files<'a> {
    /// The trust anchors of the client.
    pub anchors: &'a Path,
    /// The certificate of the client: its leaf, and the chain if there is one.
    pub certificate: &'a Path,
    /// The key, where it is not in the same file.
    pub key: Option<&'a Path>,
}

/// A Java client's keystore: its key, its chain, and what it trusts.
pub struct JavaStore<'a> {
    /// `JKS` or `PKCS12`, as it goes into `KeyStore.getInstance`.
    pub kind: &'a str,
    /// A JKS or PKCS#12 file.
    pub file: &'a Path,
    /// Opens the file.
    pub store_password: &'a str,
    /// Opens the key in it.
    pub key_password: &'a str,
}

/// The result of a client's message.
#[derive(Debug)]
pub struct ApiLogin {
    outcome: Outcome,
}

impl ApiLogin {
    /// Stops the test unless the broker acknowledged the message.
    #[track_caller]
    pub fn succeeds(&self) {
        assert!(self.outcome.status == 0, "this client was refused: {}", self.outcome);
    }

    /// Stops the test unless the client was refused, for a reason that contains this.
    #[track_caller]
    pub fn is_refused(&self, reason: &str) {
        // Any status but 0: that of mosquitto_pub for one refusal is 1, 7 or 8, by the moment at which it is noticed.
        assert!(self.outcome.status != 0, "this client was let in: {}", self.outcome);
        let said = self.outcome.stdout_text() + &self.outcome.stderr_text();
        assert!(said.contains(reason), "{reason:?} is not why: {}", self.outcome);
    }

    /// The output of the client, if it is JSON.
    #[track_caller]
    pub fn report(&self) -> Value {
        self.outcome.json()
    }
}

fn login(client: Tool) -> ApiLogin {
    ApiLogin { outcome: client.run() }
}

/// ThingsBoard's Python client on paho; `version` is `1.2`, or `any` for the newest that both sides know.
#[track_caller]
pub fn paho_python(port: u16, files: &Files<'_>, version: &str) -> ApiLogin {
    login(tools::paho_python(port, files, version))
}

/// ThingsBoard's Java client on paho; `keys` is `SunX509` or `PKIX`, `version` `TLSv1.2` or `TLSv1.3`.
#[track_caller]
pub fn paho_java(port: u16, store: &JavaStore<'_>, keys: &str, version: &str) -> ApiLogin {
    login(tools::paho_java(port, store, keys, version))
}

/// A client on Go's crypto/tls; `version` is `1.2` or `1.3`.
#[track_caller]
pub fn go(port: u16, files: &Files<'_>, version: &str) -> ApiLogin {
    login(tools::go(port, files, version))
}

/// The command of ThingsBoard's documentation.
#[track_caller]
pub fn mosquitto_pub(port: u16, files: &Files<'_>) -> ApiLogin {
    mosquitto_pub_at("localhost", port, files)
}

/// The same command to any host.
#[track_caller]
pub fn mosquitto_pub_at(host: &str, port: u16, files: &Files<'_>) -> ApiLogin {
    login(tools::mosquitto_pub(host, port, files))
}

/// The command for a device that shows an access token.
#[track_caller]
pub fn mosquitto_pub_with_token(host: &str, port: u16, anchors: &Path, token: &str) -> ApiLogin {
    login(tools::publisher(host, port, anchors).args(["-u", token]))
}

/// The command for a device that also sends its client id, as ActorCloud requires.
#[track_caller]
pub fn mosquitto_pub_as(port: u16, files: &Files<'_>, client: &str, user: &str) -> ApiLogin {
    let publisher = tools::publisher("localhost", port, files.anchors).args(["-i", client, "-u", user]);
    login(publisher.arg("--key").arg(files.key.unwrap_or(files.certificate)).arg("--cert").arg(files.certificate))
}
