//! Device profiles.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

use super::entity_id::EntityId;
use crate::ids::Uuid;
use crate::thingsboard::hash::{sha3, strip_armor};
use crate::thingsboard::refusal::{Refusal, Result};

/// Kinds of transport. Only the first two are for MQTT.
pub(crate) const TRANSPORTS: &[&str] = &["DEFAULT", "MQTT", "COAP", "LWM2M", "SNMP"];

/// Ways of provisioning.
const PROVISIONING: &[&str] =
    &["DISABLED", "ALLOW_CREATE_NEW_DEVICES", "CHECK_PRE_PROVISIONED_DEVICES", "X509_CERTIFICATE_CHAIN"];

/// Further fields of a profile.
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
    pub(crate) created: i64,
    pub(crate) version: i64,
    pub(crate) default: bool,
    pub(crate) fields: Map<String, Value>,
}

impl Profile {
    pub(crate) fn name(&self) -> &str {
        self.text("name").unwrap_or_default()
    }

    pub(crate) fn transport_type(&self) -> &str {
        self.text("transportType").unwrap_or("DEFAULT")
    }

    /// True if devices with this profile may use MQTT.
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

    /// The form of the REST API.
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

pub(crate) fn id_of(sent: &Map<String, Value>) -> Result<Option<Uuid>> {
    let Some(id) = sent.get("id").filter(|id| !id.is_null()) else {
        return Ok(None);
    };
    match (id.get("entityType").and_then(Value::as_str), id.get("id").and_then(Value::as_str)) {
        (Some(_), Some(id)) => id.parse().map(Some).map_err(Refusal::general),
        _ => Err(Refusal::general("Missing entityType or id!")),
    }
}

/// Checks what Java dereferences without a check for null, and values that its enumerations do not have.
pub(crate) fn require_nested(sent: &Map<String, Value>) -> Result<()> {
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
    check_provisioning(data.get("provisionConfiguration"))
}

/// The kinds of values in the configuration of provisioning.
fn check_provisioning(configuration: Option<&Value>) -> Result<()> {
    let Some(configuration) = configuration.filter(|value| !value.is_null()) else { return Ok(()) };
    let kind = configuration.get("type").and_then(Value::as_str).unwrap_or_default();
    if !PROVISIONING.contains(&kind) {
        return Err(Refusal::general(format!("JSON parse error: Could not resolve type id '{kind}'")));
    }
    match configuration.get("allowCreateNewDevicesByX509Certificate") {
        None | Some(Value::Null | Value::Bool(_)) => Ok(()),
        Some(value) => Err(Refusal::general(format!("JSON parse error: Cannot deserialize value {value} as boolean"))),
    }
}

/// For a profile that provisions by chain: its key is the hash of the first certificate, and the certificates are
/// stored in single lines.
pub(crate) fn compute_key(sent: &mut Map<String, Value>) -> Result<()> {
    let configuration = sent.get_mut("profileData").and_then(|data| data.get_mut("provisionConfiguration"));
    let Some(configuration) = configuration.filter(|value| value.is_object()) else {
        return Ok(());
    };
    let secret = configuration.get("provisionDeviceSecret").and_then(Value::as_str).map(str::to_owned);
    let kind = configuration.get("type").and_then(Value::as_str).unwrap_or_default();
    if kind == "X509_CERTIFICATE_CHAIN" {
        // Stored all the same; such a profile has no key, so no chain can match it.
        let Some(secret) = secret else { return Ok(()) };
        // The whole text is compared with each root, so one behind another certificate is not found.
        if is_well_known(&one_line_each(&secret).0) {
            return Err(Refusal::bad("Device profile certificate cannot be well known root CA!"));
        }
        let (stored, first) = one_line_each(&secret);
        if let Some(configuration) = configuration.as_object_mut() {
            configuration.insert("provisionDeviceSecret".to_owned(), Value::from(stored));
        }
        sent.insert("provisionDeviceKey".to_owned(), Value::from(sha3(&first)));
    }
    Ok(())
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";

/// The certificates of a text, without armor and line ends. A text without armor is one certificate.
fn certificates(text: &str) -> Vec<String> {
    let bodies: Vec<String> = text.split(BEGIN).skip(1).map(strip_armor).collect();
    if bodies.is_empty() { vec![strip_armor(text)] } else { bodies }
}

/// True for a certificate of Mozilla's root program. The real server asks the JVM's trust store, which is made from
/// the same program.
fn is_well_known(base64: &str) -> bool {
    STANDARD.decode(base64).is_ok_and(|der| TLS_SERVER_ROOT_CERTS.iter().any(|root| root.as_ref() == der.as_slice()))
}

/// One certificate loses its armor; of several each keeps its own, and its body becomes one line. Returns them, and
/// the first one without armor.
fn one_line_each(pem: &str) -> (String, String) {
    let bodies = certificates(pem);
    // Only the first is looked up at a login. The others are stored and have no effect.
    let first = bodies.first().cloned().unwrap_or_default();
    if bodies.len() < 2 {
        return (strip_armor(pem), first);
    }
    let lines: Vec<String> = bodies.iter().map(|body| format!("{BEGIN}\n{body}\n-----END CERTIFICATE-----")).collect();
    (lines.join("\n"), first)
}

pub(crate) fn stored_fields(sent: &Map<String, Value>) -> Map<String, Value> {
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
