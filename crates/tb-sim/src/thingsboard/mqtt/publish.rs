//! PUBLISH: what a message is, and what is answered.

use serde_json::{Map, Value, json};

use super::topic;
use crate::ids::Uuid;
use crate::packets::answers;
use crate::packets::connect::Version;
use crate::packets::message::Message;
use crate::thingsboard::core::Core;
use crate::thingsboard::model::device::Device;
use crate::thingsboard::payload;
use crate::thingsboard::state::Scope;

/// The response to a packet: bytes to write, and whether the connection ends.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PacketResponse {
    pub(crate) writes: Vec<u8>,
    pub(crate) ends: bool,
}

impl PacketResponse {
    pub(crate) fn write(bytes: Vec<u8>) -> Self {
        Self { writes: bytes, ends: false }
    }

    pub(crate) fn end(bytes: Vec<u8>) -> Self {
        Self { writes: bytes, ends: true }
    }
}

/// The response to a message of a device.
pub(super) fn from_device(core: &Core, device: Uuid, version: Version, message: &Message<'_>) -> PacketResponse {
    // Looked up at each message: a profile that changes takes effect on connections that are open.
    let own = ProfileTopics::of(core, device);
    let name = message.topic.as_str();
    let is = |known: &[&str], own: &Option<String>| {
        known.contains(&name) || own.as_deref().is_some_and(|filter| topic::matches(filter, name))
    };
    if is(topic::TELEMETRY, &own.telemetry) {
        let Some(values) = payload::telemetry(message.payload) else {
            // In front of the part of the real server that answers invalid values.
            return match version {
                Version::V5 if payload::has_unreadable_time(message.payload) => {
                    PacketResponse::end(answers::disconnect(0x8b))
                }
                _ => invalid(&own, version, message),
            };
        };
        // The real server answers when the last value is stored, and there is none.
        if payload::is_empty_array(message.payload) {
            return PacketResponse::default();
        }
        core.state().add_telemetry(device, values);
        return PacketResponse::write(message.acknowledge(version, 0));
    }
    if is(topic::ATTRIBUTES, &own.attributes) {
        let Some(values) = payload::attributes(message.payload) else { return invalid(&own, version, message) };
        core.state().set_attributes(device, Scope::Client, values);
        return PacketResponse::write(message.acknowledge(version, 0));
    }
    let request = topic::REQUESTS.iter().find_map(|(asks, answers)| Some((name.strip_prefix(asks)?, answers)));
    if let Some((number, answer)) = request {
        // The number of a request is part of its topic.
        if number.parse::<u32>().is_err() || !payload::is_json(message.payload) {
            return invalid(&own, version, message);
        }
        let mut bytes = message.acknowledge(version, 0);
        let body = attributes(core, device, message.payload).to_string();
        bytes.extend(answers::publish(version, &format!("{answer}{number}"), None, body.as_bytes()));
        return PacketResponse::write(bytes);
    }
    if let Some(number) = topic::HEARD.iter().find_map(|heard| name.strip_prefix(heard)) {
        let is_request = name.contains("/request/");
        if number.parse::<u32>().is_err() || (is_request && !payload::is_json(message.payload)) {
            return invalid(&own, version, message);
        }
        return PacketResponse::write(message.acknowledge(version, 0));
    }
    if name == topic::CLAIM {
        if !message.payload.is_empty() && !payload::is_json(message.payload) {
            return invalid(&own, version, message);
        }
        return PacketResponse::write(message.acknowledge(version, 0));
    }
    if topic::PROTOBUF.contains(&name) {
        return invalid(&own, version, message);
    }
    if name.starts_with(topic::FIRMWARE_REQUEST) {
        let mut bytes = answers::publish(version, topic::FIRMWARE_ERROR, Some(1), b"NOT_FOUND");
        if version == Version::V5 {
            bytes.extend(answers::disconnect(0x83));
        }
        return PacketResponse::end(bytes);
    }
    if name.starts_with(topic::GATEWAY) {
        // Messages of gateways are acknowledged and dropped. The real server does not answer other devices.
        return PacketResponse::write(if own.is_gateway { message.acknowledge(version, 0) } else { Vec::new() });
    }
    // An unknown topic is acknowledged too, and the connection stays. Only version 5 has room for the reason.
    PacketResponse::write(message.acknowledge(version, 0x90))
}

/// The response to invalid JSON. Versions before 5 have no reason codes, so the connection ends.
fn invalid(own: &ProfileTopics, version: Version, message: &Message<'_>) -> PacketResponse {
    match (version, message.id) {
        (Version::V5, Some(_)) => PacketResponse::write(message.acknowledge(version, 0x99)),
        (Version::V5, None) => PacketResponse::end(answers::disconnect(0x99)),
        _ if own.acknowledges_invalid => PacketResponse::write(message.acknowledge(version, 0)),
        _ => PacketResponse::end(Vec::new()),
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

/// The settings of a device's profile for topics.
struct ProfileTopics {
    is_gateway: bool,
    acknowledges_invalid: bool,
    telemetry: Option<String>,
    attributes: Option<String>,
}

impl ProfileTopics {
    fn of(core: &Core, device: Uuid) -> Self {
        let state = core.state();
        let device = state.device(device);
        let profile = device.and_then(|device| state.profile(device.device_profile_id.id));
        // The transport DEFAULT has no topics of its own, whatever is in its configuration.
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
