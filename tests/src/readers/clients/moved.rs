//! The same clients at the date of a clock that a test moves.

use super::{ApiLogin, Files, JavaStore, login, tools};
use crate::clock::Clock;

/// The clients at the date of this clock. Each connects to `localhost`.
pub struct Moved<'a>(pub &'a Clock);

impl Moved<'_> {
    /// The command of ThingsBoard's documentation.
    #[track_caller]
    pub fn mosquitto_pub(&self, port: u16, files: &Files<'_>) -> ApiLogin {
        login(tools::mosquitto_pub("localhost", port, files).at(self.0))
    }

    /// ThingsBoard's Python client on paho, with the newest version of TLS.
    #[track_caller]
    pub fn paho_python(&self, port: u16, files: &Files<'_>) -> ApiLogin {
        login(tools::paho_python(port, files, "any").at(self.0))
    }

    /// ThingsBoard's Java client on paho, with TLS 1.3.
    #[track_caller]
    pub fn paho_java(&self, port: u16, store: &JavaStore<'_>) -> ApiLogin {
        let client = tools::paho_java(port, store, "SunX509", "TLSv1.3").at(self.0);
        // A JVM waits on a clock of its own, and sleeps for years if that is not moved as the others are.
        login(client.env("FAKETIME_DONT_FAKE_MONOTONIC", "0"))
    }

    /// A client on Go's crypto/tls, with TLS 1.3.
    #[track_caller]
    pub fn go(&self, port: u16, files: &Files<'_>) -> ApiLogin {
        login(tools::go(port, files, "1.3").at(self.0))
    }
}
