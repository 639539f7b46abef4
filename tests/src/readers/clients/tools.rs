//! The clients, about to run.

use std::path::Path;

use super::{Files, JavaStore};
use crate::oracle::{go_client, java, program, python};
use crate::tool::Tool;

#[track_caller]
pub(super) fn paho_python(port: u16, files: &Files<'_>, version: &str) -> Tool {
    let client = python("paho_client.py").args(["localhost", &port.to_string()]).arg(files.anchors);
    client.arg(files.certificate).arg(files.key.unwrap_or(Path::new("-"))).arg(version)
}

#[track_caller]
pub(super) fn paho_java(port: u16, store: &JavaStore<'_>, keys: &str, version: &str) -> Tool {
    let client = java("MqttPublisher").args(["localhost", &port.to_string(), store.kind]).arg(store.file);
    let client = client.env("STORE_PASSWORD", store.store_password).env("KEY_PASSWORD", store.key_password);
    client.args([keys, version])
}

#[track_caller]
pub(super) fn go(port: u16, files: &Files<'_>, version: &str) -> Tool {
    let client = go_client().args(["localhost", &port.to_string()]).arg(files.anchors).arg(files.certificate);
    // The Go client reads both from one file if that file contains the key too.
    client.arg(files.key.unwrap_or(files.certificate)).arg(version)
}

#[track_caller]
pub(super) fn mosquitto_pub(host: &str, port: u16, files: &Files<'_>) -> Tool {
    let client = publisher(host, port, files.anchors);
    client.arg("--key").arg(files.key.unwrap_or(files.certificate)).arg("--cert").arg(files.certificate)
}

/// `mosquitto_pub` with its trust anchors, its host and its message.
pub(super) fn publisher(host: &str, port: u16, anchors: &Path) -> Tool {
    // QoS 1: without an acknowledgment the client ends with 0 also if the broker drops the message.
    let client = Tool::new(program("mosquitto_pub")).arg("--cafile").arg(anchors).args(["-d", "-q", "1"]);
    let client = client.args(["-h", host, "-p", &port.to_string(), "-t", "v1/devices/me/telemetry"]);
    client.args(["-m", "{\"temperature\":25}"])
}
