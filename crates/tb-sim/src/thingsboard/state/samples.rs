//! Values of devices: telemetry and attributes.

use serde_json::{Map, Value};

use super::{Scope, State};
use crate::ids::Uuid;
use crate::thingsboard::model::telemetry::Telemetry;

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

    pub(crate) fn set_server_attribute(&mut self, device: Uuid, key: &str, value: Value) {
        self.set_attributes(device, Scope::Server, Map::from_iter([(key.to_owned(), value)]));
    }

    pub(crate) fn attributes(&self, device: Uuid, scope: Scope) -> Map<String, Value> {
        self.attributes.get(&(device, scope)).cloned().unwrap_or_default()
    }

    pub(crate) fn forget_samples(&mut self, device: Uuid) {
        self.telemetry.remove(&device);
        self.attributes.retain(|(owner, _), _| *owner != device);
    }
}
