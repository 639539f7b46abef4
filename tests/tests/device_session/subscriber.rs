//! Who listens to the telemetry at the broker: mosquitto's own client.

use std::fs::{self, File};
use std::process::{Child, Stdio};

use tbpki_tests::oracle::program;
use tbpki_tests::{Mosquitto, Tool};
use tempfile::TempDir;

use crate::station::Station;

pub(crate) struct Subscriber {
    child: Child,
    directory: TempDir,
}

impl Subscriber {
    /// Listens once this is done.
    #[track_caller]
    pub(crate) fn of(broker: &Mosquitto, station: &Station) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let messages = File::create(directory.path().join("messages")).unwrap();
        let child = Tool::new(program("mosquitto_sub"))
            .args(["--host", "localhost", "--id", "listener", "--qos", "1", "--topic", "v1/devices/me/telemetry"])
            .args(["--port", &broker.port().to_string(), "--cafile"])
            .arg(station.file("conf/cafile.pem"))
            .command()
            .stdin(Stdio::null())
            .stdout(messages)
            .spawn()
            .unwrap();
        let listening = Self { child, directory };
        // Before the device sends: a message that comes before the subscription reaches no subscriber.
        broker.logs("Sending SUBACK to listener");
        listening
    }

    /// The temperatures of the messages so far.
    pub(crate) fn temperatures(&self) -> Vec<i32> {
        self.messages().lines().filter_map(temperature).collect()
    }

    /// The times and temperatures of the messages so far.
    pub(crate) fn timed(&self) -> Vec<(u64, i32)> {
        self.messages().lines().filter_map(timed).collect()
    }

    fn messages(&self) -> String {
        fs::read_to_string(self.directory.path().join("messages")).unwrap()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, and need not be.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The temperature of a message; nothing of one that is still being written.
pub(crate) fn temperature(message: &str) -> Option<i32> {
    message.strip_prefix("{\"temperature\":")?.strip_suffix(",\"humidity\":50}")?.parse().ok()
}

/// The time of a message in milliseconds since 1970, and its temperature.
pub(crate) fn timed(message: &str) -> Option<(u64, i32)> {
    let (time, values) = message.strip_prefix("{\"ts\":")?.strip_suffix('}')?.split_once(",\"values\":")?;
    Some((time.parse().ok()?, temperature(values)?))
}
