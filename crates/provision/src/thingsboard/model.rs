//! The parts of ThingsBoard's JSON objects that are used.

use base::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::platform::DeviceCredential;

/// The id of an entity: a UUID, which is used in paths.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Uuid(String);

impl Uuid {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Uuid {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        // The id becomes a part of paths, so that only these characters may be in it.
        let is_uuid = text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        if is_uuid { Ok(Self(text)) } else { Err("this is not a UUID") }
    }
}

/// An entity's id, with or without its type.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct EntityId {
    pub(super) id: Uuid,
}

/// A device.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Device {
    pub(super) id: EntityId,
    pub(super) name: String,
    /// The name of its profile.
    #[serde(rename = "type")]
    pub(super) profile: Option<String>,
    pub(super) label: Option<String>,
    pub(super) additional_info: Option<Value>,
}

impl Device {
    // ThingsBoard keeps the flag in the additional information, which older versions send as null.
    pub(super) fn is_gateway(&self) -> bool {
        self.additional_info.as_ref().and_then(|info| info.get("gateway")).and_then(Value::as_bool).unwrap_or(false)
    }
}

/// A page of a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    pub(super) data: Vec<T>,
    pub(super) has_next: bool,
}

/// A device profile in lists.
#[derive(Debug, Deserialize)]
pub(super) struct ProfileInfo {
    pub(super) id: EntityId,
    pub(super) name: String,
}

/// The credentials of a device. Unknown fields are kept and sent back unchanged.
#[derive(Clone, Deserialize, Serialize)]
#[serde(transparent)]
pub(super) struct Credentials(Map<String, Value>);

impl Credentials {
    /// The type in ThingsBoard's notation.
    // Unknown fields of the object are kept, because ThingsBoard compares the version that is among them.
    pub(super) fn kind(&self) -> &str {
        self.0.get("credentialsType").and_then(Value::as_str).unwrap_or_default()
    }

    /// The credentials id; for an access token, the token itself.
    pub(super) fn id(&self) -> &str {
        self.0.get("credentialsId").and_then(Value::as_str).unwrap_or_default()
    }

    /// True if these are the given credential.
    pub(super) fn are(&self, credential: &DeviceCredential) -> bool {
        self.kind() == kind(credential) && self.id() == credential.id().reveal()
    }

    /// The same object with another credential. It keeps its version, so that the server rejects it if another client
    /// has saved since.
    pub(super) fn with(mut self, credential: &DeviceCredential) -> Self {
        // The id of the object stays, so that ThingsBoard updates it instead of creating a second one.
        self.0.extend(fields(credential));
        self
    }

    /// A description without the secret.
    pub(super) fn described(&self) -> String {
        match self.kind() {
            "X509_CERTIFICATE" => format!("the certificate with the credentials id {}", shown_id(self.id())),
            "ACCESS_TOKEN" => "an access token".to_owned(),
            "MQTT_BASIC" => "an MQTT user name or client id".to_owned(),
            "LWM2M_CREDENTIALS" => "LwM2M credentials".to_owned(),
            other => format!("credentials of the kind {}", crate::http::shown(other)),
        }
    }
}

/// A credentials id for messages. Anything but a hash may be a token and is hidden.
fn shown_id(id: &str) -> &str {
    // An id that is no hash may be a token of another kind, and tokens go into no message.
    if id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) { id } else { "(none)" }
}

/// ThingsBoard's type of a credential.
pub(super) fn kind(credential: &DeviceCredential) -> &'static str {
    match credential {
        DeviceCredential::X509(_) => "X509_CERTIFICATE",
        DeviceCredential::AccessToken(_) => "ACCESS_TOKEN",
    }
}

/// The fields of a credential in ThingsBoard's JSON.
pub(super) fn fields(credential: &DeviceCredential) -> Map<String, Value> {
    let (id, value) = match credential {
        // The TLS side hashes exactly this form. ThingsBoard stores any other form as well, but then never finds it.
        DeviceCredential::X509(certificate) => (Value::Null, Value::String(base64(certificate.der()))),
        DeviceCredential::AccessToken(token) => (Value::String(token.reveal().to_owned()), Value::Null),
    };
    let mut fields = Map::new();
    fields.insert("credentialsType".to_owned(), kind(credential).into());
    fields.insert("credentialsId".to_owned(), id);
    fields.insert("credentialsValue".to_owned(), value);
    fields
}

/// Base64 in one line with padding (RFC 4648, section 4).
pub(super) fn base64(der: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(der)
}

/// The error for a well-formed answer about another object.
pub(super) fn about_something_else(what: &str) -> Error {
    Code::NotThePlatform
        .error(format!("the answer is about another {what} than was asked for"))
        .fix("look for a proxy in between that gives old answers")
}

#[cfg(test)]
mod tests {
    use base::Secret;
    use serde_json::json;

    use super::*;

    fn stored(kind: &str, id: &str, value: &Value) -> Credentials {
        let object = json!({
            "id": {"id": "784f394c-42b6-435a-983c-b7beff2784f9"}, "version": 3, "new": [1],
            "credentialsType": kind, "credentialsId": id, "credentialsValue": value,
        });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn a_new_credential_keeps_unknown_fields_and_the_version() {
        let there = stored("MQTT_BASIC", "user", &json!({"userName": "user"}).to_string().into());
        let token = DeviceCredential::AccessToken(Secret::from("secret-token"));
        assert!(!there.are(&token));
        let changed = there.with(&token);
        assert!(changed.are(&token));
        assert!(!changed.are(&DeviceCredential::AccessToken(Secret::from("other-token"))));
        let sent = serde_json::to_value(&changed).unwrap();
        assert_eq!((&sent["version"], &sent["new"]), (&json!(3), &json!([1])));
        assert_eq!((&sent["credentialsId"], &sent["credentialsValue"]), (&json!("secret-token"), &Value::Null));
    }

    #[test]
    fn no_description_shows_a_token() {
        for (kind, id) in [("ACCESS_TOKEN", "hunter2"), ("X509_CERTIFICATE", "hunter2"), ("MQTT_BASIC", "hunter2")] {
            assert!(!stored(kind, id, &Value::Null).described().contains("hunter2"));
        }
    }

    #[test]
    fn a_number_that_leads_elsewhere_is_none() {
        assert!(Uuid::try_from("784f394c-42b6-435a-983c-b7beff2784f9".to_owned()).is_ok());
        // The id becomes a part of the path of a request, and comes from the platform's answer.
        for text in ["", "../../api/user", "784f394c-42b6-435a-983c-b7beff2784f/", "784f394c42b6435a983cb7beff2784f9"] {
            assert!(Uuid::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
