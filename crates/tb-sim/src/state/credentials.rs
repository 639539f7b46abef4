//! Credentials of devices: one record a device, replaced as a whole.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock;
use crate::hash::{sha3, strip_armor};
use crate::ids::Uuid;
use crate::refusal::{Refusal, Result};
use crate::state::State;
use crate::state::entity_id::{EntityId, SentEntityId, SentId};

/// What kind of credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CredentialsType {
    /// A token, which is the credentials id.
    AccessToken,
    /// A certificate.
    X509Certificate,
    /// Client id, user name, password.
    MqttBasic,
    /// LwM2M's own.
    Lwm2mCredentials,
}

/// The credentials of a device.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) id: Uuid,
    pub(crate) created: i64,
    pub(crate) device: Uuid,
    pub(crate) kind: CredentialsType,
    pub(crate) credentials_id: String,
    pub(crate) value: Option<String>,
    pub(crate) version: i64,
}

/// Credentials as clients send them. What else they send is ignored.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SentCredentials {
    pub(crate) id: Option<SentId>,
    pub(crate) device_id: Option<SentEntityId>,
    pub(crate) credentials_type: Option<CredentialsType>,
    pub(crate) credentials_id: Option<String>,
    pub(crate) credentials_value: Option<String>,
    pub(crate) version: Option<i64>,
}

impl Credentials {
    /// As REST shows them.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "id": { "id": self.id },
            "createdTime": self.created,
            "deviceId": EntityId::device(self.device),
            "credentialsType": self.kind,
            "credentialsId": self.credentials_id,
            "credentialsValue": self.value,
            "version": self.version,
        })
    }
}

impl State {
    pub(crate) fn credentials_of(&self, device: Uuid) -> Option<&Credentials> {
        self.credentials.get(&device)
    }

    /// The device that these credentials log in: id and type have to fit.
    pub(crate) fn device_with(&self, credentials_id: &str, kind: CredentialsType) -> Option<&Credentials> {
        self.credentials_with(credentials_id).filter(|credentials| credentials.kind == kind)
    }

    /// The credentials of this id, whatever their type.
    pub(crate) fn credentials_with(&self, credentials_id: &str) -> Option<&Credentials> {
        self.credentials_ids.get(credentials_id).and_then(|device| self.credentials.get(device))
    }

    /// `POST /api/device/credentials`, once its device is known and is the user's: replaces what there was.
    pub(crate) fn replace_credentials(&mut self, device: Uuid, sent: &SentCredentials) -> Result<Credentials> {
        let sent_id = sent.id;
        let Formatted { kind, credentials_id, value } = format(sent)?;
        let holder = self.credentials_ids.get(&credentials_id).copied();
        let Some(SentId(id)) = sent_id else {
            let taken = holder.is_some_and(|holder| holder != device);
            return Err(Refusal::bad(if taken {
                "Device credentials are already assigned to another device!"
            } else {
                "Credentials for this device are already specified!"
            }));
        };
        let Some(before) = self.credentials.values().find(|credentials| credentials.id == id) else {
            return Err(Refusal::bad("Unable to update non-existent device credentials!"));
        };
        if holder.is_some_and(|holder| holder != before.device) {
            return Err(Refusal::bad("Device credentials are already assigned to another device!"));
        }
        if sent.version.is_some_and(|version| version != before.version) {
            return Err(Refusal::changed("Entity"));
        }
        if before.device != device {
            // The database's unique key on the device speaks, in words that were meant for the other one.
            return Err(Refusal::bad("Specified credentials are already registered!"));
        }
        let after = Credentials { kind, credentials_id, value, version: before.version + 1, ..before.clone() };
        self.put_credentials(after.clone());
        self.close_session(device);
        Ok(after)
    }

    /// Replaces the value of a device's credentials from inside, as provisioning by chain does.
    pub(crate) fn replace_certificate(&mut self, device: Uuid, certificate: &str) -> Result<()> {
        let before = self.credentials.get(&device).ok_or_else(Refusal::not_found)?;
        let sent = SentCredentials {
            id: Some(SentId(before.id)),
            credentials_type: Some(CredentialsType::X509Certificate),
            credentials_value: Some(certificate.to_owned()),
            ..SentCredentials::default()
        };
        self.replace_credentials(device, &sent).map(drop)
    }

    /// The credentials of a device that has none yet.
    pub(crate) fn first_credentials(&mut self, device: Uuid, sent: &SentCredentials) -> Result<()> {
        let Formatted { kind, credentials_id, value } = format(sent)?;
        if self.credentials_ids.contains_key(&credentials_id) {
            return Err(Refusal::bad("Device credentials are already assigned to another device!"));
        }
        let (id, created) = (Uuid::new(), clock::milliseconds());
        self.put_credentials(Credentials { id, created, device, kind, credentials_id, value, version: 1 });
        Ok(())
    }

    /// Those of a deleted device: the certificate is free at once.
    pub(crate) fn remove_credentials(&mut self, device: Uuid) {
        if let Some(gone) = self.credentials.remove(&device) {
            self.credentials_ids.remove(&gone.credentials_id);
        }
    }

    fn put_credentials(&mut self, credentials: Credentials) {
        self.remove_credentials(credentials.device);
        self.credentials_ids.insert(credentials.credentials_id.clone(), credentials.device);
        self.credentials.insert(credentials.device, credentials);
    }
}

struct Formatted {
    kind: CredentialsType,
    credentials_id: String,
    value: Option<String>,
}

/// What of the sent is stored: the id is computed from the value, except for tokens. A certificate is never looked at.
fn format(sent: &SentCredentials) -> Result<Formatted> {
    let kind = sent.credentials_type.ok_or_else(|| Refusal::bad("Device credentials type should be specified"))?;
    let (credentials_id, value) = match kind {
        CredentialsType::AccessToken => (sent.credentials_id.clone(), sent.credentials_value.clone()),
        CredentialsType::X509Certificate => {
            let value = strip_armor(sent.credentials_value.as_deref().ok_or_else(null_value)?);
            (Some(sha3(&value)), Some(value))
        }
        CredentialsType::MqttBasic => {
            let value = sent.credentials_value.as_deref().ok_or_else(basic_fault)?;
            (Some(basic_id(value)?), Some(value.to_owned()))
        }
        CredentialsType::Lwm2mCredentials => {
            let value = sent.credentials_value.as_deref().ok_or_else(lwm2m_fault)?;
            (Some(lwm2m_id(value)?), Some(value.to_owned()))
        }
    };
    let credentials_id = credentials_id
        .filter(|id| !id.is_empty())
        .ok_or_else(|| Refusal::bad("Device credentials id should be specified!"))?;
    if credentials_id.contains('\0') || value.as_deref().is_some_and(|value| value.contains('\0')) {
        return Err(Refusal::general("ERROR: invalid byte sequence for encoding \"UTF8\": 0x00"));
    }
    Ok(Formatted { kind, credentials_id, value })
}

fn null_value() -> Refusal {
    Refusal::general("Cannot invoke \"String.replaceAll(String, String)\" because \"input\" is null")
}

fn basic_fault() -> Refusal {
    Refusal::bad("Invalid credentials body for simple mqtt credentials!")
}

fn lwm2m_fault() -> Refusal {
    Refusal::bad("Invalid credentials body for LwM2M credentials!")
}

/// The value of MQTT basic credentials.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Basic {
    pub(crate) client_id: Option<String>,
    pub(crate) user_name: Option<String>,
    pub(crate) password: Option<String>,
}

fn basic_id(value: &str) -> Result<String> {
    let basic: Basic = serde_json::from_str(value).map_err(|_| basic_fault())?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    match (given(basic.client_id), given(basic.user_name)) {
        (None, None) => Err(Refusal::bad("Both mqtt client id and user name are empty!")),
        (Some(_), None) if given(basic.password).is_some() => {
            Err(Refusal::bad("Password cannot be specified along with client id"))
        }
        (Some(client), None) => Ok(sha3(&client)),
        (None, Some(user)) => Ok(user),
        (Some(client), Some(user)) => Ok(sha3(&format!("{client}|{user}"))),
    }
}

/// LwM2M's value: a certificate gives its hash, everything else the endpoint.
fn lwm2m_id(value: &str) -> Result<String> {
    let value: Value = serde_json::from_str(value).map_err(|_| lwm2m_fault())?;
    let client = value.get("client").ok_or_else(lwm2m_fault)?;
    let text = |name: &str| client.get(name).and_then(Value::as_str).map(str::to_owned).unwrap_or_default();
    if value.get("bootstrap").is_none_or(Value::is_null) {
        return Err(lwm2m_fault());
    }
    let id = match (text("securityConfigClientMode").as_str(), text("cert")) {
        ("X509", certificate) if !certificate.trim().is_empty() => sha3(&certificate),
        ("PSK", _) => text("identity"),
        ("X509" | "RPK" | "NO_SEC", _) => text("endpoint"),
        _ => return Err(lwm2m_fault()),
    };
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_basic_credentials_are_those_of_the_fact_sheet() {
        for (value, id) in [
            (r#"{"userName":"u"}"#, "u".to_owned()),
            (r#"{"userName":"u","password":"p"}"#, "u".to_owned()),
            (r#"{"clientId":"c"}"#, sha3("c")),
            (r#"{"clientId":"c","userName":"u"}"#, sha3("c|u")),
        ] {
            assert_eq!(basic_id(value), Ok(id), "{value}");
        }
        for (value, message) in [
            ("{", "Invalid credentials body for simple mqtt credentials!"),
            ("{}", "Both mqtt client id and user name are empty!"),
            (r#"{"clientId":"c","password":"p"}"#, "Password cannot be specified along with client id"),
        ] {
            assert_eq!(basic_id(value), Err(Refusal::bad(message)), "{value}");
        }
    }
}
