//! Registrations at platforms that are not the first: rows, where the first one has columns.

use base::Result;

use crate::key::Key;
use crate::lifecycle::role::TAKES_NAME;
use crate::platform::PlatformId;
use crate::transaction::Transaction;
use crate::value::values;

impl Transaction<'_> {
    /// The platform in focus if it is not the first one. From now on the ledger has a row of the platform.
    pub(super) fn further_platform(&self) -> Result<Option<PlatformId>> {
        let platform = self.platform()?;
        Ok((platform != PlatformId::FIRST).then_some(platform))
    }

    /// Records the identity in a row as registered at the platform in focus, unless that is the first one. Returns whether it
    /// was recorded.
    pub(super) fn registered_further(&self, row: i64) -> Result<bool> {
        let Some(platform) = self.further_platform()? else { return Ok(false) };
        self.execute(
            "INSERT INTO registration (identity, platform, registered_at) VALUES (?1, ?2, ?3) \
             ON CONFLICT (identity, platform) DO UPDATE SET registered_at = excluded.registered_at, \
             unregistered_at = NULL",
            values![row, platform.0, self.now()],
        )?;
        self.execute("UPDATE identity SET last_error = NULL WHERE id = ?1", values![row])?;
        Ok(true)
    }

    /// Whether the identity in a row is registered at a platform that is not the first one.
    pub(super) fn is_registered_further(&self, row: i64) -> Result<bool> {
        let sql = "SELECT 1 FROM registration WHERE identity = ?1 AND registered_at IS NOT NULL";
        Ok(self.one(sql, values![row])?.is_some())
    }

    /// Records the name as taken from a further platform: no generation of it is registered there.
    pub(super) fn unregistered_further(&self, key: &Key, row: i64, platform: PlatformId) -> Result<()> {
        self.execute(
            "UPDATE registration SET registered_at = NULL, unregistered_at = COALESCE(unregistered_at, ?4) \
             WHERE platform = ?3 AND registered_at IS NOT NULL AND identity IN \
             (SELECT id FROM identity WHERE kind = ?1 AND name = ?2)",
            values![key.kind.as_str(), &key.name, platform.0, self.now()],
        )?;
        self.execute(
            "INSERT INTO registration (identity, platform, unregistered_at) VALUES (?1, ?2, ?3) \
             ON CONFLICT (identity, platform) DO UPDATE SET unregistered_at = excluded.unregistered_at",
            values![row, platform.0, self.now()],
        )?;
        self.execute("UPDATE identity SET last_error = NULL WHERE id = ?1", values![row]).map(drop)
    }

    /// Marks one generation as taken from a further platform, unless it is marked.
    pub(super) fn unregistering_further(&self, row: i64, platform: PlatformId) -> Result<()> {
        self.execute(
            "INSERT INTO registration (identity, platform, unregistered_at) VALUES (?1, ?2, ?3) \
             ON CONFLICT (identity, platform) DO UPDATE SET unregistered_at = \
             COALESCE(registration.unregistered_at, excluded.unregistered_at)",
            values![row, platform.0, self.now()],
        )
        .map(drop)
    }

    /// Removes the mark of one generation.
    pub(super) fn not_unregistered_further(&self, row: i64, platform: PlatformId) -> Result<()> {
        let sql = "UPDATE registration SET unregistered_at = NULL WHERE identity = ?1 AND platform = ?2";
        self.execute(sql, values![row, platform.0]).map(drop)
    }

    /// Sets or removes the mark in all rows that take the name.
    pub(super) fn mark_further(&self, key: &Key, platform: PlatformId, at: Option<i64>) -> Result<()> {
        let of_name = format!("SELECT id FROM identity WHERE kind = ?1 AND name = ?2 AND {TAKES_NAME}");
        let Some(at) = at else {
            let sql = format!(
                "UPDATE registration SET unregistered_at = NULL WHERE platform = ?3 AND unregistered_at IS NOT NULL \
                 AND identity IN ({of_name})"
            );
            return self.execute(&sql, values![key.kind.as_str(), &key.name, platform.0]).map(drop);
        };
        let sql = format!(
            "INSERT INTO registration (identity, platform, unregistered_at) \
             SELECT id, CAST(?3 AS BIGINT), CAST(?4 AS BIGINT) FROM identity WHERE kind = ?1 AND name = ?2 AND {TAKES_NAME} \
             ON CONFLICT (identity, platform) DO UPDATE SET unregistered_at = \
             COALESCE(registration.unregistered_at, excluded.unregistered_at)"
        );
        self.execute(&sql, values![key.kind.as_str(), &key.name, platform.0, at]).map(drop)
    }

    /// Keeps a new generation away from the further platforms from which the generation in use was taken. May be repeated.
    pub(super) fn stay_away_further(&self, key: &Key, row: i64) -> Result<()> {
        self.execute(
            "INSERT INTO registration (identity, platform, unregistered_at) \
             SELECT CAST(?1 AS BIGINT), there.platform, max(there.unregistered_at) FROM registration AS there \
             JOIN identity AS present ON present.id = there.identity WHERE present.kind = ?2 AND present.name = ?3 \
             AND present.role IN ('current', 'pending') AND present.id <> CAST(?1 AS BIGINT) \
             AND there.unregistered_at IS NOT NULL GROUP BY there.platform \
             ON CONFLICT (identity, platform) DO UPDATE SET unregistered_at = \
             COALESCE(registration.unregistered_at, excluded.unregistered_at)",
            values![row, key.kind.as_str(), &key.name],
        )
        .map(drop)
    }
}
