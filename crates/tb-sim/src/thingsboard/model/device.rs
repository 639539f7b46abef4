//! Devices.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::credentials::{CredentialsType, SentCredentials};
use super::entity_id::{EntityId, SentEntityId};
use crate::ids::{Uuid, alphanumeric};
use crate::thingsboard::refusal::{Refusal, Result};

/// A device.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Device {
    pub(crate) id: EntityId,
    pub(crate) created_time: i64,
    pub(crate) tenant_id: EntityId,
    pub(crate) customer_id: EntityId,
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) label: Option<String>,
    pub(crate) device_profile_id: EntityId,
    pub(crate) firmware_id: Value,
    pub(crate) software_id: Value,
    pub(crate) external_id: Value,
    pub(crate) version: i64,
    pub(crate) additional_info: Value,
    pub(crate) device_data: Value,
}

/// A device as clients send it. What else they send is ignored.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SentDevice {
    pub(crate) id: Option<SentEntityId>,
    pub(crate) name: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) device_profile_id: Option<SentEntityId>,
    #[serde(default)]
    pub(crate) additional_info: Value,
    pub(crate) version: Option<i64>,
}

/// The policy for a name that exists (4.3 and later).
#[derive(Debug, Clone, Default)]
pub(crate) struct NamePolicy {
    pub(crate) uniquify: bool,
    pub(crate) separator: String,
    pub(crate) incremental: bool,
}

/// Credentials of a kind that was not asked for: a random token.
pub(crate) fn random_token(access_token: Option<&str>) -> SentCredentials {
    let token = access_token.filter(|token| !token.is_empty()).map_or_else(|| alphanumeric(20), str::to_owned);
    SentCredentials {
        credentials_type: Some(CredentialsType::AccessToken),
        credentials_id: Some(token),
        ..SentCredentials::default()
    }
}

impl Device {
    pub(crate) fn id(&self) -> Uuid {
        self.id.id
    }

    /// True for a gateway, which sends messages of other devices.
    pub(crate) fn is_gateway(&self) -> bool {
        self.additional_info.get("gateway").and_then(Value::as_bool).unwrap_or_default()
    }

    /// The form of the REST API.
    pub(crate) fn to_json(&self) -> Value {
        json!(self)
    }
}

/// A name as the validators want it. It is neither trimmed nor changed.
pub(crate) fn checked_name<'a>(name: Option<&'a str>, what: &str) -> Result<&'a str> {
    let name = name.filter(|name| !name.trim().is_empty());
    let name = name.ok_or_else(|| Refusal::bad(format!("{what} name should be specified!")))?;
    // Java counts UTF-16 units, so a character beyond the basic plane counts twice.
    if name.encode_utf16().count() > 255 {
        return Err(Refusal::bad("Validation error: name length must be equal or less than 255"));
    }
    // Names and labels are shown in web pages and put into templates.
    if is_malformed(name) {
        return Err(Refusal::bad("Validation error: name is malformed"));
    }
    if name.contains('\0') {
        return Err(Refusal::bad(format!("{what} name should not contain 0x00 symbol!")));
    }
    Ok(name)
}

/// Checks a label as the validators do.
pub(crate) fn check_label(label: Option<&str>) -> Result<()> {
    let label = label.unwrap_or_default();
    if label.encode_utf16().count() > 255 {
        return Err(Refusal::bad("Validation error: label length must be equal or less than 255"));
    }
    if is_malformed(label) {
        return Err(Refusal::bad("Validation error: label is malformed"));
    }
    Ok(())
}

/// Text in which a browser or a template engine would see more than text.
fn is_malformed(text: &str) -> bool {
    let template = text.find("{{").is_some_and(|start| text.get(start..).is_some_and(|rest| rest.contains("}}")));
    let mut after_bracket = text.split('<').skip(1);
    let tag = after_bracket.any(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c)));
    template || tag
}

/// `DeviceInfo`: a device, and further columns of the list in the user interface.
pub(crate) fn device_info(device: &Device, active: bool) -> Value {
    let mut info = match device.to_json() {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    info.insert("customerTitle".to_owned(), Value::Null);
    info.insert("customerIsPublic".to_owned(), Value::Bool(false));
    info.insert("deviceProfileName".to_owned(), Value::from(device.kind.clone()));
    info.insert("active".to_owned(), Value::Bool(active));
    Value::Object(info)
}
