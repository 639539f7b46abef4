//! The simulators' own routes, `/sim/…`, for tests in other processes. They are there only when they were asked for.

use std::time::Duration;

use serde_json::{Value, json};

use crate::controls::Controls;
use crate::controls::faults::Fault;
use crate::http::{HttpRequest, Reply};

/// Answers those that every simulator has: faults, the log of requests, latency, rate and clock.
pub(crate) fn answer(controls: &Controls, request: &HttpRequest) -> Option<Reply> {
    let body = || serde_json::from_slice::<Value>(&request.body).ok();
    let reply = match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/sim/faults") => match serde_json::from_slice(&request.body) {
            Ok::<Fault, serde_json::Error>(fault) => {
                controls.faults.add(fault);
                Reply::empty(204)
            }
            Err(why) => Reply::json(400, &Value::from(why.to_string())),
        },
        ("GET", "/sim/faults") => Reply::json(200, &json!(controls.faults.waiting())),
        ("DELETE", "/sim/faults") => {
            controls.faults.clear();
            Reply::empty(204)
        }
        ("GET", "/sim/requests") => Reply::json(200, &json!(controls.requests())),
        ("DELETE", "/sim/requests") => {
            controls.forget_requests();
            Reply::empty(204)
        }
        ("PUT", "/sim/latency") => match body().as_ref().and_then(Value::as_u64) {
            Some(milliseconds) => {
                controls.set_latency(Duration::from_millis(milliseconds));
                Reply::empty(204)
            }
            None => Reply::json(400, &Value::from("milliseconds are wanted")),
        },
        ("PUT", "/sim/clock") => match body().as_ref().and_then(Value::as_i64) {
            Some(seconds) => {
                controls.set_clock_offset(seconds);
                Reply::empty(204)
            }
            None => Reply::json(400, &Value::from("seconds are wanted")),
        },
        ("PUT", "/sim/rate") => match body() {
            Some(Value::Null) => {
                controls.set_rate(None);
                Reply::empty(204)
            }
            Some(Value::Number(rate)) => {
                controls.set_rate(rate.as_u64().and_then(|rate| u32::try_from(rate).ok()));
                Reply::empty(204)
            }
            _ => Reply::json(400, &Value::from("requests a second are wanted, or null")),
        },
        _ => return None,
    };
    Some(reply)
}
