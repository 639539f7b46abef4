//! Devices.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::clock;
use crate::ids::{Uuid, alphanumeric};
use crate::refusal::{Refusal, Result};
use crate::state::State;
use crate::state::credentials::{CredentialsType, SentCredentials};
use crate::state::entity_id::{EntityId, SentEntityId, SentId};

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
    firmware_id: Value,
    software_id: Value,
    external_id: Value,
    pub(crate) version: i64,
    pub(crate) additional_info: Value,
    device_data: Value,
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

/// What to do with a name that is taken (from 4.3 on).
#[derive(Debug, Clone, Default)]
pub(crate) struct Naming {
    pub(crate) uniquify: bool,
    pub(crate) separator: String,
    pub(crate) incremental: bool,
}

/// Credentials of a kind that was not asked for: a random token.
fn token(access_token: Option<&str>) -> SentCredentials {
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

    /// Whether it speaks for other devices.
    pub(crate) fn is_gateway(&self) -> bool {
        self.additional_info.get("gateway").and_then(Value::as_bool).unwrap_or_default()
    }

    /// As REST shows it.
    pub(crate) fn to_json(&self) -> Value {
        json!(self)
    }
}

impl State {
    pub(crate) fn device(&self, id: Uuid) -> Option<&Device> {
        self.devices.get(&id)
    }

    /// The device of a tenant. Those of others are as good as none.
    pub(crate) fn device_of(&self, tenant: Uuid, id: Uuid) -> Result<&Device> {
        let device = self.devices.get(&id).filter(|device| device.tenant_id.id == tenant);
        device.ok_or_else(|| Refusal::unknown("Device", id))
    }

    pub(crate) fn device_named(&self, tenant: Uuid, name: &str) -> Option<&Device> {
        let id = self.device_names.get(&(tenant, name.to_owned()))?;
        self.devices.get(id)
    }

    /// All devices of a tenant, oldest first.
    pub(crate) fn devices_of(&self, tenant: Uuid) -> impl Iterator<Item = &Device> {
        self.devices.values().filter(move |device| device.tenant_id.id == tenant)
    }

    /// All devices.
    pub(crate) fn all_devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    /// `POST /api/device`: creates without an id, updates with one. A new device gets an access token.
    pub(crate) fn save_device(
        &mut self,
        tenant: Uuid,
        sent: SentDevice,
        access_token: Option<&str>,
        naming: &Naming,
    ) -> Result<Device> {
        if sent.id.is_some() {
            return self.update_device(tenant, sent);
        }
        let device = self.create_device(tenant, sent, naming)?;
        self.first_credentials(device.id(), &token(access_token)).map_err(|refusal| self.undo(&device, refusal))?;
        Ok(device)
    }

    /// `POST /api/device-with-credentials`: all of it or nothing. A device that is there already, by id or by name, is
    /// updated, and its credentials are replaced.
    pub(crate) fn save_device_with_credentials(
        &mut self,
        tenant: Uuid,
        mut sent: SentDevice,
        mut credentials: SentCredentials,
        naming: &Naming,
    ) -> Result<Device> {
        if sent.id.is_none() && !naming.uniquify {
            let same_name = sent.name.as_deref().and_then(|name| self.device_named(tenant, name));
            sent.id = same_name.map(|device| SentEntityId(device.id()));
        }
        let Some(SentEntityId(id)) = sent.id else {
            let profiles = self.profile_ids();
            let device = self.create_device(tenant, sent, naming)?;
            self.first_credentials(device.id(), &credentials).map_err(|refusal| {
                let refusal = self.undo(&device, refusal);
                self.keep_profiles(&profiles);
                refusal
            })?;
            return Ok(device);
        };
        let before = self.device_of(tenant, id)?.clone();
        let after = self.update_device(tenant, sent)?;
        credentials.id = self.credentials_of(id).map(|credentials| SentId(credentials.id));
        if let Err(refusal) = self.replace_credentials(id, &credentials) {
            self.device_names.remove(&(tenant, after.name));
            self.put_device(before);
            return Err(refusal);
        }
        Ok(after)
    }

    /// A device made from inside, with credentials of its own.
    pub(crate) fn provision_device(
        &mut self,
        tenant: Uuid,
        profile: Uuid,
        name: &str,
        credentials: Option<&SentCredentials>,
    ) -> Result<Device> {
        let sent = SentDevice {
            name: Some(name.to_owned()),
            device_profile_id: Some(SentEntityId(profile)),
            ..SentDevice::default()
        };
        let device = self.create_device(tenant, sent, &Naming::default())?;
        let token = token(None);
        self.first_credentials(device.id(), credentials.unwrap_or(&token))
            .map_err(|refusal| self.undo(&device, refusal))?;
        Ok(device)
    }

    pub(crate) fn delete_device(&mut self, tenant: Uuid, id: Uuid) -> Result<()> {
        let device = self.device_of(tenant, id)?.clone();
        self.remove_device(&device);
        self.forget_samples(id);
        self.close_session(id);
        Ok(())
    }

    pub(crate) fn set_gateway(&mut self, device: Uuid) {
        if let Some(device) = self.devices.get_mut(&device) {
            device.additional_info = json!({ "gateway": true });
        }
    }

    fn create_device(&mut self, tenant: Uuid, sent: SentDevice, naming: &Naming) -> Result<Device> {
        let mut name = checked_name(sent.name.as_deref(), "Device")?.to_owned();
        if self.device_named(tenant, &name).is_some() {
            if !naming.uniquify {
                return Err(Refusal::bad("Device with such name already exists!"));
            }
            name = self.unique_name(tenant, &name, naming);
        }
        let (profile, kind, device_data) = self.profile_for(tenant, &sent)?;
        let device = Device {
            id: EntityId::device(Uuid::new()),
            created_time: clock::milliseconds(),
            tenant_id: EntityId::tenant(tenant),
            customer_id: EntityId::customer(Uuid::NULL),
            name,
            kind,
            label: sent.label,
            device_profile_id: EntityId::profile(profile),
            firmware_id: Value::Null,
            software_id: Value::Null,
            external_id: Value::Null,
            version: 1,
            additional_info: sent.additional_info,
            device_data,
        };
        self.put_device(device.clone());
        Ok(device)
    }

    fn update_device(&mut self, tenant: Uuid, sent: SentDevice) -> Result<Device> {
        let id = sent.id.map_or(Uuid::NULL, |id| id.0);
        let before = self.device_of(tenant, id)?.clone();
        let name = checked_name(sent.name.as_deref(), "Device")?.to_owned();
        if self.device_named(tenant, &name).is_some_and(|device| device.id() != id) {
            return Err(Refusal::bad("Device with such name already exists!"));
        }
        let (profile, kind, device_data) = self.profile_for(tenant, &sent)?;
        if sent.version.is_some_and(|version| version != before.version) {
            return Err(Refusal::changed("Device"));
        }
        self.device_names.remove(&(tenant, before.name.clone()));
        let after = Device {
            name,
            kind,
            label: sent.label,
            device_profile_id: EntityId::profile(profile),
            version: before.version + 1,
            additional_info: sent.additional_info,
            device_data,
            ..before
        };
        self.put_device(after.clone());
        Ok(after)
    }

    /// The profile, its name, and the data that a device of it has. A type that is no profile yet becomes one.
    fn profile_for(&mut self, tenant: Uuid, sent: &SentDevice) -> Result<(Uuid, String, Value)> {
        let profile = match (sent.device_profile_id, sent.kind.as_deref().filter(|kind| !kind.is_empty())) {
            (Some(SentEntityId(id)), _) => {
                let profile = self.profile(id);
                let profile =
                    profile.ok_or_else(|| Refusal::bad("Device is referencing non existing device profile!"))?;
                if profile.tenant != tenant {
                    return Err(Refusal::bad("Device can`t be referencing to device profile from different tenant!"));
                }
                id
            }
            (None, Some(kind)) => self.profile_named_or_new(tenant, kind),
            (None, None) => self.default_profile(tenant)?,
        };
        let profile = self.profile(profile).ok_or_else(Refusal::not_found)?;
        let data = json!({
            "configuration": { "type": "DEFAULT" },
            "transportConfiguration": { "type": profile.transport_type() },
        });
        Ok((profile.id, profile.name().to_owned(), data))
    }

    fn unique_name(&self, tenant: Uuid, name: &str, naming: &Naming) -> String {
        let separator = &naming.separator;
        if !naming.incremental {
            return format!("{name}{separator}{}", alphanumeric(6));
        }
        (1..=u64::MAX)
            .map(|number| format!("{name}{separator}{number}"))
            .find(|name| self.device_named(tenant, name).is_none())
            .unwrap_or_default()
    }

    fn put_device(&mut self, device: Device) {
        self.device_names.insert((device.tenant_id.id, device.name.clone()), device.id());
        self.devices.insert(device.id(), device);
    }

    fn remove_device(&mut self, device: &Device) {
        self.device_names.remove(&(device.tenant_id.id, device.name.clone()));
        self.devices.remove(&device.id());
        self.remove_credentials(device.id());
    }

    /// Takes a new device back.
    fn undo(&mut self, device: &Device, refusal: Refusal) -> Refusal {
        self.remove_device(device);
        refusal
    }
}

/// A name as the validators want it. It is neither trimmed nor changed.
pub(crate) fn checked_name<'a>(name: Option<&'a str>, what: &str) -> Result<&'a str> {
    let name = name.filter(|name| !name.trim().is_empty());
    let name = name.ok_or_else(|| Refusal::bad(format!("{what} name should be specified!")))?;
    if name.encode_utf16().count() > 255 {
        return Err(Refusal::bad("Validation error: name length must be equal or less than 255"));
    }
    if is_malformed(name) {
        return Err(Refusal::bad("Validation error: name is malformed"));
    }
    if name.contains('\0') {
        return Err(Refusal::bad(format!("{what} name should not contain 0x00 symbol!")));
    }
    Ok(name)
}

/// Text in which a browser or a template engine would see more than text.
fn is_malformed(text: &str) -> bool {
    let template = text.find("{{").is_some_and(|start| text.get(start..).is_some_and(|rest| rest.contains("}}")));
    let mut after_bracket = text.split('<').skip(1);
    let tag = after_bracket.any(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c)));
    template || tag
}

/// `DeviceInfo`: a device, and what the list in the user interface shows beside it.
pub(crate) fn info(device: &Device, active: bool) -> Value {
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
