//! Devices over REST.

use serde::Deserialize;
use serde_json::Value;

use super::call::{Call, ok};
use super::page::Page;
use crate::http::Reply;
use crate::ids::Uuid;
use crate::thingsboard::model::credentials::SentCredentials;
use crate::thingsboard::model::device::{Device, NamePolicy, SentDevice, device_info};
use crate::thingsboard::refusal::{Refusal, Result};
use crate::thingsboard::state::State;

const SORTABLE: &[&str] = &["createdTime", "name", "deviceProfileName", "label", "customerTitle"];

pub(super) fn save(call: &Call<'_>) -> Result<Reply> {
    let sent: SentDevice = call.body()?;
    let tenant = call.tenant()?;
    let policy = name_policy(call)?;
    let mut state = call.state();
    check_limit(call, &state, tenant, &sent)?;
    Ok(ok(&state.save_device(tenant, sent, call.request.query.get("accessToken"), &policy)?.to_json()))
}

pub(super) fn save_with_credentials(call: &Call<'_>) -> Result<Reply> {
    #[derive(Deserialize)]
    struct Sent {
        device: Option<SentDevice>,
        credentials: Option<SentCredentials>,
    }
    let sent: Sent = call.body()?;
    let device = sent.device.ok_or_else(|| Refusal::bad("Validation error: device must not be null"))?;
    let credentials = sent.credentials.ok_or_else(|| Refusal::bad("Validation error: credentials must not be null"))?;
    let tenant = call.tenant()?;
    let policy = name_policy(call)?;
    let mut state = call.state();
    check_limit(call, &state, tenant, &device)?;
    Ok(ok(&state.save_device_with_credentials(tenant, device, credentials, &policy)?.to_json()))
}

pub(super) fn get(call: &Call<'_>) -> Result<Reply> {
    with_device(call, |_, device| Ok(ok(&device.to_json())))
}

pub(super) fn info(call: &Call<'_>) -> Result<Reply> {
    with_device(call, |_, device| Ok(ok(&device_info(device, false))))
}

pub(super) fn delete(call: &Call<'_>) -> Result<Reply> {
    let id = call.id(0, "deviceId")?;
    let tenant = call.tenant()?;
    call.state().delete_device(tenant, id)?;
    Ok(Reply::empty(200))
}

/// Two calls of one path: the hidden lookup by name, and the list. Both parameters of a page make it the list.
pub(super) fn tenant_devices(call: &Call<'_>) -> Result<Reply> {
    let query = &call.request.query;
    let paged = query.get("pageSize").is_some() && query.get("page").is_some();
    // 4.2 maps the page first, 4.3 the name.
    if query.get("deviceName").is_some() && (!paged || call.core.is_4_3()) {
        return by_name(call);
    }
    if !paged && !call.core.is_4_3() {
        return Err(Refusal::bad(
            "Parameter conditions \"deviceName\" OR \"pageSize, page\" not met for actual request parameters",
        ));
    }
    list(call, Device::to_json)
}

pub(super) fn tenant_infos(call: &Call<'_>) -> Result<Reply> {
    if let Some(active) = call.request.query.get("active").filter(|text| !matches!(*text, "" | "true" | "false")) {
        return Err(Refusal::bad(format!(
            "Method parameter 'active': Failed to convert value of type 'java.lang.String' to required type \
             'java.lang.Boolean'; Invalid boolean value [{active}]"
        )));
    }
    list(call, |device| device_info(device, false))
}

pub(super) fn by_name(call: &Call<'_>) -> Result<Reply> {
    let name = call.request.query.get("deviceName").unwrap_or_default();
    let tenant = call.tenant()?;
    let state = call.state();
    let device = state.device_named(tenant, name).ok_or_else(Refusal::not_found)?;
    Ok(ok(&device.to_json()))
}

pub(super) fn by_ids(call: &Call<'_>) -> Result<Reply> {
    let ids = call.request.query.get("deviceIds").unwrap_or_default();
    let ids: std::result::Result<Vec<Uuid>, String> = ids.split(',').map(str::parse).collect();
    let ids = ids.map_err(Refusal::bad)?;
    let tenant = call.tenant()?;
    let state = call.state();
    let found = ids.into_iter().filter_map(|id| state.device_of(tenant, id).ok().map(Device::to_json));
    Ok(ok(&Value::Array(found.collect())))
}

/// Does something with the device that the path names.
pub(super) fn with_device(call: &Call<'_>, then: impl FnOnce(&State, &Device) -> Result<Reply>) -> Result<Reply> {
    let id = call.id(0, "deviceId")?;
    let caller = call.caller()?;
    let state = call.state();
    let device = state.device_of(caller.tenant, id)?;
    if caller.is_tenant_admin { then(&state, device) } else { Err(Refusal::forbidden()) }
}

fn list(call: &Call<'_>, shown: fn(&Device) -> Value) -> Result<Reply> {
    let query = &call.request.query;
    let page = Page::new(call, SORTABLE)?;
    let tenant = call.tenant()?;
    let kind = query.get("type").filter(|kind| !kind.is_empty());
    let profile: Option<Uuid> = match query.get("deviceProfileId") {
        Some(id) => Some(id.parse().map_err(Refusal::bad)?),
        None => None,
    };
    let state = call.state();
    let devices = state
        .devices_of(tenant)
        .filter(|device| kind.is_none_or(|kind| device.kind == kind))
        .filter(|device| profile.is_none_or(|profile| device.device_profile_id.id == profile));
    Ok(ok(&page.of(devices.map(shown), &["name", "label"])))
}

fn name_policy(call: &Call<'_>) -> Result<NamePolicy> {
    let query = &call.request.query;
    if !call.core.is_4_3() {
        return Ok(NamePolicy::default());
    }
    let choice = |name: &str, values: [&str; 2]| match query.get(name) {
        None => Ok(false),
        Some(value) if values.contains(&value) => Ok(Some(&value) == values.get(1)),
        Some(value) => Err(Refusal::bad(format!(
            "Failed to convert value of type 'java.lang.String' to required type; No enum constant {value}"
        ))),
    };
    Ok(NamePolicy {
        uniquify: choice("nameConflictPolicy", ["FAIL", "UNIQUIFY"])?,
        separator: query.get("uniquifySeparator").unwrap_or("_").to_owned(),
        incremental: choice("uniquifyStrategy", ["RANDOM", "INCREMENTAL"])?,
    })
}

fn check_limit(call: &Call<'_>, state: &State, tenant: Uuid, sent: &SentDevice) -> Result<()> {
    match call.core.settings.max_devices {
        // A device with an id is there already: to change it is no question of the limit.
        Some(limit) if sent.id.is_none() && state.devices_of(tenant).count() >= limit => {
            Err(Refusal::too_many_devices(limit))
        }
        _ => Ok(()),
    }
}
