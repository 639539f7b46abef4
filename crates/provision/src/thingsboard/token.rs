//! Access tokens, and taking credentials away.

use base::{Code, Result, Secret};
use pki::keystore::password;

use super::ThingsBoard;
use super::register::{Rounds, Trouble, check};
use crate::platform::{Credential, Done, Ours};

impl ThingsBoard {
    /// The access token with which a device logs in.
    pub(super) async fn access_token(&self, name: &str) -> Result<Secret> {
        let device = self.find(name).await?.ok_or_else(|| self.no_device(name))?;
        let there = self.credentials(&device.id.id).await?;
        if there.kind() != "ACCESS_TOKEN" {
            return Err(Code::NotAToken
                .error(format!("the device {name:?} logs in with {}", there.described()))
                .item(name)
                .fix("give it a token with --set-file FILE --replace, if nothing needs what it has"));
        }
        if there.id().is_empty() {
            return Err(Code::NotThePlatform.error("the platform says that the token is empty").item(name));
        }
        Ok(Secret::from(there.id()))
    }

    /// Replaces the certificate of a device by a token that nobody knows.
    pub(super) async fn withdraw(&self, name: &str, ours: &Ours) -> Result<Done> {
        let token = Credential::AccessToken(password::generate()?);
        let (mut rounds, mut tried) = (Rounds::new(self.pause), false);
        loop {
            match self.withdraw_once(name, ours, &token, &mut tried).await {
                Ok(done) => return Ok(done),
                Err(trouble) => rounds.look_again(trouble).await.map_err(|error| error.item(name))?,
            }
        }
    }

    async fn withdraw_once(
        &self,
        name: &str,
        ours: &Ours,
        token: &Credential,
        tried: &mut bool,
    ) -> Result<Done, Trouble> {
        let Some(device) = self.find(name).await? else { return Ok(Done::Absent) };
        let there = self.credentials(&device.id.id).await?;
        if there.kind() != "X509_CERTIFICATE" {
            return Ok(if *tried { Done::Replaced } else { Done::Unchanged });
        }
        if !ours.others_too && !ours.credentials_ids.iter().any(|id| id == there.id()) {
            let error = Code::OtherCredential
                .error(format!("the device {name:?} logs in with {}", there.described()))
                .because("this store has never issued it")
                .fix("use --replace if nothing needs that certificate any more");
            return Err(error.into());
        }
        *tried = true;
        self.save(&there.with(token)?).await.map_err(Trouble::of_change)?;
        check(&self.credentials(&device.id.id).await?, token)?;
        Ok(Done::Replaced)
    }

    /// Deletes a device with all that it has ever reported.
    pub(super) async fn delete_device(&self, name: &str) -> Result<Done> {
        let Some(device) = self.find(name).await? else { return Ok(Done::Absent) };
        // When an answer was lost, the repeated request finds nothing any more.
        self.remove(&device.id.id).await.map_err(|error| error.item(name))?;
        Ok(Done::Deleted)
    }
}
