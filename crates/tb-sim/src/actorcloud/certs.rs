//! Certificates: made here with their keys, and bound to devices. None can be brought.

use serde_json::{Value, json};

use super::answer::{Refusal, Result};
use super::cloud::Cloud;
use super::devices;
use super::list::{ids, page};
use super::store::{Cert, Store, TENANT};
use crate::clock;
use crate::http::{Query, Reply};
use crate::ids::hex_digits;

/// `GET /certs`.
pub(super) fn list(cloud: &Cloud, query: &Query) -> Result<Reply> {
    let store = cloud.store();
    let short =
        |cert: &Cert| json!({ "id": cert.id, "createAt": cert.created, "certName": cert.name, "enable": cert.enable });
    Ok(Reply::json(200, &page(query, store.certs.values().map(short))?))
}

/// `GET /certs/{id}`: the private key comes along every time.
pub(super) fn get(cloud: &Cloud, id: u64) -> Result<Reply> {
    let store = cloud.store();
    Ok(Reply::json(200, &shown(cloud, cert(&store, id)?)))
}

/// `POST /certs`.
pub(super) fn create(cloud: &Cloud, body: &Value) -> Result<Reply> {
    let name = name(body)?;
    // RSA takes tens of milliseconds or more, so the lock is not held while the key is made.
    let enable = enable(body)?.unwrap_or(1);
    if cloud.store().certs.values().any(|cert| cert.name == name) {
        return Err(Refusal::exists("certName"));
    }
    // 36 characters in all, tenant and colon among them, which the real one has too.
    let common_name = format!("{TENANT}:{}", hex_digits(26));
    let made = cloud.authority.issue(&common_name).map_err(|_| Refusal::status(500))?;
    let mut store = cloud.store();
    let cert = Cert {
        id: store.next_id(),
        name,
        enable,
        common_name,
        key: made.key,
        certificate: made.certificate,
        created: clock::text(),
        updated: None,
    };
    let file = hex_digits(32);
    let mut answer = shown(cloud, &cert);
    let named = |name: String, content: &str| json!({ "fileName": name, "content": content });
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("cert".to_owned(), named(format!("{file}.crt"), &cert.certificate));
        answer.insert("key".to_owned(), named(format!("{file}.key"), &cert.key));
        answer.insert("root".to_owned(), named("root_ca.crt".to_owned(), &cloud.authority.root()));
    }
    store.certs.insert(cert.id, cert);
    Ok(Reply::json(201, &answer))
}

/// `PUT /certs/{id}`.
pub(super) fn update(cloud: &Cloud, id: u64, body: &Value) -> Result<Reply> {
    let (name, enable) = (name(body)?, enable(body)?);
    let mut store = cloud.store();
    cert(&store, id)?;
    if store.certs.values().any(|cert| cert.name == name && cert.id != id) {
        return Err(Refusal::exists("certName"));
    }
    let cert = store.certs.get_mut(&id).ok_or_else(|| Refusal::not_found("url"))?;
    cert.name = name;
    cert.enable = enable.unwrap_or(cert.enable);
    cert.updated = Some(clock::text());
    let cert = cert.clone();
    Ok(Reply::json(200, &shown(cloud, &cert)))
}

/// `DELETE /certs?ids=`: all or none.
pub(super) fn delete(cloud: &Cloud, query: &Query) -> Result<Reply> {
    let ids = ids(query)?;
    let mut store = cloud.store();
    if ids.iter().any(|id| !store.certs.contains_key(id)) {
        return Err(Refusal::not_found("ids"));
    }
    if store.bound.iter().any(|(cert, _)| ids.contains(cert)) {
        return Err(Refusal::referenced("devices"));
    }
    store.certs.retain(|id, _| !ids.contains(id));
    Ok(Reply::empty(204))
}

/// `GET /certs/{id}/devices`.
pub(super) fn bound(cloud: &Cloud, id: u64, query: &Query) -> Result<Reply> {
    let store = cloud.store();
    cert(&store, id)?;
    let devices = store.devices.values().filter(|device| store.bound.contains(&(id, device.id)));
    Ok(Reply::json(200, &page(query, devices.map(|device| devices::shown(&store, device)))?))
}

/// `POST /certs/{id}/devices`.
pub(super) fn bind(cloud: &Cloud, id: u64, body: &Value) -> Result<Reply> {
    let wanted = body.get("devices").and_then(Value::as_array);
    let wanted = wanted.ok_or_else(|| Refusal::form("devices", "Missing data for required field."))?;
    let wanted: Option<Vec<u64>> = wanted.iter().map(Value::as_u64).collect();
    let wanted = wanted.ok_or_else(|| Refusal::form("devices", "Not a valid integer."))?;
    let mut store = cloud.store();
    cert(&store, id)?;
    let by_certificate = |id: &u64| store.devices.get(id).is_some_and(|device| device.auth_type == 2);
    if !wanted.iter().all(by_certificate) {
        return Err(Refusal::not_found("devices"));
    }
    if wanted.iter().any(|device| store.bound.contains(&(id, *device))) {
        return Err(Refusal::exists("devices"));
    }
    store.bound.extend(wanted.iter().map(|device| (id, *device)));
    Ok(Reply::json(201, &json!({ "devices": wanted })))
}

/// `DELETE /certs/{id}/devices?ids=`.
pub(super) fn unbind(cloud: &Cloud, id: u64, query: &Query) -> Result<Reply> {
    let ids = ids(query)?;
    let mut store = cloud.store();
    cert(&store, id)?;
    if ids.iter().any(|device| !store.bound.contains(&(id, *device))) {
        return Err(Refusal::not_found("ids"));
    }
    store.bound.retain(|(cert, device)| *cert != id || !ids.contains(device));
    Ok(Reply::empty(204))
}

/// `GET /select_options/certs`.
pub(super) fn options(cloud: &Cloud) -> Reply {
    let store = cloud.store();
    Reply::json(200, &store.certs.values().map(|cert| json!({ "label": cert.name, "value": cert.id })).collect())
}

/// `GET /select_options/certs/{id}/not_joined_devices`.
pub(super) fn not_joined(cloud: &Cloud, id: u64) -> Result<Reply> {
    let store = cloud.store();
    cert(&store, id)?;
    let free = store
        .devices
        .values()
        .filter(|device| device.auth_type == 2 && !store.bound.contains(&(id, device.id)))
        .map(|device| json!({ "label": device.name, "value": device.id }));
    Ok(Reply::json(200, &free.collect()))
}

fn cert(store: &Store, id: u64) -> Result<&Cert> {
    store.certs.get(&id).ok_or_else(|| Refusal::not_found("url"))
}

fn shown(cloud: &Cloud, cert: &Cert) -> Value {
    json!({
        "id": cert.id, "certName": cert.name, "enable": cert.enable, "CN": cert.common_name,
        "key": cert.key, "cert": cert.certificate, "root": cloud.authority.root(),
        "createAt": cert.created, "updateAt": cert.updated, "createUser": "admin",
    })
}

fn name(body: &Value) -> Result<String> {
    if body.as_object().is_none_or(serde_json::Map::is_empty) {
        return Err(Refusal::bad_request());
    }
    let name = body.get("certName").and_then(Value::as_str);
    let name = name.ok_or_else(|| Refusal::form("certName", "Missing data for required field."))?;
    if name.is_empty() || name.chars().count() > 50 {
        return Err(Refusal::form("certName", "Length must be between 1 and 50."));
    }
    Ok(name.to_owned())
}

fn enable(body: &Value) -> Result<Option<u8>> {
    match body.get("enable").map(Value::as_u64) {
        None => Ok(None),
        Some(Some(0)) => Ok(Some(0)),
        Some(Some(1)) => Ok(Some(1)),
        Some(_) => Err(Refusal::form("enable", "Not a valid choice.")),
    }
}
