//! Credentials of devices: one record a device, replaced as a whole.

use super::State;
use crate::clock;
use crate::ids::Uuid;
use crate::thingsboard::model::credentials::{Credentials, CredentialsType, Formatted, SentCredentials, format};
use crate::thingsboard::model::entity_id::SentId;
use crate::thingsboard::refusal::{Refusal, Result};
use crate::thingsboard::settings::Version;

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
        // In the order of the real server: the format first, then the id, then who has the certificate.
        let sent_id = sent.id;
        let Formatted { kind, credentials_id, value } = format(sent, self.version)?;
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
        // Checked behind the holder of the certificate, in the order of the real server.
        if sent.version.is_some_and(|version| version != before.version) {
            return Err(Refusal::changed("Entity"));
        }
        if before.device != device {
            // The database's unique key on the device fails, whose message was written for the key on the certificate.
            return Err(Refusal::bad("Specified credentials are already registered!"));
        }
        let is_same = before.kind == kind && before.credentials_id == credentials_id && before.value == value;
        // A save that changes nothing counts as well.
        let after = Credentials { kind, credentials_id, value, version: before.version + 1, ..before.clone() };
        self.put_credentials(after.clone());
        // 4.2 does not compare.
        if !is_same || self.version == Version::V4_2 {
            self.close_session(device);
        }
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
        let Formatted { kind, credentials_id, value } = format(sent, self.version)?;
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
