//! Reading back what devices sent.

use serde_json::{Map, Value, json};

use super::call::{Call, ok};
use super::devices::with_device;
use crate::http::Reply;
use crate::thingsboard::model::texts::check_texts;
use crate::thingsboard::payload;
use crate::thingsboard::refusal::{Refusal, Result};
use crate::thingsboard::state::Scope;

/// The last value of each key: texts, as the real server answers unless it is asked for types.
pub(super) fn latest(call: &Call<'_>) -> Result<Reply> {
    let keys = call.request.query.get("keys").filter(|keys| !keys.is_empty());
    let wanted: Option<Vec<&str>> = keys.map(|keys| keys.split(',').collect());
    let typed = call.request.query.get("useStrictDataTypes") == Some("true");
    with_device(call, |state, device| {
        let mut latest = Map::new();
        for key in wanted.iter().flatten() {
            latest.insert((*key).to_owned(), json!([{ "ts": crate::clock::milliseconds(), "value": null }]));
        }
        let samples = state.telemetry(device.id()).iter();
        for sample in samples.filter(|sample| wanted.as_ref().is_none_or(|keys| keys.contains(&sample.key.as_str()))) {
            let value = match &sample.value {
                value if typed => value.clone(),
                Value::String(text) => Value::from(text.clone()),
                value => Value::from(value.to_string()),
            };
            latest.insert(sample.key.clone(), json!([{ "ts": sample.ts, "value": value }]));
        }
        Ok(ok(&Value::Object(latest)))
    })
}

/// Sets attributes of the server's scope. Others stay as they are. Refusals are texts, unlike those of other calls.
pub(super) fn set_attributes(call: &Call<'_>) -> Result<Reply> {
    match call.parameter(1, "scope")? {
        "SERVER_SCOPE" => {}
        "SHARED_SCOPE" => return Err(Refusal::not_simulated(&call.request.method, &call.request.path)),
        scope => return Ok(Reply::text(400, format!("Invalid scope: {scope}"))),
    }
    let Ok(sent) = serde_json::from_slice::<Value>(&call.request.body) else {
        return Ok(Reply::text(400, "Invalid JSON"));
    };
    let Value::Object(sent) = sent else { return Ok(Reply::text(400, "Request is not a JSON object")) };
    // Devices may send nulls, users may not.
    if sent.values().any(Value::is_null) {
        return Err(Refusal::general("Can't parse value: null"));
    }
    if sent.is_empty() {
        return Ok(Reply::text(400, "No attributes data found in request body!"));
    }
    if sent.keys().any(|key| key.trim().is_empty()) {
        return Ok(Reply::text(400, "Key cannot be blank"));
    }
    for key in sent.keys() {
        if let Err(refusal) = check_texts(&[("key", Some(key))], &[]) {
            return Ok(Reply::text(400, refusal.message));
        }
        if key.contains('\0') {
            return Err(Refusal::silent());
        }
    }
    // The same converter as for devices: texts that parse as numbers are stored as numbers.
    let values = payload::stored_values(&sent);
    let (id, tenant) = (call.id(0, "deviceId")?, call.tenant()?);
    let mut state = call.state();
    state.device_of(tenant, id)?;
    state.set_attributes(id, Scope::Server, values);
    Ok(Reply::empty(200))
}

/// All attributes.
pub(super) fn attributes(call: &Call<'_>) -> Result<Reply> {
    shown(call, &[Scope::Client, Scope::Server])
}

/// The attributes of one scope.
pub(super) fn attributes_of_scope(call: &Call<'_>) -> Result<Reply> {
    match call.parameter(1, "scope")? {
        "SERVER_SCOPE" => shown(call, &[Scope::Server]),
        "CLIENT_SCOPE" => shown(call, &[Scope::Client]),
        scope => Err(Refusal::bad(format!("Invalid scope: {scope}"))),
    }
}

fn shown(call: &Call<'_>, scopes: &[Scope]) -> Result<Reply> {
    let keys = call.request.query.get("keys").filter(|keys| !keys.is_empty());
    let wanted: Option<Vec<&str>> = keys.map(|keys| keys.split(',').collect());
    with_device(call, |state, device| {
        let all = scopes.iter().flat_map(|scope| state.attributes(device.id(), *scope));
        let shown = all
            .filter(|(key, _)| wanted.as_ref().is_none_or(|keys| keys.contains(&key.as_str())))
            .map(|(key, value)| json!({ "lastUpdateTs": crate::clock::milliseconds(), "key": key, "value": value }));
        Ok(ok(&Value::Array(shown.collect())))
    })
}
