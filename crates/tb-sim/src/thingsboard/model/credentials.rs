//! Credentials of devices.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::entity_id::{EntityId, SentEntityId, SentId};
use crate::ids::Uuid;
use crate::thingsboard::hash::{sha3, strip_armor};
use crate::thingsboard::refusal::{Refusal, Result};
use crate::thingsboard::settings::Version;

/// The kind of credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CredentialsType {
    /// A token, which is the credentials id.
    AccessToken,
    /// An X.509 certificate.
    X509Certificate,
    /// Client id, user name, password.
    MqttBasic,
    /// Credentials of LwM2M.
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
    /// The form of the REST API.
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

pub(crate) struct Formatted {
    pub(crate) kind: CredentialsType,
    pub(crate) credentials_id: String,
    pub(crate) value: Option<String>,
}

/// The credentials as they are stored. The id is computed from the value, except for tokens. Certificates are not
/// parsed.
pub(crate) fn format(sent: &SentCredentials, version: Version) -> Result<Formatted> {
    let kind = sent.credentials_type.ok_or_else(|| Refusal::bad("Device credentials type should be specified"))?;
    let (credentials_id, value) = match kind {
        CredentialsType::AccessToken => (sent.credentials_id.clone(), sent.credentials_value.clone()),
        CredentialsType::X509Certificate => {
            // The real server uses the value without a check for null. Its NullPointerException becomes a status of
            // 500.
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
    if version == Version::V4_3 {
        refuse_control_characters("credentialsId", Some(&credentials_id))?;
        if kind == CredentialsType::MqttBasic {
            let basic: Basic = value.as_deref().and_then(|value| serde_json::from_str(value).ok()).unwrap_or_default();
            refuse_control_characters("clientId", basic.client_id.as_deref())?;
            refuse_control_characters("userName", basic.user_name.as_deref())?;
            refuse_control_characters("password", basic.password.as_deref())?;
        }
    }
    // The id is looked up before anything is written, and the answer of 4.2 has the text of the database only then.
    let in_value = value.as_deref().is_some_and(|value| value.contains('\0'));
    if in_value && version == Version::V4_2 {
        return Err(Refusal::general("ERROR: invalid byte sequence for encoding \"UTF8\": 0x00"));
    }
    if in_value || credentials_id.contains('\0') {
        return Err(Refusal::database("Database error"));
    }
    Ok(Formatted { kind, credentials_id, value })
}

fn refuse_control_characters(field: &str, text: Option<&str>) -> Result<()> {
    match text.is_some_and(|text| text.chars().any(|c| c.is_ascii_control())) {
        true => Err(Refusal::bad(format!("{field} must not contain control characters!"))),
        false => Ok(()),
    }
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
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
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
