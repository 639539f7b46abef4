//! Whether a device that the platform does not have by its name is really gone: it may have been renamed.

use base::{Code, Result, Secret};

use super::ThingsBoard;
use super::register::AttemptError;
use crate::platform::{DesiredDevice, DeviceCredential, NewDevice, Replace};

impl ThingsBoard {
    /// Checks that no device of the platform has one of these credentials ids. The device `name` does not exist.
    ///
    /// ThingsBoard cannot search for a credentials id. Each id belongs to one device of all tenants, so that a device that
    /// is created with the id as its access token is refused while another one has it. The created device is deleted at
    /// once. If that is interrupted, the device is found by its name, with a token of this store.
    ///
    /// # Errors
    /// [`Code::CertificateTaken`] if a device has one, and those of every call.
    pub async fn check_unused(&self, name: &str, credentials_ids: &[Secret]) -> Result<()> {
        for id in credentials_ids {
            self.check_one_unused(name, id).await.map_err(|error| error.item(name))?;
        }
        Ok(())
    }

    async fn check_one_unused(&self, name: &str, id: &Secret) -> Result<()> {
        let placeholder = DesiredDevice {
            name: name.to_owned(),
            // Never the certificate itself: with it, the device could log in until the placeholder is deleted.
            credential: DeviceCredential::AccessToken(id.clone()),
            replace: Replace::Nothing,
            create: None,
        };
        let body = self.new_device(&placeholder, &NewDevice::default()).await?;
        match self.create(&placeholder, &body).await {
            Ok(created) => self.remove(&created).await.map(drop),
            Err(AttemptError::Final(error) | AttemptError::Retryable(error)) => Err(match error.code() {
                Code::CertificateTaken => Code::CertificateTaken
                    .error(format!("the platform has no device {name:?}, and a device with another name has its credential"))
                    .because("it was renamed there, or belongs to another tenant")
                    .fix("give it its name back in ThingsBoard and run the same command again, or replace its credential there"),
                _ => error,
            }),
        }
    }
}
