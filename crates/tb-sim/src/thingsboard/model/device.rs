//! Devices.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::credentials::{CredentialsType, SentCredentials};
use super::entity_id::{EntityId, SentEntityId};
use crate::ids::{Uuid, alphanumeric};
use crate::thingsboard::model::texts::{check_texts, required_name};
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
    pub(crate) customer_id: Option<SentEntityId>,
    pub(crate) firmware_id: Option<SentEntityId>,
    pub(crate) software_id: Option<SentEntityId>,
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

impl SentDevice {
    /// Checks everything that needs no other device and no profile, in the order of the real server. Returns the name.
    pub(crate) fn check(&self) -> Result<&str> {
        let additional_info = (!self.additional_info.is_null()).then(|| self.additional_info.to_string());
        let limited =
            [("name", self.name.as_deref()), ("type", self.kind.as_deref()), ("label", self.label.as_deref())];
        check_texts(&limited, &[("additionalInfo", additional_info.as_deref())])?;
        let name = required_name(self.name.as_deref(), "Device")?;
        if self.customer_id.is_some_and(|customer| customer.0 != Uuid::NULL) {
            return Err(Refusal::bad("Can't assign device to non-existent customer!"));
        }
        for (package, what) in [(self.firmware_id, "firmware"), (self.software_id, "software")] {
            if package.is_some() {
                return Err(Refusal::bad(format!("Can't assign non-existent {what}!")));
            }
        }
        Ok(name)
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
