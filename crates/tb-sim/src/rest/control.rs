//! What `/sim/…` shows of a ThingsBoard.

use serde_json::json;

use crate::control;
use crate::core::Core;
use crate::http::{Asked, Reply};

/// Answers one of them.
pub(super) fn answer(core: &Core, asked: &Asked) -> Reply {
    let segments = super::segments(&asked.path);
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let Some(reply) = control::answer(&core.manners, asked) {
        return reply;
    }
    let state = core.state();
    let device = |name: &str| state.all_devices().find(|device| device.name == name);
    match (asked.method.as_str(), segments.as_slice()) {
        ("GET", ["sim", "devices"]) => {
            Reply::json(200, &state.all_devices().map(|device| device.name.clone()).collect())
        }
        ("GET", ["sim", "telemetry", name]) => match device(name) {
            Some(device) => Reply::json(200, &json!(state.telemetry(device.id()))),
            None => Reply::empty(404),
        },
        ("GET", ["sim", "credentials", name]) => {
            let credentials = device(name).and_then(|device| state.credentials_of(device.id()));
            credentials.map_or_else(|| Reply::empty(404), |credentials| Reply::json(200, &credentials.to_json()))
        }
        ("GET", ["sim", "connected"]) => Reply::json(200, &json!(state.connected())),
        _ => Reply::empty(404),
    }
}
