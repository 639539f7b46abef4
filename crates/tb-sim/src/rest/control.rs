//! The simulator's own routes, `/sim/…`, for tests in other processes. They are there only when they were asked for.

use std::time::Duration;

use serde_json::{Value, json};

use crate::core::Core;
use crate::faults::Fault;
use crate::http::{Asked, Reply};

/// Answers one of them.
pub(super) fn answer(core: &Core, asked: &Asked) -> Reply {
    let segments = super::segments(&asked.path);
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let Some(reply) = status(&core.manners, asked) {
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

/// Those that every simulator has: faults, the log of requests, latency and rate.
pub(crate) fn status(manners: &crate::shared::Manners, asked: &Asked) -> Option<Reply> {
    let body = || serde_json::from_slice::<Value>(&asked.body).ok();
    let reply = match (asked.method.as_str(), asked.path.as_str()) {
        ("POST", "/sim/faults") => match fault_from(&asked.body) {
            Ok(fault) => {
                manners.faults.add(fault);
                Reply::empty(204)
            }
            Err(why) => Reply::json(400, &Value::from(why)),
        },
        ("GET", "/sim/faults") => Reply::json(200, &json!(manners.faults.waiting())),
        ("DELETE", "/sim/faults") => {
            manners.faults.clear();
            Reply::empty(204)
        }
        ("GET", "/sim/requests") => Reply::json(200, &json!(manners.requests())),
        ("DELETE", "/sim/requests") => {
            manners.forget_requests();
            Reply::empty(204)
        }
        ("PUT", "/sim/latency") => match body().as_ref().and_then(Value::as_u64) {
            Some(milliseconds) => {
                manners.set_latency(Duration::from_millis(milliseconds));
                Reply::empty(204)
            }
            None => Reply::json(400, &Value::from("milliseconds are wanted")),
        },
        ("PUT", "/sim/rate") => match body() {
            Some(Value::Null) => {
                manners.set_rate(None);
                Reply::empty(204)
            }
            Some(Value::Number(rate)) => {
                manners.set_rate(rate.as_u64().and_then(|rate| u32::try_from(rate).ok()));
                Reply::empty(204)
            }
            _ => Reply::json(400, &Value::from("requests a second are wanted, or null")),
        },
        _ => return None,
    };
    Some(reply)
}

/// A fault, as JSON.
pub(crate) fn fault_from(body: &[u8]) -> std::result::Result<Fault, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}
