//! Names that were taken from the platform: no bulk operation brings them back, and no renewal.

use base::Result;

use crate::key::Key;
use crate::lifecycle::role::TAKES_NAME;
use crate::transaction::Transaction;
use crate::value::values;

impl Transaction<'_> {
    /// Records that the credential is about to be taken from the platform: from now on bulk operations skip the identity,
    /// also if that is interrupted, and a renewal of it that is under way. May be repeated.
    pub fn unregistering(&self, key: &Key) -> Result<()> {
        let (row, _) = self.view.locate(key)?;
        if let Some(platform) = self.further_platform()? {
            self.unregistering_further(row, platform)?;
        } else {
            let sql = "UPDATE identity SET unregistered_at = COALESCE(unregistered_at, ?2) WHERE id = ?1";
            self.execute(sql, values![row, self.now()])?;
        }
        self.mark_unregistered(key, Some(self.now()))
    }

    /// Takes [`unregistering`](Self::unregistering) back, because the platform was not changed.
    pub fn not_unregistered(&self, key: &Key) -> Result<()> {
        let (row, _) = self.view.locate(key)?;
        if let Some(platform) = self.further_platform()? {
            self.not_unregistered_further(row, platform)?;
        } else {
            self.execute("UPDATE identity SET unregistered_at = NULL WHERE id = ?1", values![row])?;
        }
        self.mark_unregistered(key, None)
    }

    /// Ends the steps by which the platform in focus gets another certificate of a name: the name was taken from there.
    ///
    /// # Errors
    /// Those of the database.
    pub fn end_swaps(&self, key: &Key) -> Result<()> {
        let sql = "DELETE FROM renewal_step WHERE step IN ('swap', 'back') AND COALESCE(platform, 0) = ?3 \
            AND identity IN (SELECT id FROM identity WHERE kind = ?1 AND name = ?2)";
        self.execute(sql, values![key.kind.as_str(), &key.name, self.columns().platform.0]).map(drop)
    }

    /// Keeps a renewal away from each platform from which the generation that it renews was taken. May be repeated.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`](base::Code::UnknownIdentity) when there is no such row.
    pub fn stay_unregistered(&self, key: &Key) -> Result<()> {
        let (row, _) = self.view.locate(key)?;
        self.execute(
            "UPDATE identity SET unregistered_at = COALESCE(unregistered_at, (SELECT max(present.unregistered_at) \
             FROM identity AS present WHERE present.kind = ?2 AND present.name = ?3 \
             AND present.role IN ('current', 'pending'))) WHERE id = ?1",
            values![row, key.kind.as_str(), &key.name],
        )?;
        self.stay_away_further(key, row)
    }

    /// Sets or removes the mark of a name that was taken from the platform, in all rows that take the name: a renewal
    /// must not bring back what was taken away.
    pub(super) fn mark_unregistered(&self, key: &Key, at: Option<i64>) -> Result<()> {
        if let Some(platform) = self.further_platform()? {
            return self.mark_further(key, platform, at);
        }
        let values = values![key.kind.as_str(), &key.name, at];
        let changes = if at.is_some() { "unregistered_at IS NULL" } else { "unregistered_at IS NOT NULL" };
        let sql = format!(
            "UPDATE identity SET unregistered_at = CAST(?3 AS BIGINT) WHERE kind = ?1 AND name = ?2 AND {TAKES_NAME} \
             AND {changes}"
        );
        self.execute(&sql, values).map(drop)
    }

    /// Records that the credential was taken from the platform: the identity returns to the state issued, or bundled
    /// if it is in an image, and bulk operations skip it until it is registered again. May be repeated.
    pub fn unregistered(&self, key: &Key) -> Result<()> {
        let (row, _) = self.view.locate(key)?;
        if let Some(platform) = self.further_platform()? {
            return self.unregistered_further(key, row, platform);
        }
        self.execute(
            // `bundled_at` is kept: the image in the flash exists whether or not the platform knows the device.
            "UPDATE identity SET state = CASE state WHEN 'registered' THEN \
             CASE WHEN bundled_at IS NULL THEN 'issued' ELSE 'bundled' END ELSE state END, \
             registered_at = NULL, unregistered_at = ?2, last_error = NULL WHERE id = ?1",
            values![row, self.now()],
        )?;
        Ok(())
    }
}
