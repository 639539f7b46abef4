//! Device profiles.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::clock;
use crate::hash::{sha3, strip_armor};
use crate::ids::Uuid;
use crate::refusal::{Refusal, Result};
use crate::state::State;
use crate::state::devices::checked_name;
use crate::state::entity_id::EntityId;

/// Kinds of transport. Only the first two are for MQTT.
const TRANSPORTS: &[&str] = &["DEFAULT", "MQTT", "COAP", "LWM2M", "SNMP"];

/// Ways of provisioning.
const PROVISIONING: &[&str] =
    &["DISABLED", "ALLOW_CREATE_NEW_DEVICES", "CHECK_PRE_PROVISIONED_DEVICES", "X509_CERTIFICATE_CHAIN"];

/// Fields that a profile has beside those that are named below.
const OTHER_FIELDS: &[&str] = &[
    "description",
    "image",
    "defaultRuleChainId",
    "defaultDashboardId",
    "defaultQueueName",
    "firmwareId",
    "softwareId",
    "defaultEdgeRuleChainId",
    "externalId",
];

/// A profile: ids of its own, and the rest as it came.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub(crate) id: Uuid,
    pub(crate) tenant: Uuid,
    created: i64,
    version: i64,
    default: bool,
    fields: Map<String, Value>,
}

impl Profile {
    pub(crate) fn name(&self) -> &str {
        self.text("name").unwrap_or_default()
    }

    pub(crate) fn transport_type(&self) -> &str {
        self.text("transportType").unwrap_or("DEFAULT")
    }

    /// Whether devices of it may use MQTT.
    pub(crate) fn allows_mqtt(&self) -> bool {
        matches!(self.transport_type(), "DEFAULT" | "MQTT")
    }

    pub(crate) fn provision_type(&self) -> &str {
        self.text("provisionType").unwrap_or("DISABLED")
    }

    pub(crate) fn provision_key(&self) -> Option<&str> {
        self.text("provisionDeviceKey").filter(|key| !key.is_empty())
    }

    /// A field of the provisioning's configuration.
    pub(crate) fn provisioning(&self, name: &str) -> Option<&Value> {
        self.fields.get("profileData")?.get("provisionConfiguration")?.get(name)
    }

    /// A field of the transport's configuration.
    pub(crate) fn transport(&self, name: &str) -> Option<&Value> {
        self.fields.get("profileData")?.get("transportConfiguration")?.get(name)
    }

    /// As REST shows it.
    pub(crate) fn to_json(&self) -> Value {
        let mut all = self.fields.clone();
        let own = [
            ("id", json!(EntityId::profile(self.id))),
            ("tenantId", json!(EntityId::tenant(self.tenant))),
            ("createdTime", json!(self.created)),
            ("version", json!(self.version)),
            ("default", json!(self.default)),
        ];
        all.extend(own.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Value::Object(all)
    }

    /// The short form.
    pub(crate) fn info(&self) -> Value {
        let field = |name: &str| self.fields.get(name).cloned().unwrap_or_default();
        json!({
            "id": EntityId::profile(self.id),
            "name": field("name"),
            "image": field("image"),
            "defaultDashboardId": field("defaultDashboardId"),
            "type": field("type"),
            "transportType": field("transportType"),
            "tenantId": EntityId::tenant(self.tenant),
        })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }
}

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

    /// Which profiles there are, of all tenants.
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
        let fields = stored_fields(&sent);
        self.check_profile(tenant, id, before.as_ref(), &fields)?;
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
            default: before.as_ref().is_some_and(|before| before.default),
            fields,
        };
        let shown = profile.to_json();
        let name = profile.name().to_owned();
        self.profiles.insert(id, profile);
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
        let name = checked_name(text("name"), "Device profile")?;
        if text("type") != Some("DEFAULT") {
            return Err(Refusal::bad("Device profile type should be specified!"));
        }
        let transport = text("transportType");
        let transport = transport.ok_or_else(|| Refusal::bad("Device profile transport type should be specified!"))?;
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

fn id_of(sent: &Map<String, Value>) -> Result<Option<Uuid>> {
    let Some(id) = sent.get("id").filter(|id| !id.is_null()) else {
        return Ok(None);
    };
    match (id.get("entityType").and_then(Value::as_str), id.get("id").and_then(Value::as_str)) {
        (Some(_), Some(id)) => id.parse().map(Some).map_err(Refusal::general),
        _ => Err(Refusal::general("Missing entityType or id!")),
    }
}

/// What Java reaches into without asking whether it is there, and enumerations that it cannot read.
fn require_nested(sent: &Map<String, Value>) -> Result<()> {
    for (name, values) in [("transportType", TRANSPORTS), ("provisionType", PROVISIONING), ("type", &["DEFAULT"])] {
        match sent.get(name) {
            None | Some(Value::Null) => {}
            Some(value) if value.as_str().is_some_and(|text| values.contains(&text)) => {}
            Some(value) => return Err(Refusal::general(format!("JSON parse error: Cannot deserialize value {value}"))),
        }
    }
    let data = sent.get("profileData").filter(|data| data.is_object());
    let data = data.ok_or_else(|| {
        Refusal::general(
            "Cannot invoke \"DeviceProfileData.getTransportConfiguration()\" because \"profileData\" is null",
        )
    })?;
    if data.get("transportConfiguration").is_none_or(|transport| !transport.is_object()) {
        return Err(Refusal::general(
            "Cannot invoke \"DeviceProfileTransportConfiguration.getType()\" because it is null",
        ));
    }
    Ok(())
}

/// For a profile that provisions by chain: its key is the hash of the first certificate, and the certificates are
/// stored in single lines.
fn compute_key(sent: &mut Map<String, Value>) -> Result<()> {
    let configuration = sent.get_mut("profileData").and_then(|data| data.get_mut("provisionConfiguration"));
    let Some(configuration) = configuration.filter(|value| value.is_object()) else {
        return Ok(());
    };
    let secret = configuration.get("provisionDeviceSecret").and_then(Value::as_str).map(str::to_owned);
    let kind = configuration.get("type").and_then(Value::as_str).unwrap_or_default();
    if kind == "X509_CERTIFICATE_CHAIN" {
        let secret = secret.ok_or_else(|| {
            Refusal::general("Cannot invoke \"String.contains(CharSequence)\" because \"certificateValue\" is null")
        })?;
        let (stored, first) = one_line_each(&secret);
        if let Some(configuration) = configuration.as_object_mut() {
            configuration.insert("provisionDeviceSecret".to_owned(), Value::from(stored));
        }
        sent.insert("provisionDeviceKey".to_owned(), Value::from(sha3(&first)));
    }
    Ok(())
}

/// One certificate loses its armor; of several each keeps its own, and its body becomes one line. Returns them, and
/// the first one without armor.
fn one_line_each(pem: &str) -> (String, String) {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    let bodies: Vec<String> = pem.split(BEGIN).skip(1).map(strip_armor).collect();
    let first = bodies.first().cloned().unwrap_or_else(|| strip_armor(pem));
    if bodies.len() < 2 {
        return (strip_armor(pem), first);
    }
    let lines: Vec<String> = bodies.iter().map(|body| format!("{BEGIN}\n{body}\n-----END CERTIFICATE-----")).collect();
    (lines.join("\n"), first)
}

fn stored_fields(sent: &Map<String, Value>) -> Map<String, Value> {
    let mut fields = Map::new();
    let named = ["name", "type", "transportType", "provisionType", "provisionDeviceKey", "profileData"];
    for name in named.iter().chain(OTHER_FIELDS) {
        fields.insert((*name).to_owned(), sent.get(*name).cloned().unwrap_or_default());
    }
    if fields.get("provisionType").is_none_or(Value::is_null) {
        fields.insert("provisionType".to_owned(), Value::from("DISABLED"));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_certificate_loses_its_armor_and_several_keep_theirs() {
        let one = "-----BEGIN CERTIFICATE-----\nAB\nCD\n-----END CERTIFICATE-----\n";
        assert_eq!(one_line_each(one), ("ABCD".to_owned(), "ABCD".to_owned()));
        let (two, first) = one_line_each(&format!("{one}{}", one.replace("AB", "EF")));
        assert_eq!(first, "ABCD");
        assert_eq!(
            two,
            "-----BEGIN CERTIFICATE-----\nABCD\n-----END CERTIFICATE-----\n\
             -----BEGIN CERTIFICATE-----\nEFCD\n-----END CERTIFICATE-----"
        );
        assert_eq!(one_line_each("junk"), ("junk".to_owned(), "junk".to_owned()));
    }
}
