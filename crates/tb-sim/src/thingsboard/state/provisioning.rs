//! Devices that make themselves known: by the chain that they present, or by a profile's key and secret.

use regex::Regex;
use serde_json::{Value, json};

use crate::certificate;
use crate::ids::{Uuid, alphanumeric};
use crate::thingsboard::hash::sha3;
use crate::thingsboard::model::credentials::{CredentialsType, SentCredentials};
use crate::thingsboard::model::device::Device;
use crate::thingsboard::refusal::{Refusal, Result};
use crate::thingsboard::state::{Scope, State};

/// The answer to a pre-provisioned device that asks again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeats {
    /// 4.2 looks for the mark of the first time the wrong way round, so it always answers SUCCESS.
    Allowed,
    Refused,
}

impl State {
    /// Handles a chain whose signatures hold, in the handshake. The certificates are looked up, leaf first. A
    /// certificate of a profile registers the leaf. Whether the leaf may log in is decided at CONNECT.
    pub(crate) fn present_chain(&mut self, chain: &[&[u8]]) {
        // The leaf comes first, so a registered leaf is never taken for a new device of its CA.
        for der in chain {
            let id = sha3(&certificate::one_line(der));
            if self.device_with(&id, CredentialsType::X509Certificate).is_some() {
                return;
            }
            let profile = self.profile_with_key(&id);
            if let Some(profile) = profile.filter(|profile| profile.provision_type() == "X509_CERTIFICATE_CHAIN") {
                let (id, tenant) = (profile.id, profile.tenant);
                if let Some(leaf) = chain.first() {
                    self.provision_by_chain(tenant, id, leaf);
                }
                return;
            }
        }
    }

    /// Registers or rotates the leaf, or leaves everything as it is.
    fn provision_by_chain(&mut self, tenant: Uuid, profile_id: Uuid, leaf: &[u8]) {
        let Some(profile) = self.profile(profile_id) else { return };
        let pattern = profile.provisioning("certificateRegExPattern").and_then(Value::as_str).unwrap_or_default();
        let creates = profile.provisioning("allowCreateNewDevicesByX509Certificate") == Some(&Value::Bool(true));
        let Some(name) = certificate::common_name(leaf).and_then(|name| device_name(pattern, &name)) else { return };
        let value = certificate::one_line(leaf);
        match self.device_named(tenant, &name).map(|device| (device.id(), device.device_profile_id.id)) {
            Some((device, of)) if of == profile_id => {
                // A device with another kind of credential is left alone: with a random token in place of the
                // certificate a device stays out, whatever chain it presents.
                let kind = self.credentials_of(device).map(|credentials| credentials.kind);
                if kind == Some(CredentialsType::X509Certificate) {
                    // A refusal would mean that another device has the certificate; the lookup has excluded it.
                    let _ = self.replace_certificate(device, &value);
                }
            }
            // The name is that of a device with another profile, which this CA must not take over.
            Some(_) => {}
            None if creates => {
                // A name that no device may have creates none.
                let Ok(device) = self.provision_device(tenant, profile_id, &name, None) else { return };
                let _ = self.replace_certificate(device.id(), &value);
                self.mark_provisioned(device.id());
            }
            None => {}
        }
    }

    /// `/api/v1/provision` and its likes over MQTT.
    ///
    /// # Errors
    /// For fields that are missing, and for the key of a profile that provisions by chain.
    pub(crate) fn provision(&mut self, request: &Value, repeats: Repeats) -> Result<Value> {
        let field = |name: &str| request.get(name).and_then(Value::as_str);
        let required = |name: &str| {
            let missing = || Refusal::general(format!("Failed to find the field {name} in JSON body {request}!"));
            field(name).ok_or_else(missing)
        };
        let (key, secret) = (required("provisionDeviceKey")?, required("provisionDeviceSecret")?);
        // Read with the rest of the request, before the key is looked up.
        let wanted = wanted_credentials(request)?;
        let not_found = json!({ "errorMsg": "Provision data was not found!", "status": "NOT_FOUND" });
        let failure = json!({ "errorMsg": "Failed to provision device!", "status": "FAILURE" });
        let Some(profile) = self.profile_with_key(key) else { return Ok(not_found) };
        if profile.provision_type() == "X509_CERTIFICATE_CHAIN" {
            // The real server fails with an exception, whose text does not reach the caller.
            return Err(Refusal::silent());
        }
        if profile.provisioning("provisionDeviceSecret").and_then(Value::as_str) != Some(secret) {
            return Ok(not_found);
        }
        let (tenant, profile_id, kind) = (profile.tenant, profile.id, profile.provision_type().to_owned());
        let name = field("deviceName").filter(|name| !name.trim().is_empty());
        let existing = name.and_then(|name| self.device_named(tenant, name)).map(Device::id);
        match (kind.as_str(), existing) {
            ("ALLOW_CREATE_NEW_DEVICES", None) => {
                // The name of a device that asks without one.
                let random = alphanumeric(20);
                let device = match self.provision_device(tenant, profile_id, name.unwrap_or(&random), wanted.as_ref()) {
                    Ok(device) => device,
                    Err(_) => return Ok(failure),
                };
                if request.get("gateway") == Some(&Value::Bool(true)) {
                    self.set_gateway(device.id());
                }
                self.mark_provisioned(device.id());
                Ok(self.provisioned(device.id()).unwrap_or(failure))
            }
            ("CHECK_PRE_PROVISIONED_DEVICES", Some(device)) => {
                // The credentials that the request asks for are ignored: a device that was made before has its own.
                let same_profile = self.device(device).is_some_and(|device| device.device_profile_id.id == profile_id);
                // The mark of an earlier provisioning.
                let first = !self.attributes(device, Scope::Server).contains_key("provisionState");
                if !same_profile || (repeats == Repeats::Refused && !first) {
                    return Ok(failure);
                }
                self.mark_provisioned(device);
                Ok(self.provisioned(device).unwrap_or(failure))
            }
            ("ALLOW_CREATE_NEW_DEVICES" | "CHECK_PRE_PROVISIONED_DEVICES", _) => Ok(failure),
            _ => Ok(not_found),
        }
    }

    fn mark_provisioned(&mut self, device: Uuid) {
        self.set_server_attribute(device, "provisionState", Value::from("provisioned"));
    }

    fn provisioned(&self, device: Uuid) -> Option<Value> {
        let credentials = self.credentials_of(device)?;
        let mut answer = json!({ "credentialsType": credentials.kind, "status": "SUCCESS" });
        let value = match credentials.kind {
            CredentialsType::AccessToken => Some(Value::from(credentials.credentials_id.clone())),
            CredentialsType::X509Certificate => credentials.value.clone().map(Value::from),
            CredentialsType::MqttBasic => credentials.value.as_deref().and_then(|text| serde_json::from_str(text).ok()),
            CredentialsType::Lwm2mCredentials => None,
        };
        if let (Some(value), Some(answer)) = (value, answer.as_object_mut()) {
            answer.insert("credentialsValue".to_owned(), value);
        }
        Some(answer)
    }
}

/// The credentials that a device asks for; none is a random token.
fn wanted_credentials(request: &Value) -> Result<Option<SentCredentials>> {
    let field = |name: &str| request.get(name).and_then(Value::as_str).map(str::to_owned);
    let sent = match field("credentialsType").as_deref() {
        None | Some("ACCESS_TOKEN") => field("token").map(|token| SentCredentials {
            credentials_type: Some(CredentialsType::AccessToken),
            credentials_id: Some(token),
            ..SentCredentials::default()
        }),
        // Without a certificate the device gets a random token, whatever it asked for.
        Some("X509_CERTIFICATE") => field("hash").map(|certificate| SentCredentials {
            credentials_type: Some(CredentialsType::X509Certificate),
            credentials_value: Some(certificate),
            ..SentCredentials::default()
        }),
        Some("MQTT_BASIC") => {
            let basic = json!({
                "clientId": field("clientId"), "userName": field("username"), "password": field("password"),
            });
            Some(SentCredentials {
                credentials_type: Some(CredentialsType::MqttBasic),
                credentials_value: Some(basic.to_string()),
                ..SentCredentials::default()
            })
        }
        Some(other) => return Err(Refusal::general(format!("No enum constant DeviceCredentialsType.{other}"))),
    };
    Ok(sent)
}

/// The first group of the first match. What the pattern's engine here cannot say (look-around, back references,
/// possessive quantifiers) matches nothing, as a broken pattern does; if `\d`, `\w`, `\s` and `\b` might mean more
/// than Java's ASCII, which is for names beyond ASCII, nothing matches either. So no name passes here that Java would
/// have refused.
fn device_name(pattern: &str, common_name: &str) -> Option<String> {
    if pattern.is_empty() || (pattern.contains('\\') && !common_name.is_ascii()) {
        return None;
    }
    let captures = Regex::new(pattern).ok()?.captures(common_name)?;
    captures.get(1).map(|group| group.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_first_group_of_what_is_found() {
        let found = |pattern: &str, name: &str| device_name(pattern, name);
        assert_eq!(found("([^@]+)", "dev@fleet"), Some("dev".to_owned()));
        assert_eq!(found("(.*)\\.device\\.com", "a.device.com"), Some("a".to_owned()));
        assert_eq!(found("x(\\d+)", "abx12y"), Some("12".to_owned()), "find, not match");
        for (pattern, name) in [("", "a"), ("(", "a"), ("a", "a"), ("(b)", "a"), ("(?=a)(a)", "a"), ("(\\w+)", "größe")]
        {
            assert_eq!(found(pattern, name), None, "{pattern}");
        }
    }
}
