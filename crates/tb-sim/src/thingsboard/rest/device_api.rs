//! The HTTP API of devices: provisioning, and values with a token. It has no certificates.

use serde_json::Value;

use super::call::Call;
use crate::http::Reply;
use crate::ids::Uuid;
use crate::thingsboard::model::credentials::CredentialsType;
use crate::thingsboard::payload;
use crate::thingsboard::refusal::{Refusal, Result};
use crate::thingsboard::state::Scope;
use crate::thingsboard::state::provisioning::Repeats;

pub(super) fn provision(call: &Call<'_>) -> Result<Reply> {
    let request: Value = serde_json::from_slice(&call.request.body)
        .map_err(|error| Refusal::general(format!("JSON parse error: {error}")))?;
    let repeats = if call.core.is_4_3() { Repeats::Refused } else { Repeats::Allowed };
    // The handler returns a String, so the JSON goes out as text.
    Ok(Reply::text(200, call.state().provision(&request, repeats)?.to_string()))
}

pub(super) fn telemetry(call: &Call<'_>) -> Result<Reply> {
    let Some(device) = device(call) else { return Ok(Reply::empty(401)) };
    if payload::is_empty_array(&call.request.body) {
        // The real server never answers.
        return Err(Refusal::not_simulated(&call.request.method, &call.request.path));
    }
    match payload::telemetry(&call.request.body) {
        Some(values) => {
            call.state().add_telemetry(device, values);
            Ok(Reply::empty(200))
        }
        None => Ok(unparsable(call)),
    }
}

pub(super) fn attributes(call: &Call<'_>) -> Result<Reply> {
    let Some(device) = device(call) else { return Ok(Reply::empty(401)) };
    match payload::attributes(&call.request.body) {
        Some(values) => {
            call.state().set_attributes(device, Scope::Client, values);
            Ok(Reply::empty(200))
        }
        None => Ok(unparsable(call)),
    }
}

/// The device API has no handler for exceptions: 500 and text instead of ThingsBoard's error body.
fn unparsable(call: &Call<'_>) -> Reply {
    Reply::text(500, format!("Can't parse value: {}", String::from_utf8_lossy(&call.request.body)))
}

fn device(call: &Call<'_>) -> Option<Uuid> {
    let token = call.parameters.first()?;
    call.state().device_with(token, CredentialsType::AccessToken).map(|credentials| credentials.device)
}
