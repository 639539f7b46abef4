//! Devices: making, changing and deleting them.

use serde_json::{Value, json};

use super::State;
use crate::clock;
use crate::ids::{Uuid, alphanumeric};
use crate::thingsboard::model::credentials::SentCredentials;
use crate::thingsboard::model::device::{Device, NamePolicy, SentDevice, random_token};
use crate::thingsboard::model::entity_id::{EntityId, SentEntityId, SentId};
use crate::thingsboard::refusal::{Refusal, Result};
use crate::thingsboard::settings::Version;

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

    pub(crate) fn all_devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    /// `POST /api/device`: creates without an id, updates with one. A new device gets an access token.
    pub(crate) fn save_device(
        &mut self,
        tenant: Uuid,
        sent: SentDevice,
        access_token: Option<&str>,
        policy: &NamePolicy,
    ) -> Result<Device> {
        if sent.id.is_some() {
            return self.update_device(tenant, sent);
        }
        let device = self.create_device(tenant, sent, policy)?;
        // The token may be that of another device, and then there must be no device without credentials.
        self.first_credentials(device.id(), &random_token(access_token))
            .map_err(|refusal| self.undo(&device, refusal))?;
        Ok(device)
    }

    /// `POST /api/device-with-credentials`, all of it or nothing.
    ///
    /// A device with an id is updated, and its credentials are replaced. A name that exists is refused like that of
    /// any new device.
    pub(crate) fn save_device_with_credentials(
        &mut self,
        tenant: Uuid,
        sent: SentDevice,
        mut credentials: SentCredentials,
        policy: &NamePolicy,
    ) -> Result<Device> {
        let Some(SentEntityId(id)) = sent.id else {
            // A type that is no profile creates one, which a refusal of the credentials must undo as well.
            let profiles = self.profile_ids();
            // Looked up like the id of credentials that are to be replaced, which it cannot be.
            if credentials.id.is_some() {
                return Err(Refusal::bad("Unable to update non-existent device credentials!"));
            }
            let device = self.create_device(tenant, sent, policy)?;
            self.first_credentials(device.id(), &credentials).map_err(|refusal| {
                let refusal = self.undo(&device, refusal);
                self.keep_profiles(&profiles);
                refusal
            })?;
            return Ok(device);
        };
        let before = self.device_of(tenant, id)?.clone();
        let after = self.update_device(tenant, sent)?;
        // The server looks the credentials up by the device and ignores the id in the request.
        credentials.id = self.credentials_of(id).map(|credentials| SentId(credentials.id));
        if let Err(refusal) = self.replace_credentials(id, &credentials) {
            // The update has already renamed the device.
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
        let device = self.create_device(tenant, sent, &NamePolicy::default())?;
        let token = random_token(None);
        self.first_credentials(device.id(), credentials.unwrap_or(&token))
            .map_err(|refusal| self.undo(&device, refusal))?;
        Ok(device)
    }

    pub(crate) fn delete_device(&mut self, tenant: Uuid, id: Uuid) -> Result<()> {
        let device = self.device_of(tenant, id)?.clone();
        self.remove_device(&device);
        self.close_session(id);
        Ok(())
    }

    pub(crate) fn set_gateway(&mut self, device: Uuid) {
        if let Some(device) = self.devices.get_mut(&device) {
            device.additional_info = json!({ "gateway": true });
        }
    }

    fn create_device(&mut self, tenant: Uuid, sent: SentDevice, policy: &NamePolicy) -> Result<Device> {
        let mut name = sent.check()?.to_owned();
        if self.device_named(tenant, &name).is_some() {
            if !policy.uniquify {
                return Err(Refusal::bad("Device with such name already exists!"));
            }
            name = self.unique_name(tenant, &name, policy);
        }
        let (profile, kind, device_data) = self.profile_for(tenant, &sent)?;
        if sent.label.as_deref().is_some_and(|label| label.contains('\0')) {
            return Err(match self.version {
                Version::V4_2 => Refusal::general("ERROR: invalid byte sequence for encoding \"UTF8\": 0x00"),
                Version::V4_3 => Refusal::database("Database error"),
            });
        }
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
        // The device state service of the real server adds this to every device.
        self.set_server_attribute(device.id(), "active", Value::Bool(false));
        Ok(device)
    }

    fn update_device(&mut self, tenant: Uuid, sent: SentDevice) -> Result<Device> {
        let id = sent.id.map_or(Uuid::NULL, |id| id.0);
        let before = self.device_of(tenant, id)?.clone();
        let name = sent.check()?.to_owned();
        if self.device_named(tenant, &name).is_some_and(|device| device.id() != id) {
            return Err(Refusal::bad("Device with such name already exists!"));
        }
        let (profile, kind, device_data) = self.profile_for(tenant, &sent)?;
        // A missing version overwrites: the optimistic lock is optional.
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
            (None, Some(kind)) if kind.trim().is_empty() => {
                return Err(Refusal::bad("Device profile name should be specified!"));
            }
            (None, Some(kind)) if kind.contains('\0') => return Err(Refusal::database("Database error")),
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

    fn unique_name(&self, tenant: Uuid, name: &str, policy: &NamePolicy) -> String {
        let separator = &policy.separator;
        if !policy.incremental {
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
        self.forget_samples(device.id());
    }

    /// Takes a new device back.
    fn undo(&mut self, device: &Device, refusal: Refusal) -> Refusal {
        self.remove_device(device);
        refusal
    }
}
