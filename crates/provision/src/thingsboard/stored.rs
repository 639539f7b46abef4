//! The credential that the platform has of a device.

use base::Result;

use super::ThingsBoard;
use super::withdrawal_token::is_withdrawal_token;

/// The credential that the platform has of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredCredential {
    /// The platform does not have the device.
    Absent,
    /// A certificate with this credentials id.
    Certificate(String),
    /// A random token that a withdrawal of tbpki has set: the device was unregistered or revoked.
    Withdrawn,
    /// Another token or something else.
    Other,
}

impl ThingsBoard {
    /// The credential that the platform has of a device. Nothing is changed.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn stored_credential(&self, name: &str) -> Result<StoredCredential> {
        let Some(device) = self.find(name).await? else { return Ok(StoredCredential::Absent) };
        let there = self.credentials(&device.id.id).await?;
        Ok(match there.kind() {
            "X509_CERTIFICATE" => StoredCredential::Certificate(there.id().to_owned()),
            "ACCESS_TOKEN" if is_withdrawal_token(there.id()) => StoredCredential::Withdrawn,
            _ => StoredCredential::Other,
        })
    }
}
