//! Device profiles: making, changing and deleting them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::State;
use crate::clock;
use crate::ids::Uuid;
use crate::thingsboard::model::profile::{Profile, compute_key, id_of, require_nested, stored_fields};
use crate::thingsboard::model::texts::{check_texts, required_name};
use crate::thingsboard::refusal::{Refusal, Result};

/// The queues of every tenant.
const QUEUES: &[&str] = &["Main", "HighPriority", "SequentialByOriginator"];

impl State {
    pub(crate) fn profile(&self, id: Uuid) -> Option<&Profile> {
        self.profiles.get(&id)
    }

    /// The profile of a tenant.
    pub(crate) fn profile_of(&self, tenant: Uuid, id: Uuid) -> Result<&Profile> {
        let profile = self.profiles.get(&id).filter(|profile| profile.tenant == tenant);
        profile.ok_or_else(|| Refusal::unknown("Device profile", id))
    }

    pub(crate) fn profiles_of(&self, tenant: Uuid) -> impl Iterator<Item = &Profile> {
        self.profiles.values().filter(move |profile| profile.tenant == tenant)
    }

    pub(crate) fn profile_with_key(&self, key: &str) -> Option<&Profile> {
        self.profiles.values().find(|profile| profile.provision_key() == Some(key))
    }

    /// The ids of all profiles.
    pub(crate) fn profile_ids(&self) -> BTreeSet<Uuid> {
        self.profiles.keys().copied().collect()
    }

    /// Takes back those that were made on the way to something that was refused.
    pub(crate) fn keep_profiles(&mut self, known: &BTreeSet<Uuid>) {
        self.profiles.retain(|id, _| known.contains(id));
    }

    pub(crate) fn default_profile(&self, tenant: Uuid) -> Result<Uuid> {
        let profile = self.profiles_of(tenant).find(|profile| profile.default);
        profile.map(|profile| profile.id).ok_or_else(Refusal::not_found)
    }

    pub(crate) fn profile_named_or_new(&mut self, tenant: Uuid, name: &str) -> Uuid {
        let found = self.profiles_of(tenant).find(|profile| profile.name() == name).map(|profile| profile.id);
        found.unwrap_or_else(|| self.add_plain_profile(tenant, name, false))
    }

    pub(crate) fn add_default_profile(&mut self, tenant: Uuid) {
        self.add_plain_profile(tenant, "default", true);
    }

    pub(crate) fn make_default(&mut self, tenant: Uuid, id: Uuid) -> Result<Value> {
        self.profile_of(tenant, id)?;
        for profile in self.profiles.values_mut().filter(|profile| profile.tenant == tenant) {
            profile.default = profile.id == id;
        }
        Ok(self.profile_of(tenant, id)?.to_json())
    }

    pub(crate) fn delete_profile(&mut self, tenant: Uuid, id: Uuid) -> Result<()> {
        if self.profile_of(tenant, id)?.default {
            return Err(Refusal::bad("Deletion of Default Device Profile is prohibited!"));
        }
        if self.is_used(id) {
            return Err(Refusal::bad("The device profile referenced by the devices cannot be deleted!"));
        }
        self.profiles.remove(&id);
        Ok(())
    }

    /// `POST /api/deviceProfile`.
    pub(crate) fn save_profile(&mut self, tenant: Uuid, mut sent: Map<String, Value>) -> Result<Value> {
        let before = match id_of(&sent)? {
            Some(id) => Some(self.profile_of(tenant, id)?.clone()),
            None => None,
        };
        let id = before.as_ref().map_or_else(Uuid::new, |before| before.id);
        require_nested(&sent)?;
        compute_key(&mut sent)?;
        // After the key was computed: it is one of the fields, and a client cannot choose it for a chain.
        let fields = stored_fields(&sent);
        let default = sent.get("default").and_then(Value::as_bool).unwrap_or_default();
        if default && self.profiles_of(tenant).any(|profile| profile.default && profile.id != id) {
            return Err(Refusal::bad("Another default device profile is present in scope of current tenant!"));
        }
        self.check_profile(tenant, id, before.as_ref(), &fields)?;
        // A missing version overwrites, as for devices.
        let version = sent.get("version").and_then(Value::as_i64);
        if let (Some(before), Some(version)) = (&before, version)
            && before.version != version
        {
            return Err(Refusal::changed("Device profile"));
        }
        let profile = Profile {
            id,
            tenant,
            created: before.as_ref().map_or_else(clock::milliseconds, |before| before.created),
            version: before.as_ref().map_or(1, |before| before.version + 1),
            // A field that is missing is false, which takes the default away.
            default,
            fields,
        };
        let shown = profile.to_json();
        let name = profile.name().to_owned();
        self.profiles.insert(id, profile);
        // The type of a device is the name of its profile.
        for device in self.devices.values_mut().filter(|device| device.device_profile_id.id == id) {
            device.kind.clone_from(&name);
        }
        Ok(shown)
    }

    fn check_profile(
        &self,
        tenant: Uuid,
        id: Uuid,
        before: Option<&Profile>,
        fields: &Map<String, Value>,
    ) -> Result<()> {
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let field = |name: &'static str| (name, text(name));
        check_texts(&[field("name")], &["description", "defaultQueueName", "provisionDeviceKey"].map(field))?;
        let name = required_name(text("name"), "Device profile")?;
        if text("type") != Some("DEFAULT") {
            return Err(Refusal::bad("Device profile type should be specified!"));
        }
        let transport = text("transportType");
        let transport = transport.ok_or_else(|| Refusal::bad("Device profile transport type should be specified!"))?;
        check_references(fields)?;
        if self.profiles_of(tenant).any(|profile| profile.id != id && profile.name() == name) {
            return Err(Refusal::bad("Device profile with such name already exists!"));
        }
        let key = text("provisionDeviceKey").filter(|key| !key.is_empty());
        if let Some(other) = key.and_then(|key| self.profile_with_key(key)).filter(|other| other.id != id) {
            let what =
                if other.provision_type() == "X509_CERTIFICATE_CHAIN" { "certificate" } else { "provision device key" };
            return Err(Refusal::bad(format!("Device profile with such {what} already exists!")));
        }
        if before.is_some_and(|before| before.transport_type() != transport) && self.is_used(id) {
            return Err(Refusal::bad("Can't change device profile transport type because devices referenced it!"));
        }
        Ok(())
    }

    fn is_used(&self, profile: Uuid) -> bool {
        self.devices.values().any(|device| device.device_profile_id.id == profile)
    }

    fn add_plain_profile(&mut self, tenant: Uuid, name: &str, default: bool) -> Uuid {
        let fields = json!({
            "name": name,
            "type": "DEFAULT",
            "transportType": "DEFAULT",
            "provisionType": "DISABLED",
            "description": if default { "Default device profile" } else { "" },
            "profileData": {
                "configuration": { "type": "DEFAULT" },
                "transportConfiguration": { "type": "DEFAULT" },
                "provisionConfiguration": { "type": "DISABLED", "provisionDeviceSecret": null },
                "alarms": null,
            },
        });
        let fields = fields.as_object().map(stored_fields).unwrap_or_default();
        let id = Uuid::new();
        let created = clock::milliseconds();
        self.profiles.insert(id, Profile { id, tenant, created, version: 1, default, fields });
        id
    }
}

/// Refuses references to what no simulated tenant has.
fn check_references(fields: &Map<String, Value>) -> Result<()> {
    let is_set = |name: &str| fields.get(name).is_some_and(|value| !value.is_null());
    let queue = fields.get("defaultQueueName").and_then(Value::as_str).filter(|queue| !queue.is_empty());
    if queue.is_some_and(|queue| !QUEUES.contains(&queue)) {
        return Err(Refusal::bad("Device profile is referencing to non-existent queue!"));
    }
    for (name, what) in [
        ("defaultRuleChainId", "rule chain"),
        ("defaultEdgeRuleChainId", "rule chain"),
        ("defaultDashboardId", "dashboard"),
        ("firmwareId", "firmware"),
        ("softwareId", "software"),
    ] {
        if is_set(name) {
            return Err(Refusal::bad(format!("Can't assign non-existent {what}!")));
        }
    }
    Ok(())
}
