//! What devices themselves say over HTTP: provisioning, and values with a token. There are no certificates here.

use serde_json::Value;

use super::Call;
use super::routes::ok;
use crate::http::Reply;
use crate::ids::Uuid;
use crate::payload;
use crate::refusal::{Refusal, Result};
use crate::state::Scope;
use crate::state::credentials::CredentialsType;

pub(super) fn provision(call: &Call<'_>) -> Result<Reply> {
    let request: Value = serde_json::from_slice(&call.asked.body)
        .map_err(|error| Refusal::general(format!("JSON parse error: {error}")))?;
    Ok(ok(&call.state().provision(&request)?))
}

pub(super) fn telemetry(call: &Call<'_>) -> Result<Reply> {
    let Some(device) = device(call) else { return Ok(Reply::empty(401)) };
    match payload::telemetry(&call.asked.body) {
        Some(values) => {
            call.state().add_telemetry(device, values);
            Ok(Reply::empty(200))
        }
        None => Ok(Reply::empty(400)),
    }
}

pub(super) fn attributes(call: &Call<'_>) -> Result<Reply> {
    let Some(device) = device(call) else { return Ok(Reply::empty(401)) };
    match payload::attributes(&call.asked.body) {
        Some(values) => {
            call.state().set_attributes(device, Scope::Client, values);
            Ok(Reply::empty(200))
        }
        None => Ok(Reply::empty(400)),
    }
}

fn device(call: &Call<'_>) -> Option<Uuid> {
    let token = call.parameters.first()?;
    call.state().device_with(token, CredentialsType::AccessToken).map(|credentials| credentials.device)
}
