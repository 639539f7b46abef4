//! The registration of a device.
//!
//! A device that may be created is created without a look at the platform first: ThingsBoard rejects a name that exists
//! (status 400, code 31) and changes nothing. Only then, and after a lost answer, is the state read, so that no change is
//! made twice or missed. What was stored is read back.

use std::time::Duration;

use base::text::{device_option, quote};
use base::{Code, Error, Finding, Result};
use serde_json::{Map, Value, json};

use super::ThingsBoard;
use super::attributes::stored_otherwise;
use super::model::{Credentials, Device, Uuid, about_something_else, fields, kind};
use super::withdrawal_token::is_withdrawal_token;
use crate::http::{ApiRequest, Repeat};
use crate::platform::{DesiredDevice, DeviceCredential, NewDevice, PlatformChange, Registration, Replace};

/// The limit of attempts.
const MAX_ATTEMPTS: u32 = 3;

/// The error of an attempt.
pub(super) enum AttemptError {
    /// A retry cannot help.
    Final(Error),
    /// The state is unknown: reading it again may show that the change was made.
    Retryable(Error),
}

impl From<Error> for AttemptError {
    fn from(error: Error) -> Self {
        AttemptError::Final(error)
    }
}

impl AttemptError {
    /// The error of a request that changes the state.
    pub(super) fn of_change(error: Error) -> Self {
        let retryable = matches!(
            error.code(),
            // The change may have been made. The next round reads the state and finds out.
            Code::AnswerLost
                | Code::PlatformFault
                | Code::PlatformUnavailable
                | Code::NotThePlatform
                | Code::VersionConflict
                | Code::PlatformNameTaken
        );
        if retryable { AttemptError::Retryable(error) } else { AttemptError::Final(error) }
    }
}

/// The attempts of one operation.
pub(super) struct Retry {
    pause: Duration,
    done: u32,
}

impl Retry {
    pub(super) fn new(pause: Duration) -> Self {
        Self { pause, done: 0 }
    }

    /// Waits before the next attempt, or returns the error if there is none.
    pub(super) async fn again(&mut self, error: AttemptError) -> Result<()> {
        self.done += 1;
        match error {
            AttemptError::Retryable(error) if self.done < MAX_ATTEMPTS => {
                tracing::info!(%error, "reading the state again");
                // Longer with each attempt, because another client may be saving the same device.
                tokio::time::sleep(self.pause * self.done).await;
                Ok(())
            }
            AttemptError::Final(error) | AttemptError::Retryable(error) => Err(error),
        }
    }
}

impl ThingsBoard {
    /// Registers a device with its credential, and reads the credential back.
    ///
    /// # Errors
    /// [`Code::PlatformNotFound`] if the device must exist and does not, [`Code::OtherCredential`] if it has a credential
    /// that must not be replaced, [`Code::CertificateTaken`] if another device has the certificate,
    /// [`Code::CredentialDiffers`] and [`Code::AttributeDiffers`] if the platform stored something else,
    /// [`Code::NumberAttribute`] before anything is sent, and those of every call.
    pub async fn register(&self, wanted: &DesiredDevice) -> Result<Registration> {
        // Before any request, so that no device is created whose attributes would then be refused.
        check_attributes(wanted)?;
        let (mut retry, mut tried) = (Retry::new(self.pause), None);
        loop {
            match self.round(wanted, &mut tried).await {
                Ok(registration) => return self.describe(wanted, registration).await,
                Err(error) => retry.again(error).await.map_err(|error| error.item(&wanted.name))?,
            }
        }
    }

    /// Sets the attributes of a registered device. They are set again with every registration, because an earlier run may have
    /// been killed before.
    async fn describe(&self, wanted: &DesiredDevice, registration: Registration) -> Result<Registration> {
        let attributes = wanted.create.as_ref().map(|create| &create.attributes).filter(|all| !all.is_empty());
        if let (Some(attributes), Some(id)) = (attributes, &registration.device_id) {
            self.describe_device(id, attributes).await.map_err(|error| error.item(&wanted.name))?;
        }
        Ok(registration)
    }

    /// Creates the device, unless the platform refuses: then the reason is returned, and the device may exist.
    async fn create_unseen(
        &self,
        wanted: &DesiredDevice,
        create: &NewDevice,
        tried: &mut Option<PlatformChange>,
    ) -> Result<Result<Registration, Error>, AttemptError> {
        let body = match self.new_device(wanted, create).await {
            Err(error) if may_exist(&error) => return Ok(Err(error)),
            body => body?,
        };
        // From here on the device may exist, even if no answer comes.
        *tried = Some(PlatformChange::Created);
        match self.create_and_check(wanted, &body).await {
            Ok(registration) => Ok(Ok(registration)),
            Err(AttemptError::Final(error) | AttemptError::Retryable(error)) if may_exist(&error) => {
                // A refusal may have another cause than an existing device, so it is kept for the case that no device
                // is found.
                *tried = None;
                Ok(Err(error))
            }
            Err(error) => Err(error),
        }
    }

    async fn create_and_check(&self, wanted: &DesiredDevice, body: &Value) -> Result<Registration, AttemptError> {
        let id = self.create(wanted, body).await?;
        // Read back: ThingsBoard has accepted credentials that it later could not find, for example in another
        // spelling.
        let there = self.credentials(&id).await?;
        check(&there, &wanted.credential)?;
        Ok(Registration::new(PlatformChange::Created, Some(id.as_str()), Vec::new()))
    }

    async fn round(
        &self,
        wanted: &DesiredDevice,
        tried: &mut Option<PlatformChange>,
    ) -> Result<Registration, AttemptError> {
        let refusal = match &wanted.create {
            // Creating first saves a request for each device of a new fleet. Existing devices are found by the refusal.
            Some(create) if tried.is_none() => match self.create_unseen(wanted, create, tried).await? {
                Ok(registration) => return Ok(registration),
                Err(refusal) => Some(refusal),
            },
            _ => None,
        };
        let Some(device) = self.find(&wanted.name).await? else {
            // The device with this name may have been deleted since.
            if let Some(refusal) = refusal.filter(|refusal| refusal.code() != Code::PlatformNameTaken) {
                return Err(refusal.into());
            }
            let create = wanted.create.as_ref().ok_or_else(|| self.not_to_create(wanted))?;
            let body = self.new_device(wanted, create).await?;
            *tried = Some(PlatformChange::Created);
            // The result of the first round decides, so that a retry after a lost answer is not reported as unchanged.
            return self.create_and_check(wanted, &body).await;
        };
        let findings = differences(&device, wanted.create.as_ref());
        let id = device.id.id;
        let there = self.credentials(&id).await?;
        if there.are(&wanted.credential) {
            return Ok(Registration::new(tried.unwrap_or(PlatformChange::Unchanged), Some(id.as_str()), findings));
        }
        check_replaceable(&there, wanted)?;
        // Set before the request, because the change may happen without an answer.
        *tried = Some(tried.unwrap_or(PlatformChange::Replaced));
        self.save(&there.with(&wanted.credential)).await.map_err(AttemptError::of_change)?;
        // Another client may have saved in between, and its credential would win.
        check(&self.credentials(&id).await?, &wanted.credential)?;
        Ok(Registration::new(tried.unwrap_or(PlatformChange::Replaced), Some(id.as_str()), findings))
    }

    /// The result that [`Self::register`] would have. Nothing is changed.
    ///
    /// # Errors
    /// As [`Self::register`].
    pub async fn examine(&self, wanted: &DesiredDevice) -> Result<Registration> {
        check_attributes(wanted)?;
        let Some(device) = self.find(&wanted.name).await? else {
            let create = wanted.create.as_ref().ok_or_else(|| self.not_to_create(wanted))?;
            // A missing profile shows up here, although nothing is created.
            self.new_device(wanted, create).await?;
            return Ok(Registration::new(PlatformChange::Created, None, Vec::new()));
        };
        let there = self.credentials(&device.id.id).await?;
        let done = if there.are(&wanted.credential) { PlatformChange::Unchanged } else { PlatformChange::Replaced };
        if done == PlatformChange::Replaced {
            check_replaceable(&there, wanted)?;
        }
        let findings = differences(&device, wanted.create.as_ref());
        Ok(Registration::new(done, Some(device.id.id.as_str()), findings))
    }

    /// Creates a device with its credential in one transaction, so that ThingsBoard stores both or neither.
    pub(super) async fn create(&self, wanted: &DesiredDevice, body: &Value) -> Result<Uuid, AttemptError> {
        let request = ApiRequest::post("/api/device-with-credentials", body, Repeat::LookFirst)?;
        let device: Device = self.ask(request).await.map_err(AttemptError::of_change)?;
        // The answer can be that of another request, if a proxy mixes them up.
        if device.name == wanted.name {
            Ok(device.id.id)
        } else {
            Err(AttemptError::Retryable(about_something_else("device")))
        }
    }

    pub(super) async fn new_device(&self, wanted: &DesiredDevice, create: &NewDevice) -> Result<Value> {
        let mut device = Map::new();
        device.insert("name".to_owned(), wanted.name.as_str().into());
        if let Some(profile) = &create.profile {
            let id = self.profile_id(profile).await?;
            device.insert("deviceProfileId".to_owned(), json!({ "entityType": "DEVICE_PROFILE", "id": id }));
        }
        if let Some(label) = &create.label {
            device.insert("label".to_owned(), label.as_str().into());
        }
        if create.gateway {
            device.insert("additionalInfo".to_owned(), json!({ "gateway": true }));
        }
        // One request for device and credential: a device without a credential would get a random token in between.
        Ok(json!({ "device": device, "credentials": fields(&wanted.credential) }))
    }

    pub(super) fn no_device(&self, name: &str) -> Error {
        Code::PlatformNotFound.error(format!("the platform has no device {name:?}")).item(self.http.url())
    }

    /// The error of a device that must exist and does not, with the command that makes it.
    fn not_to_create(&self, wanted: &DesiredDevice) -> Error {
        self.no_device(&wanted.name).fix(match wanted.credential {
            DeviceCredential::AccessToken(_) => "compare the name, capitals included; --create makes the device".to_owned(),
            _ => format!(
                "compare the name, capitals included; `tbpki register {}` makes the device, with --again if it was unregistered",
                device_option(&wanted.name)
            ),
        })
    }
}

impl Registration {
    fn new(done: PlatformChange, device: Option<&str>, findings: Vec<Finding>) -> Self {
        Self { done, device_id: device.map(str::to_owned), findings }
    }
}

/// Checks that the platform would store the attributes as they are written, unless other numbers are accepted.
fn check_attributes(wanted: &DesiredDevice) -> Result<()> {
    let Some(create) = wanted.create.as_ref().filter(|create| !create.accept_number_attributes) else { return Ok(()) };
    let changed = create.attributes.iter().find_map(|(key, text)| Some((key, text, stored_otherwise(text)?)));
    changed.map_or(Ok(()), |(key, text, stored)| {
        Err(Code::NumberAttribute
            .error(format!("ThingsBoard would change the attribute {} from {} to {stored}", quote(key), quote(text)))
            .item(&wanted.name)
            .fix("accept the number with --accept-number-attributes"))
    })
}

/// Whether the platform may have refused to create a device that exists: it has the name, or the refusal concerns new
/// devices only.
fn may_exist(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::PlatformNameTaken
            | Code::PlatformRefused
            | Code::PlatformPermission
            | Code::PlatformNotFound
            | Code::DeviceLimit
            | Code::CertificateTaken
    )
}

/// Checks that the device's credential may be replaced.
fn check_replaceable(there: &Credentials, wanted: &DesiredDevice) -> Result<()> {
    let is_one_of = |ids: &[String]| there.kind() == "X509_CERTIFICATE" && ids.iter().any(|id| id == there.id());
    let may = match &wanted.replace {
        Replace::Nothing => false,
        Replace::OneOf(ids) => is_one_of(ids),
        Replace::OneOfOrWithdrawn(ids) => {
            is_one_of(ids) || there.kind() == "ACCESS_TOKEN" && is_withdrawal_token(there.id())
        }
        Replace::SameKind => there.kind() == kind(&wanted.credential),
        Replace::Anything => true,
    };
    if may {
        return Ok(());
    }
    let error = Code::OtherCredential.error(format!("the device {:?} logs in with {}", wanted.name, there.described()));
    Err(match &wanted.replace {
        Replace::OneOf(_) | Replace::OneOfOrWithdrawn(_) => {
            error.because("only the certificate that the ledger expects is replaced").fix(format!(
                "find out who changed it; `tbpki register {} --replace` puts the present certificate there again",
                device_option(&wanted.name)
            ))
        }
        _ => error.fix("use --replace if that credential is no longer needed"),
    })
}

/// Checks that the server has stored the credential.
pub(super) fn check(there: &Credentials, credential: &DeviceCredential) -> Result<()> {
    if there.are(credential) {
        return Ok(());
    }
    Err(Code::CredentialDiffers
        .error("the platform has stored another credential than it was given")
        .because(format!("the device would log in with {}", there.described()))
        .fix("run the same command again; another client may have saved at the same time"))
}

/// The differences between an existing device and the requested one.
fn differences(device: &Device, create: Option<&NewDevice>) -> Vec<Finding> {
    let Some(create) = create else { return Vec::new() };
    let profile = create.profile.as_deref().filter(|wanted| device.profile.as_deref() != Some(wanted));
    let label = create.label.as_deref().filter(|wanted| device.label.as_deref() != Some(wanted));
    let gateway = create.gateway && !device.is_gateway();
    let what = [
        profile.map(|wanted| format!("is not in the profile {wanted:?}")),
        label.map(|wanted| format!("does not have the label {wanted:?}")),
        gateway.then(|| "is not a gateway".to_owned()),
    ];
    what.into_iter()
        .flatten()
        .map(|what| {
            Code::OtherCredential
                .note(format!("the device was there already and {what}; that was left as it is"))
                .item(&device.name)
                .fix("change it in the platform's web interface")
        })
        .collect()
}
