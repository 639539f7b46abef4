//! Access tokens, unregistering and deleting devices.

use base::text::device_words;
use base::{Code, Result, Secret};
use pki::keystore::password;

use super::ThingsBoard;
use super::model::Credentials;
use super::register::{AttemptError, Retry, check};
use super::withdrawal_token::{is_withdrawal_token, withdrawal_token};
use crate::platform::{DesiredDevice, DeviceCredential, IssuedCertificates, NewDevice, PlatformChange, Replace};

impl ThingsBoard {
    /// The access token of a device.
    ///
    /// # Errors
    /// [`Code::PlatformNotFound`], [`Code::NotAToken`] if the device has another credential, and those of every call.
    pub async fn token(&self, name: &str) -> Result<Secret> {
        let device = self.find(name).await?.ok_or_else(|| {
            self.no_device(name).fix("compare the name, capitals included; `tbpki token --create` makes the device")
        })?;
        let there = self.credentials(&device.id.id).await?;
        if there.kind() != "ACCESS_TOKEN" {
            return Err(Code::NotAToken
                .error(format!("the device {name:?} logs in with {}", there.described()))
                .item(name)
                .fix("give it a token with --set-file FILE --replace, if nothing needs what it has"));
        }
        // The file of such a token would let a device log in again that was taken from the platform.
        if is_withdrawal_token(there.id()) {
            return Err(Code::NotAToken
                .error(format!("the device {name:?} was taken from the platform"))
                .because("a random token has taken the place of its credential")
                .item(name)
                .fix("if it may log in again, give it another token with --set-file FILE"));
        }
        if there.id().is_empty() {
            return Err(Code::NotThePlatform.error("the platform returned an empty token").item(name));
        }
        Ok(Secret::from(there.id()))
    }

    /// Replaces the credential of a device with a random access token ([`withdrawal_token`]). The device and its history are
    /// kept.
    ///
    /// # Errors
    /// [`Code::OtherCredential`] if the device has a certificate or token that is not of this store, and those of every call.
    pub async fn unregister(&self, name: &str, ours: &IssuedCertificates) -> Result<PlatformChange> {
        // A random token that is known to no one: the device is locked out, and its data and settings stay.
        let token = withdrawal_token()?;
        let (mut retry, mut tried) = (Retry::new(self.pause), false);
        loop {
            match self.withdraw_once(name, ours, &token, &mut tried).await {
                Ok(done) => return Ok(done),
                Err(error) => retry.again(error).await.map_err(|error| error.item(name))?,
            }
        }
    }

    async fn withdraw_once(
        &self,
        name: &str,
        ours: &IssuedCertificates,
        token: &DeviceCredential,
        tried: &mut bool,
    ) -> Result<PlatformChange, AttemptError> {
        let Some(device) = self.find(name).await? else { return Ok(PlatformChange::Absent) };
        let there = self.credentials(&device.id.id).await?;
        // The answer to an earlier attempt was lost.
        if *tried && there.are(token) {
            return Ok(PlatformChange::Replaced);
        }
        if !may_withdraw(name, &there, ours)? {
            return Ok(PlatformChange::Unchanged);
        }
        *tried = true;
        self.save(&there.with(token)).await.map_err(AttemptError::of_change)?;
        check(&self.credentials(&device.id.id).await?, token)?;
        Ok(PlatformChange::Replaced)
    }

    /// Whether the platform has a device profile of this name.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn has_profile(&self, name: &str) -> Result<bool> {
        Ok(self.find_profile(name).await?.is_some())
    }

    /// Creates a device that does not exist in a profile, with a random access token ([`withdrawal_token`]): a profile that
    /// provisions by chain would create it with its certificate at its next connection. Nothing is created if the platform
    /// does not have the profile.
    ///
    /// # Errors
    /// [`Code::OtherCredential`] if the device has connected meanwhile, and those of every call.
    pub async fn occupy(&self, name: &str, profile: &str) -> Result<PlatformChange> {
        if !self.has_profile(profile).await? {
            return Ok(PlatformChange::Absent);
        }
        let wanted = DesiredDevice {
            name: name.to_owned(),
            credential: withdrawal_token()?,
            replace: Replace::Nothing,
            create: Some(NewDevice { profile: Some(profile.to_owned()), ..NewDevice::default() }),
        };
        self.register(&wanted).await.map(|registration| registration.done)
    }

    /// The result that [`Self::unregister`] would have. Nothing is changed.
    ///
    /// # Errors
    /// As [`Self::unregister`].
    pub async fn examine_unregistering(&self, name: &str, ours: &IssuedCertificates) -> Result<PlatformChange> {
        let Some(device) = self.find(name).await? else { return Ok(PlatformChange::Absent) };
        let there = self.credentials(&device.id.id).await?;
        Ok(if may_withdraw(name, &there, ours)? { PlatformChange::Replaced } else { PlatformChange::Unchanged })
    }

    /// The result that [`Self::delete`] would have. Nothing is changed.
    ///
    /// # Errors
    /// As [`Self::delete`].
    pub async fn examine_deletion(&self, name: &str, profile: Option<&str>) -> Result<PlatformChange> {
        let Some(device) = self.find(name).await? else { return self.stays_absent(name, profile).await };
        self.check_stays_deleted(&device.name, device.profile.as_deref()).await?;
        Ok(PlatformChange::Deleted)
    }

    /// Deletes a device with its telemetry. `profile` is the one that provisions it by chain: it would create the device also
    /// if it does not exist yet.
    ///
    /// # Errors
    /// [`Code::DeviceReturns`] if its profile creates devices, and those of every call.
    pub async fn delete(&self, name: &str, profile: Option<&str>) -> Result<PlatformChange> {
        let Some(device) = self.find(name).await? else { return self.stays_absent(name, profile).await };
        // With such a profile the device would return with its next connection, as a new one without its history.
        self.check_stays_deleted(&device.name, device.profile.as_deref()).await?;
        // After a lost answer, the repeated request finds no device, which is a success.
        self.remove(&device.id.id).await.map_err(|error| error.item(name))?;
        Ok(PlatformChange::Deleted)
    }

    async fn stays_absent(&self, name: &str, profile: Option<&str>) -> Result<PlatformChange> {
        self.check_stays_deleted(name, profile).await?;
        Ok(PlatformChange::Absent)
    }

    /// Fails where the profile of a device creates devices: the next connection with the same certificate would bring
    /// it back, and with it the access that was to end.
    async fn check_stays_deleted(&self, name: &str, profile: Option<&str>) -> Result<()> {
        let Some(profile) = profile else { return Ok(()) };
        if !self.profile(profile).await?.is_some_and(|profile| profile.creates_devices) {
            return Ok(());
        }
        Err(Code::DeviceReturns
            .error(format!("the device {name:?} would be created again at its next connection"))
            .because(format!("its profile {profile:?} creates devices from their certificates"))
            .item(name)
            .fix("leave --delete-device out: a random token then takes the place of the certificate"))
    }
}

/// Whether the device has a credential that is to be taken from it.
fn may_withdraw(name: &str, there: &Credentials, ours: &IssuedCertificates) -> Result<bool> {
    let is_among = |ids: &[String]| ids.iter().any(|id| id == there.id());
    let is_certificate = there.kind() == "X509_CERTIFICATE";
    let is_token = there.kind() == "ACCESS_TOKEN";
    // A certificate of ours that is still valid has taken the place of the withdrawn one. While there is one, the device
    // may log in, also with a token.
    if is_among(&ours.still_valid) || !is_certificate && !ours.still_valid.is_empty() {
        return Ok(false);
    }
    // A placeholder of `check_unused` that was not deleted has a credentials id of ours as its token.
    let is_of_store =
        is_token && (ours.tokens.iter().any(|token| token.reveal() == there.id()) || is_among(&ours.credentials_ids));
    // The token of an earlier withdrawal, which is known to no one.
    if is_token && !is_of_store && is_withdrawal_token(there.id()) {
        return Ok(false);
    }
    let is_ours = match is_certificate {
        true => is_among(&ours.credentials_ids),
        // `tbpki token --create` makes tokens of this form, also at a platform whose token is not the one in the file any
        // more. A token that another party has chosen has another form, for example the 20 characters of ThingsBoard's own.
        false => is_of_store || is_token && password::is_of_generated_form(there.id()),
    };
    if is_ours {
        return Ok(true);
    }
    if ours.others_too {
        return Ok(true);
    }
    let error = Code::OtherCredential.error(format!("the device {name:?} logs in with {}", there.described()));
    let why = if is_certificate { "this store has never issued it" } else { "this store does not have it" };
    Err(error.item(name).because(why).fix(format!(
        "if it is no longer needed, take it away with `tbpki unregister --replace {}`",
        device_words(name)
    )))
}
