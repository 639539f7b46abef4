//! The access tokens of devices, by platform: a store can give a device another token at each of them.

use base::Result;

use crate::platform::PlatformId;
use crate::platform::url::PlatformUrl;
use crate::transaction::Transaction;
use crate::value::{SqlRow, SqlValue, values};
use crate::view::View;

/// A platform that may have an access token of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceToken {
    /// The name of the device.
    pub device: String,
    /// The platform.
    pub platform: PlatformId,
    /// Its address; `None` if the ledger has no row of a platform.
    pub url: Option<PlatformUrl>,
    /// Whether that is another platform than the one in focus.
    pub is_elsewhere: bool,
    /// Whether the token must be taken from the platform.
    pub is_revoked: bool,
    /// Why the last attempt to take it away failed.
    pub error: Option<String>,
}

impl View {
    /// Whether any device has a token at any platform.
    ///
    /// # Errors
    /// Those of the database, here and below.
    pub fn has_device_tokens(&self) -> Result<bool> {
        Ok(self.one("SELECT 1 FROM device_token LIMIT 1", &[])?.is_some())
    }

    /// The platforms that may have a token of a device, the first platform first.
    pub fn device_tokens_of(&self, device: &str) -> Result<Vec<DeviceToken>> {
        self.device_tokens_where("device = ?1", values![device])
    }

    /// The tokens that must be taken from platforms, by the names of the devices.
    pub fn revoked_device_tokens(&self) -> Result<Vec<DeviceToken>> {
        self.device_tokens_where("revoked_at IS NOT NULL", &[])
    }

    fn device_tokens_where(&self, condition: &str, values: &[SqlValue<'_>]) -> Result<Vec<DeviceToken>> {
        let sql = format!(
            "SELECT device, platform, revoked_at, error FROM device_token WHERE {condition} ORDER BY device, platform"
        );
        let rows = self.query(&sql, values)?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let (focus, known) = (self.columns().platform, self.platforms()?);
        let read = |row: &SqlRow| -> Result<DeviceToken> {
            let platform = PlatformId(row.get(1)?);
            Ok(DeviceToken {
                device: row.get(0)?,
                platform,
                url: known.iter().find(|known| known.id == platform).map(|known| known.url.clone()),
                is_elsewhere: platform != focus,
                is_revoked: row.get::<Option<i64>>(2)?.is_some(),
                error: row.get(3)?,
            })
        };
        rows.iter().map(|row| read(row).map_err(|error| error.at(self.path()))).collect()
    }
}

impl Transaction<'_> {
    /// Records that the platform in focus has a new token of a device: one that was to be taken away is not there any more.
    ///
    /// # Errors
    /// Those of the database, here and below.
    pub fn device_token_set(&self, device: &str) -> Result<()> {
        let sql = "INSERT INTO device_token (device, platform, set_at) VALUES (?1, ?2, ?3) \
            ON CONFLICT (device, platform) DO UPDATE SET set_at = excluded.set_at, revoked_at = NULL, error = NULL";
        self.execute(sql, values![device, self.platform()?.0, self.now()]).map(drop)
    }

    /// Records that the platform in focus may have a token of a device. A token that must be taken away stays one. May be
    /// repeated.
    pub fn device_token_may_be(&self, device: &str) -> Result<()> {
        self.device_token_at(device, self.platform()?)
    }

    /// Records that each known platform, and the one in focus, may have a token of a device: of a token of an earlier version
    /// it is not recorded which one has it. May be repeated.
    pub fn device_token_may_be_anywhere(&self, device: &str) -> Result<()> {
        self.device_token_may_be(device)?;
        self.platforms()?.iter().try_for_each(|known| self.device_token_at(device, known.id))
    }

    fn device_token_at(&self, device: &str, platform: PlatformId) -> Result<()> {
        let sql = "INSERT INTO device_token (device, platform, set_at) VALUES (?1, ?2, ?3) \
            ON CONFLICT (device, platform) DO NOTHING";
        self.execute(sql, values![device, platform.0, self.now()]).map(drop)
    }

    /// Records that the tokens of a device must be taken from all platforms. May be repeated.
    pub fn revoke_device_tokens(&self, device: &str) -> Result<()> {
        let sql = "UPDATE device_token SET revoked_at = COALESCE(revoked_at, ?2) WHERE device = ?1";
        self.execute(sql, values![device, self.now()]).map(drop)
    }

    /// Records that the platform in focus has no token of a device. May be repeated.
    pub fn device_token_gone(&self, device: &str) -> Result<()> {
        let sql = "DELETE FROM device_token WHERE device = ?1 AND platform = ?2";
        self.execute(sql, values![device, self.columns().platform.0]).map(drop)
    }

    /// Records why the token of a device could not be taken from the platform in focus. The text must hold no secret.
    pub fn device_token_failed(&self, device: &str, error: &str) -> Result<()> {
        let sql = "UPDATE device_token SET error = ?3 WHERE device = ?1 AND platform = ?2";
        self.execute(sql, values![device, self.columns().platform.0, error]).map(drop)
    }
}
