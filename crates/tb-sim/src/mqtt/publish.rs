//! PUBLISH: what a message is, and what is answered.

use serde_json::{Map, Value, json};

use super::answers;
use super::codec::{Frame, Reader};
use super::connect::Version;
use super::topic;
use crate::core::Core;
use crate::ids::Uuid;
use crate::payload;
use crate::state::Scope;
use crate::state::devices::Device;

/// A message.
pub(crate) struct Message<'a> {
    pub(crate) topic: String,
    /// None for quality of service 0.
    pub(crate) id: Option<u16>,
    pub(crate) payload: &'a [u8],
}

/// What follows a packet: bytes to write, and whether the connection goes on.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) writes: Vec<u8>,
    pub(crate) ends: bool,
}

impl Outcome {
    pub(crate) fn write(bytes: Vec<u8>) -> Self {
        Self { writes: bytes, ends: false }
    }

    pub(crate) fn end(bytes: Vec<u8>) -> Self {
        Self { writes: bytes, ends: true }
    }
}

impl<'a> Message<'a> {
    /// Reads a packet. `None` is malformed.
    pub(crate) fn read(frame: &'a Frame, version: Version) -> Option<Self> {
        let mut reader = Reader::new(&frame.body);
        let topic = reader.text().filter(|topic| topic::is_plain(topic))?;
        let id = match (frame.flags >> 1) & 3 {
            0 => None,
            1 | 2 => Some(reader.identifier()?),
            _ => return None,
        };
        if version == Version::V5 {
            reader.properties()?;
        }
        Some(Self { topic, id, payload: reader.rest() })
    }

    /// The acknowledgement, where one is asked for. Quality of service 2 gets that of 1.
    pub(crate) fn acknowledge(&self, version: Version, reason: u8) -> Vec<u8> {
        self.id.map(|id| answers::puback(version, id, reason)).unwrap_or_default()
    }
}

/// What a logged-in device's message comes to.
pub(super) fn from_device(core: &Core, device: Uuid, version: Version, message: &Message<'_>) -> Outcome {
    let own = Own::of(core, device);
    let name = message.topic.as_str();
    let is = |known: &[&str], own: &Option<String>| {
        known.contains(&name) || own.as_deref().is_some_and(|filter| topic::matches(filter, name))
    };
    if is(topic::TELEMETRY, &own.telemetry) {
        let Some(values) = payload::telemetry(message.payload) else { return invalid(&own, version, message) };
        core.state().add_telemetry(device, values);
        return Outcome::write(message.acknowledge(version, 0));
    }
    if is(topic::ATTRIBUTES, &own.attributes) {
        let Some(values) = payload::attributes(message.payload) else { return invalid(&own, version, message) };
        core.state().set_attributes(device, Scope::Client, values);
        return Outcome::write(message.acknowledge(version, 0));
    }
    let request = topic::REQUESTS.iter().find_map(|(asks, answers)| Some((name.strip_prefix(asks)?, answers)));
    if let Some((number, answer)) = request {
        if number.parse::<u32>().is_err() {
            return invalid(&own, version, message);
        }
        let mut bytes = message.acknowledge(version, 0);
        let body = attributes(core, device, message.payload).to_string();
        bytes.extend(answers::publish(version, &format!("{answer}{number}"), None, body.as_bytes()));
        return Outcome::write(bytes);
    }
    if topic::HEARD.iter().any(|heard| name.starts_with(heard)) {
        return Outcome::write(message.acknowledge(version, 0));
    }
    if name.starts_with(topic::GATEWAY) {
        // A gateway's messages are acknowledged and go no further here; from a plain device there is no answer at all.
        return Outcome::write(if own.is_gateway { message.acknowledge(version, 0) } else { Vec::new() });
    }
    Outcome::write(message.acknowledge(version, 0x90))
}

/// What is not the JSON that it should be: the older versions can only be cut off.
fn invalid(own: &Own, version: Version, message: &Message<'_>) -> Outcome {
    match (version, message.id) {
        (Version::V5, Some(_)) => Outcome::write(message.acknowledge(version, 0x99)),
        (Version::V5, None) => Outcome::end(answers::disconnect(0x99)),
        _ if own.acknowledges_invalid => Outcome::write(message.acknowledge(version, 0)),
        _ => Outcome::end(Vec::new()),
    }
}

fn attributes(core: &Core, device: Uuid, payload: &[u8]) -> Value {
    let request: Value = serde_json::from_slice(payload).unwrap_or_default();
    let all = core.state().attributes(device, Scope::Client);
    let keys = request.get("clientKeys").and_then(Value::as_str);
    let found: Map<String, Value> = match keys {
        Some(keys) => {
            keys.split(',').filter_map(|key| all.get_key_value(key)).map(|(k, v)| (k.clone(), v.clone())).collect()
        }
        None if request.get("sharedKeys").is_some() => Map::new(),
        None => all,
    };
    if found.is_empty() { json!({}) } else { json!({ "client": found }) }
}

/// What the device's profile says about its topics.
struct Own {
    is_gateway: bool,
    acknowledges_invalid: bool,
    telemetry: Option<String>,
    attributes: Option<String>,
}

impl Own {
    fn of(core: &Core, device: Uuid) -> Self {
        let state = core.state();
        let device = state.device(device);
        let profile = device.and_then(|device| state.profile(device.device_profile_id.id));
        let mqtt = profile.filter(|profile| profile.transport_type() == "MQTT");
        let text = |name: &str| mqtt.and_then(|profile| profile.transport(name)?.as_str().map(str::to_owned));
        Self {
            is_gateway: device.is_some_and(Device::is_gateway),
            acknowledges_invalid: mqtt
                .and_then(|profile| profile.transport("sendAckOnValidationException")?.as_bool())
                .unwrap_or_default(),
            telemetry: text("deviceTelemetryTopic"),
            attributes: text("deviceAttributesTopic"),
        }
    }
}
