//! Values of devices.

use serde::Serialize;
use serde_json::Value;

/// One value that a device sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Telemetry {
    /// Milliseconds since 1970: the device's, or the time of arrival.
    pub ts: i64,
    /// The name of the value.
    pub key: String,
    /// The value, as the server stores it.
    pub value: Value,
}
