//! Device profiles that provision by certificate chain.
//!
//! A device that connects with a chain containing the profile's certificate is identified by its common name, from which the
//! profile's regular expression extracts the device name. The profile can allow the creation of unknown devices.

use base::{Code, Error, Result};
use pki::Certificate;
use serde_json::{Map, Value, json};

use super::ThingsBoard;
use super::model::{EntityId, Uuid};
use super::register::{AttemptError, Retry};
use crate::http::{ApiRequest, Repeat};
use crate::platform::PlatformChange;

/// ThingsBoard's provision type for chains.
const CHAIN: &str = "X509_CERTIFICATE_CHAIN";

/// ThingsBoard's provision type for profiles that do not provision.
const DISABLED: &str = "DISABLED";

/// A profile as it must be.
#[derive(Debug, Clone)]
pub struct ChainProfile {
    /// The name of the profile on the platform.
    pub name: String,
    /// The issuing CA of its devices.
    pub certificate: Certificate,
    /// The expression, in the syntax of Java, whose first group finds a device's name in a common name.
    pub pattern: String,
    /// True if unknown devices are created.
    pub creates_devices: bool,
}

/// A profile as it is in the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileState {
    /// The name of the profile on the platform.
    pub name: String,
    /// The provision type in ThingsBoard's notation.
    pub provision_type: String,
    /// The credentials id of the issuing CA, if the profile provisions by chain.
    pub certificate_id: Option<String>,
    /// The expression, if the profile provisions by chain.
    pub pattern: Option<String>,
    /// True if unknown devices are created.
    pub creates_devices: bool,
}

impl ThingsBoard {
    /// Creates or changes a profile so that it provisions by this certificate, and reads it back.
    ///
    /// # Errors
    /// [`Code::ProfileDiffers`] if the profile differs and must not be replaced; [`Code::CertificateTaken`] if another
    /// profile has the certificate.
    pub async fn put_profile(&self, wanted: &ChainProfile, replace: bool) -> Result<PlatformChange> {
        let (mut retry, mut tried) = (Retry::new(self.pause), None);
        loop {
            match self.put_profile_once(wanted, replace, &mut tried).await {
                Ok(done) => return Ok(done),
                Err(error) => retry.again(error).await.map_err(|error| error.item(&wanted.name))?,
            }
        }
    }

    async fn put_profile_once(
        &self,
        wanted: &ChainProfile,
        replace: bool,
        tried: &mut Option<PlatformChange>,
    ) -> Result<PlatformChange, AttemptError> {
        let there = self.profile_object(&wanted.name).await?;
        let done = match &there {
            // `tried` remembers a change whose answer was lost, so that it is not reported as unchanged.
            Some(object) if differences(&state(object)?, wanted).is_empty() => {
                return Ok(tried.unwrap_or(PlatformChange::Unchanged));
            }
            Some(object) if !replace => return Err(differs(&state(object)?, wanted).into()),
            Some(_) => PlatformChange::Replaced,
            None => PlatformChange::Created,
        };
        let done = *tried.get_or_insert(done);
        let request = ApiRequest::post("/api/deviceProfile", &object_for(wanted, there), Repeat::LookFirst)?;
        self.ask::<Value>(request).await.map_err(AttemptError::of_change)?;
        // ThingsBoard stores the hash of the certificate as the provision key, which the comparison needs.
        let stored = self.profile_object(&wanted.name).await?.ok_or_else(|| lost(&wanted.name))?;
        if differences(&state(&stored)?, wanted).is_empty() { Ok(done) } else { Err(lost(&wanted.name)) }
    }

    /// Turns provisioning off for a profile that provisions by one of these certificates, by their credentials ids, and
    /// reads it back. A profile with another certificate stays as it is.
    ///
    /// # Errors
    /// [`Code::CredentialDiffers`] if the platform has stored the profile otherwise, and those of every call.
    pub async fn close_profile(&self, name: &str, certificate_ids: &[String]) -> Result<PlatformChange> {
        let (mut retry, mut tried) = (Retry::new(self.pause), false);
        loop {
            match self.close_profile_once(name, certificate_ids, &mut tried).await {
                Ok(done) => return Ok(done),
                Err(error) => retry.again(error).await.map_err(|error| error.item(name))?,
            }
        }
    }

    async fn close_profile_once(
        &self,
        name: &str,
        certificate_ids: &[String],
        tried: &mut bool,
    ) -> Result<PlatformChange, AttemptError> {
        let has_it =
            |state: &ProfileState| state.certificate_id.as_ref().is_some_and(|id| certificate_ids.contains(id));
        let Some(there) = self.profile_object(name).await? else { return Ok(PlatformChange::Absent) };
        if !has_it(&state(&there)?) {
            return Ok(if *tried { PlatformChange::Replaced } else { PlatformChange::Unchanged });
        }
        *tried = true;
        let request = ApiRequest::post("/api/deviceProfile", &closed(there), Repeat::LookFirst)?;
        self.ask::<Value>(request).await.map_err(AttemptError::of_change)?;
        match self.profile_object(name).await?.as_ref().map(state).transpose()? {
            Some(stored) if has_it(&stored) => Err(lost(name)),
            _ => Ok(PlatformChange::Replaced),
        }
    }

    /// What [`Self::put_profile`] would do, with the same errors.
    ///
    /// # Errors
    /// As [`Self::put_profile`].
    pub async fn examine_profile(&self, wanted: &ChainProfile, replace: bool) -> Result<PlatformChange> {
        match self.profile(&wanted.name).await? {
            None => Ok(PlatformChange::Created),
            Some(there) if differences(&there, wanted).is_empty() => Ok(PlatformChange::Unchanged),
            Some(_) if replace => Ok(PlatformChange::Replaced),
            Some(there) => Err(differs(&there, wanted).item(&wanted.name)),
        }
    }

    /// A profile, if there is one of exactly this name.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn profile(&self, name: &str) -> Result<Option<ProfileState>> {
        self.profile_object(name).await?.as_ref().map(state).transpose()
    }

    async fn profile_object(&self, name: &str) -> Result<Option<Value>> {
        let Some(id) = self.find_profile(name).await? else { return Ok(None) };
        self.ask(ApiRequest::get(format!("/api/deviceProfile/{}", id.as_str()))).await.map(Some)
    }
}

/// The JSON object to save: a new one, or the existing one with only its provisioning changed.
fn object_for(wanted: &ChainProfile, there: Option<Value>) -> Map<String, Value> {
    let object = |value: Option<Value>| match value {
        Some(Value::Object(map)) => Some(map),
        _ => None,
    };
    // Fields that this version of tbpki does not know are kept as they are.
    let mut profile = object(there).unwrap_or_else(|| {
        let common = [("name", wanted.name.as_str()), ("type", "DEFAULT"), ("transportType", "DEFAULT")];
        common.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect()
    });
    let mut data = object(profile.remove("profileData")).unwrap_or_else(|| {
        let parts = ["configuration", "transportConfiguration"];
        parts.into_iter().map(|part| (part.to_owned(), json!({ "type": "DEFAULT" }))).collect()
    });
    let provisioning = json!({
        "type": CHAIN,
        "provisionDeviceSecret": wanted.certificate.to_pem(),
        "certificateRegExPattern": wanted.pattern,
        "allowCreateNewDevicesByX509Certificate": wanted.creates_devices,
    });
    // Both places carry the type, and ThingsBoard reads each of them in another situation.
    data.insert("provisionConfiguration".to_owned(), provisioning);
    profile.insert("profileData".to_owned(), data.into());
    profile.insert("provisionType".to_owned(), CHAIN.into());
    profile
}

/// The JSON object to save so that a profile does not provision. Its other fields stay.
fn closed(there: Value) -> Value {
    let mut object = there;
    if let Value::Object(profile) = &mut object {
        profile.insert("provisionType".to_owned(), DISABLED.into());
        // The key is unique in the platform: if it stayed, no other profile could have this certificate.
        profile.insert("provisionDeviceKey".to_owned(), Value::Null);
        if let Some(Value::Object(data)) = profile.get_mut("profileData") {
            let provisioning = json!({ "type": DISABLED, "provisionDeviceSecret": Value::Null });
            data.insert("provisionConfiguration".to_owned(), provisioning);
        }
    }
    object
}

fn state(object: &Value) -> Result<ProfileState> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let strange = || Code::NotThePlatform.error("a device profile of the platform has no name or no number");
    let id = object.get("id").cloned().and_then(|id| serde_json::from_value::<EntityId>(id).ok());
    // The id is read only to be sure that it is one.
    let _: Uuid = id.ok_or_else(strange)?.id;
    let provisioning = object.pointer("/profileData/provisionConfiguration");
    let of = |name: &str| provisioning.and_then(|provisioning| provisioning.get(name));
    let provision_type = text(object.get("provisionType")).unwrap_or_else(|| DISABLED.to_owned());
    let by_chain = provision_type == CHAIN;
    Ok(ProfileState {
        name: text(object.get("name")).ok_or_else(strange)?,
        // With other provision types this field is a secret key.
        certificate_id: text(object.get("provisionDeviceKey")).filter(|_| by_chain),
        pattern: text(of("certificateRegExPattern")).filter(|_| by_chain),
        creates_devices: by_chain
            && of("allowCreateNewDevicesByX509Certificate").and_then(Value::as_bool).unwrap_or(false),
        provision_type,
    })
}

/// The differences between a profile and the requested one.
fn differences(there: &ProfileState, wanted: &ChainProfile) -> Vec<String> {
    if there.provision_type != CHAIN {
        return vec![format!("it provisions by {}, not by chain", crate::http::shown(&there.provision_type))];
    }
    let mut found = Vec::new();
    if there.certificate_id.as_deref() != Some(wanted.certificate.credentials_id().as_str()) {
        found.push("it has the certificate of another CA".to_owned());
    }
    if there.pattern.as_deref() != Some(wanted.pattern.as_str()) {
        let theirs = crate::http::shown(there.pattern.as_deref().unwrap_or("none"));
        found.push(format!("its expression is {theirs}, not {}", wanted.pattern));
    }
    if there.creates_devices != wanted.creates_devices {
        let does = if there.creates_devices { "creates" } else { "does not create" };
        found.push(format!("it {does} devices"));
    }
    found
}

fn differs(there: &ProfileState, wanted: &ChainProfile) -> Error {
    Code::ProfileDiffers
        .error(format!("the platform's profile {:?} is another one", wanted.name))
        .because(differences(there, wanted).join("; "))
        .fix("use another name, or --replace to change the profile in the platform")
}

fn lost(name: &str) -> AttemptError {
    let error = Code::CredentialDiffers
        .error(format!("the platform has stored the profile {name:?} otherwise than it was given"))
        .fix("run the same command again; another client may have saved at the same time");
    AttemptError::Retryable(error)
}
