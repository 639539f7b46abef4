//! Devices.

use serde_json::{Value, json};

use super::answer::{Refusal, Result};
use super::cloud::Cloud;
use super::list::{ids, page};
use super::store::{Device, Store, TENANT};
use crate::clock;
use crate::http::{Query, Reply};
use crate::ids::alphanumeric;

/// `GET /devices`.
pub(super) fn list(cloud: &Cloud, query: &Query) -> Result<Reply> {
    let store = cloud.store();
    Ok(Reply::json(200, &page(query, store.devices.values().map(|device| shown(&store, device)))?))
}

/// `GET /devices/{id}`.
pub(super) fn get(cloud: &Cloud, id: u64) -> Result<Reply> {
    let store = cloud.store();
    Ok(Reply::json(200, &shown(&store, device(&store, id)?)))
}

/// `POST /devices`.
pub(super) fn create(cloud: &Cloud, body: &Value) -> Result<Reply> {
    if body.as_object().is_none_or(serde_json::Map::is_empty) {
        return Err(Refusal::bad_request());
    }
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let missing = |name: &str| Refusal::form(name, "Missing data for required field.");
    let number = |name: &str| body.get(name).and_then(Value::as_u64).ok_or_else(|| missing(name));
    let name = text("deviceName").ok_or_else(|| missing("deviceName"))?;
    let product = text("productID").ok_or_else(|| missing("productID"))?;
    if product.chars().count() != 6 {
        return Err(Refusal::form("productID", "Length must be 6."));
    }
    let (device_type, auth_type) = (number("deviceType")?, number("authType")?);
    if !(1..=2).contains(&auth_type) {
        return Err(Refusal::form("authType", "Not a valid choice."));
    }
    let sized = |name: &str| match text(name) {
        Some(value) if !(8..=36).contains(&value.chars().count()) => {
            Err(Refusal::form(name, "Length must be between 8 and 36."))
        }
        value => Ok(value),
    };
    // Either one missing makes both random.
    let (device_id, user_name) = match (sized("deviceID")?, sized("deviceUsername")?) {
        (Some(id), Some(user)) => (id, user),
        _ => {
            let random = alphanumeric(36);
            (random.clone(), random)
        }
    };
    let token = sized("token")?.unwrap_or_else(|| alphanumeric(36));
    let certs = certs(body)?;
    if auth_type == 2 && certs.is_empty() {
        return Err(missing("certs"));
    }
    let mut store = cloud.store();
    if certs.iter().any(|cert| !store.certs.contains_key(cert)) {
        return Err(Refusal::not_found("certs"));
    }
    for (field, taken) in [
        ("deviceName", store.devices.values().any(|device| device.name == name)),
        ("deviceID", store.devices.values().any(|device| device.device_id == device_id)),
    ] {
        if taken {
            return Err(Refusal::exists(field));
        }
    }
    let device = Device {
        id: store.next_id(),
        name,
        device_id,
        user_name,
        token,
        product,
        device_type,
        auth_type,
        blocked: 0,
        created: clock::text(),
    };
    if auth_type == 2 {
        store.bound.extend(certs.into_iter().map(|cert| (cert, device.id)));
    }
    store.devices.insert(device.id, device.clone());
    Ok(Reply::json(201, &shown(&store, &device)))
}

/// `PUT /devices/{id}`: id, user name and token stay as they are.
pub(super) fn update(cloud: &Cloud, id: u64, body: &Value) -> Result<Reply> {
    let mut store = cloud.store();
    device(&store, id)?;
    let certs = certs(body)?;
    let device = store.devices.get_mut(&id).ok_or_else(|| Refusal::not_found("url"))?;
    if let Some(name) = body.get("deviceName").and_then(Value::as_str) {
        name.clone_into(&mut device.name);
    }
    if let Some(blocked) = body.get("blocked").and_then(Value::as_u64) {
        device.blocked = blocked;
    }
    let device = device.clone();
    if device.auth_type == 2 && body.get("certs").is_some() {
        // The list replaces the bindings, and does not add to them.
        store.bound.retain(|(_, bound)| *bound != id);
        store.bound.extend(certs.into_iter().map(|cert| (cert, id)));
    }
    Ok(Reply::json(201, &shown(&store, &device)))
}

/// `DELETE /devices?ids=`.
pub(super) fn delete(cloud: &Cloud, query: &Query) -> Result<Reply> {
    let ids = ids(query)?;
    let mut store = cloud.store();
    if ids.iter().any(|id| !store.devices.contains_key(id)) {
        return Err(Refusal::not_found("ids"));
    }
    store.devices.retain(|id, _| !ids.contains(id));
    store.bound.retain(|(_, device)| !ids.contains(device));
    Ok(Reply::empty(204))
}

/// A device, as it is shown.
pub(super) fn shown(store: &Store, device: &Device) -> Value {
    let mut shown = json!({
        "id": device.id, "deviceName": device.name, "deviceID": device.device_id,
        "deviceUsername": device.user_name, "token": device.token, "productID": device.product,
        "deviceType": device.device_type, "authType": device.auth_type, "blocked": device.blocked,
        "tenantID": TENANT, "createAt": device.created,
    });
    if let (2, Some(shown)) = (device.auth_type, shown.as_object_mut()) {
        let certs: Vec<u64> =
            store.bound.iter().filter(|(_, bound)| *bound == device.id).map(|(cert, _)| *cert).collect();
        let index = certs.iter().filter_map(|cert| store.certs.get(cert));
        let index = index.map(|cert| json!({ "value": cert.id, "label": cert.name })).collect();
        shown.insert("certs".to_owned(), json!(certs));
        shown.insert("certsIndex".to_owned(), Value::Array(index));
    }
    shown
}

fn device(store: &Store, id: u64) -> Result<&Device> {
    store.devices.get(&id).ok_or_else(|| Refusal::not_found("url"))
}

fn certs(body: &Value) -> Result<Vec<u64>> {
    match body.get("certs") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(certs) => {
            let ids: Option<Vec<u64>> = certs.as_array().and_then(|ids| ids.iter().map(Value::as_u64).collect());
            ids.ok_or_else(|| Refusal::form("certs", "Not a valid list."))
        }
    }
}
