//! The routes of `/sim/…` that return the state of a ThingsBoard.

use serde_json::json;

use crate::http::control;
use crate::http::{HttpRequest, Reply, segments};
use crate::thingsboard::core::Core;

/// Answers one of them.
pub(super) fn answer(core: &Core, request: &HttpRequest) -> Reply {
    let segments = segments(&request.path);
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let Some(reply) = control::answer(&core.controls, request) {
        return reply;
    }
    let state = core.state();
    let device = |name: &str| state.all_devices().find(|device| device.name == name);
    match (request.method.as_str(), segments.as_slice()) {
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
