//! Device profiles over REST.

use serde_json::{Map, Value, json};

use super::call::{Call, ok};
use super::page::Page;
use crate::http::Reply;
use crate::thingsboard::model::entity_id::EntityId;
use crate::thingsboard::model::profile::{Profile, TRANSPORTS};
use crate::thingsboard::refusal::{Refusal, Result};

const SORTABLE: &[&str] = &["createdTime", "name", "type", "transportType", "description", "isDefault"];

pub(super) fn save(call: &Call<'_>) -> Result<Reply> {
    let sent: Map<String, Value> = call.body()?;
    let tenant = call.tenant()?;
    Ok(ok(&call.state().save_profile(tenant, sent)?))
}

pub(super) fn get(call: &Call<'_>) -> Result<Reply> {
    let (id, tenant) = (call.id(0, "deviceProfileId")?, call.tenant()?);
    Ok(ok(&call.state().profile_of(tenant, id)?.to_json()))
}

pub(super) fn delete(call: &Call<'_>) -> Result<Reply> {
    let (id, tenant) = (call.id(0, "deviceProfileId")?, call.tenant()?);
    call.state().delete_profile(tenant, id)?;
    Ok(Reply::empty(200))
}

pub(super) fn make_default(call: &Call<'_>) -> Result<Reply> {
    let (id, tenant) = (call.id(0, "deviceProfileId")?, call.tenant()?);
    Ok(ok(&call.state().make_default(tenant, id)?))
}

pub(super) fn list(call: &Call<'_>) -> Result<Reply> {
    page(call, Profile::to_json)
}

pub(super) fn infos(call: &Call<'_>) -> Result<Reply> {
    page(call, Profile::info)
}

pub(super) fn info(call: &Call<'_>) -> Result<Reply> {
    let (id, tenant) = (call.id(0, "deviceProfileId")?, call.caller()?.tenant);
    Ok(ok(&call.state().profile_of(tenant, id)?.info()))
}

pub(super) fn default_info(call: &Call<'_>) -> Result<Reply> {
    let tenant = call.caller()?.tenant;
    let state = call.state();
    let id = state.default_profile(tenant)?;
    Ok(ok(&state.profile_of(tenant, id)?.info()))
}

pub(super) fn names(call: &Call<'_>) -> Result<Reply> {
    let tenant = call.caller()?.tenant;
    let state = call.state();
    let name = |profile: &Profile| json!({ "id": EntityId::profile(profile.id), "name": profile.name() });
    Ok(ok(&Value::Array(state.profiles_of(tenant).map(name).collect())))
}

fn page(call: &Call<'_>, shown: fn(&Profile) -> Value) -> Result<Reply> {
    let page = Page::new(call, SORTABLE)?;
    let transport = call.request.query.get("transportType").filter(|text| !text.is_empty());
    if let Some(unknown) = transport.filter(|transport| !TRANSPORTS.contains(transport)) {
        return Err(Refusal::bad(format!(
            "No enum constant org.thingsboard.server.common.data.DeviceTransportType.{unknown}"
        )));
    }
    let tenant = call.tenant()?;
    let state = call.state();
    let profiles =
        state.profiles_of(tenant).filter(|profile| transport.is_none_or(|wanted| profile.transport_type() == wanted));
    Ok(ok(&page.of(profiles.map(shown), &["name"])))
}
