//! What devices said: telemetry and attributes.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::ids::Uuid;
use crate::state::{Scope, State};

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

impl State {
    pub(crate) fn add_telemetry(&mut self, device: Uuid, values: Vec<Telemetry>) {
        self.telemetry.entry(device).or_default().extend(values);
    }

    pub(crate) fn telemetry(&self, device: Uuid) -> &[Telemetry] {
        self.telemetry.get(&device).map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn set_attributes(&mut self, device: Uuid, scope: Scope, values: Map<String, Value>) {
        self.attributes.entry((device, scope)).or_default().extend(values);
    }

    pub(crate) fn attributes(&self, device: Uuid, scope: Scope) -> Map<String, Value> {
        self.attributes.get(&(device, scope)).cloned().unwrap_or_default()
    }

    pub(crate) fn forget_samples(&mut self, device: Uuid) {
        self.telemetry.remove(&device);
        self.attributes.retain(|(owner, _), _| *owner != device);
    }
}
