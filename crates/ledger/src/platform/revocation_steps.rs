//! The steps of revocations at platforms: those of the first platform are in `open_step`, those of others in
//! `platform_step`.

use base::Result;

use crate::key::{Generation, Key, Kind};
use crate::lifecycle::revocation::{OpenRevocation, OpenStep};
use crate::platform::PlatformId;
use crate::platform::url::PlatformUrl;
use crate::transaction::Transaction;
use crate::value::{SqlRow, SqlValue, one_of, values};
use crate::view::View;

impl View {
    /// The steps of revocations that are not done, of the identities that meet a condition, by identity and step.
    pub(crate) fn open_revocations_where(
        &self,
        condition: &str,
        values: &[SqlValue<'_>],
    ) -> Result<Vec<OpenRevocation>> {
        let focus = self.columns().platform;
        let first = |key, step, error| OpenRevocation {
            key,
            step,
            error,
            platform: PlatformId::FIRST,
            url: None,
            is_elsewhere: step == OpenStep::Platform && focus != PlatformId::FIRST,
        };
        let mut open = self.open_steps_of(condition, values, first)?;
        if !self.has_further_platforms() {
            return Ok(open);
        }
        let known = self.platforms()?;
        let url = |platform: PlatformId| -> Option<PlatformUrl> {
            known.iter().find(|known| known.id == platform).map(|known| known.url.clone())
        };
        for one in open.iter_mut().filter(|one| one.step == OpenStep::Platform) {
            one.url = url(PlatformId::FIRST);
        }
        let sql = format!(
            "SELECT kind, name, generation, platform_step.platform, error FROM platform_step \
             JOIN identity ON identity.id = platform_step.identity WHERE {condition}"
        );
        let read = |row: &SqlRow| -> Result<OpenRevocation> {
            let kind = one_of(&Kind::ALL, Kind::as_str, &row.get::<String>(0)?)?;
            let platform = PlatformId(row.get(3)?);
            Ok(OpenRevocation {
                key: Key { kind, name: row.get(1)?, generation: Generation(row.get(2)?) },
                step: OpenStep::Platform,
                error: row.get(4)?,
                platform,
                url: url(platform),
                is_elsewhere: platform != focus,
            })
        };
        for row in self.query(&sql, values)? {
            open.push(read(&row).map_err(|error| error.at(self.path()))?);
        }
        open.sort_by(|a, b| (&a.key, a.step.as_str(), a.platform).cmp(&(&b.key, b.step.as_str(), b.platform)));
        Ok(open)
    }

    /// The identities with open steps of revocations, each as often as it has open steps: the source of a statement.
    pub(crate) fn identities_with_open_steps(&self) -> &'static str {
        match self.has_further_platforms() {
            true => "(SELECT identity FROM open_step UNION ALL SELECT identity FROM platform_step) AS open_step",
            false => "open_step",
        }
    }

    /// The platforms at which the identity in a row is registered.
    fn platforms_of_row(&self, row: i64) -> Result<Vec<PlatformId>> {
        let sql = "SELECT CAST(0 AS BIGINT) FROM identity WHERE id = ?1 AND registered_at IS NOT NULL UNION ALL \
            SELECT platform FROM registration WHERE identity = ?1 AND registered_at IS NOT NULL ORDER BY 1";
        self.query(sql, values![row])?.iter().map(|row| Ok(PlatformId(row.get(0)?))).collect()
    }

    /// The platforms at which an identity is registered.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`](base::Code::UnknownIdentity) if there is no such row.
    pub fn platforms_of(&self, key: &Key) -> Result<Vec<PlatformId>> {
        let (row, _) = self.locate(key)?;
        self.platforms_of_row(row)
    }
}

impl Transaction<'_> {
    /// Records the step platform of a revocation as open at each platform at which the identity in a row is registered; at
    /// the one in focus if it is registered nowhere, because it may be there.
    pub(crate) fn open_at_platforms(&self, key: &Key, row: i64) -> Result<()> {
        if !self.has_further_platforms() {
            return self.open_step(key, OpenStep::Platform);
        }
        let platforms = self.platforms_of_row(row)?;
        match key.kind {
            // The files of servers, which a revoked CA must leave, are at no platform.
            Kind::Ca if platforms.is_empty() => return self.open_step_at(key, PlatformId::FIRST),
            _ if platforms.is_empty() => return self.open_step(key, OpenStep::Platform),
            _ => {}
        }
        platforms.iter().try_for_each(|platform| self.open_step_at(key, *platform))
    }

    /// Records the step [`OpenStep::Platform`] as open at a platform. May be repeated.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`](base::Code::UnknownIdentity) if there is no such row, here and below.
    pub fn open_step_at(&self, key: &Key, platform: PlatformId) -> Result<()> {
        if platform == PlatformId::FIRST {
            return self.step_begins(key, OpenStep::Platform);
        }
        let (row, _) = self.locate(key)?;
        let sql = "INSERT INTO platform_step (identity, platform) VALUES (?1, ?2) \
            ON CONFLICT (identity, platform) DO NOTHING";
        self.execute(sql, values![row, platform.0]).map(drop)
    }

    /// Records that the step [`OpenStep::Platform`] is done at a platform. May be repeated.
    pub fn step_done_at(&self, key: &Key, platform: PlatformId) -> Result<()> {
        if platform == PlatformId::FIRST {
            return self.step_ends(key, OpenStep::Platform);
        }
        let (row, _) = self.locate(key)?;
        let sql = "DELETE FROM platform_step WHERE identity = ?1 AND platform = ?2";
        self.execute(sql, values![row, platform.0]).map(drop)
    }

    /// Records why the step [`OpenStep::Platform`] failed at a platform. It stays open. The text must hold no secret.
    pub fn step_failed_at(&self, key: &Key, platform: PlatformId, error: &str) -> Result<()> {
        if platform == PlatformId::FIRST {
            return self.step_fails(key, OpenStep::Platform, error);
        }
        let (row, _) = self.locate(key)?;
        let sql = "UPDATE platform_step SET error = ?3 WHERE identity = ?1 AND platform = ?2";
        self.execute(sql, values![row, platform.0, error]).map(drop)
    }
}
