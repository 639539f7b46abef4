//! The registrations of a name at all platforms.

use std::collections::BTreeMap;

use base::Result;
use time::OffsetDateTime;

use crate::job::JobId;
use crate::key::{Generation, Key, Kind};
use crate::platform::columns::PlatformColumns;
use crate::platform::url::PlatformUrl;
use crate::platform::{KnownPlatform, PlatformId};
use crate::value::{SqlRow, at, values};
use crate::view::View;

/// A registration of a name: the platform has the certificate of this generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The platform.
    pub platform: KnownPlatform,
    /// The latest generation that is registered there.
    pub generation: Generation,
    /// The time of the registration.
    pub at: OffsetDateTime,
}

/// A platform that has the certificate of an earlier generation than the current one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutdatedRegistration {
    /// The address of the platform.
    pub url: PlatformUrl,
    /// The generation that it has.
    pub generation: Generation,
}

/// A device whose present certificate is in use, and that a platform has with an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutdatedDevice {
    /// The name of the device.
    pub name: String,
    /// The platform, and the generation that it has.
    pub registration: OutdatedRegistration,
}

/// How many devices of a job a platform has with the certificates of earlier generations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutdatedCount {
    /// The address of the platform.
    pub url: PlatformUrl,
    /// The number of devices.
    pub devices: u64,
}

/// A generation at a platform.
struct RegistrationRow {
    platform: PlatformId,
    generation: Generation,
    registered_at: Option<i64>,
    is_unregistered: bool,
    credentials_id: Option<String>,
}

impl View {
    /// The platforms at which a name is registered, each with its latest registration, the first platform first. Empty for a
    /// ledger without a row of a platform.
    ///
    /// # Errors
    /// Those of the database, here and below.
    pub fn registrations_of(&self, kind: Kind, name: &str) -> Result<Vec<Registration>> {
        let known = self.platforms()?;
        let mut latest: BTreeMap<PlatformId, Registration> = BTreeMap::new();
        for row in self.registration_rows(kind, name)? {
            if row.is_unregistered {
                // A later generation was taken from there: the platform has none.
                latest.remove(&row.platform);
            }
            let platform = known.iter().find(|known| known.id == row.platform);
            if let (Some(platform), Some(time)) = (platform, row.registered_at) {
                let registration =
                    Registration { platform: platform.clone(), generation: row.generation, at: at(time)? };
                latest.insert(row.platform, registration);
            }
        }
        Ok(latest.into_values().collect())
    }

    /// The platforms that have an earlier generation of a name than the current one, which is registered at another
    /// platform, or was fetched over the network and is used. Empty for a ledger with one platform.
    pub fn outdated_registrations(&self, kind: Kind, name: &str) -> Result<Vec<OutdatedRegistration>> {
        if !self.has_further_platforms() {
            return Ok(Vec::new());
        }
        let Some(current) = self.current(kind, name)? else { return Ok(Vec::new()) };
        let registrations = self.registrations_of(kind, name)?;
        let is_registered = registrations.iter().any(|one| one.generation == current.generation());
        if !is_registered && !self.is_used_by_holder(&current.key)? {
            return Ok(Vec::new());
        }
        let outdated = registrations.into_iter().filter(|one| one.generation < current.generation());
        Ok(outdated.map(|one| OutdatedRegistration { url: one.platform.url, generation: one.generation }).collect())
    }

    /// The devices of [`Self::outdated_registrations`]: at most `limit` of each platform, by name. Empty for a ledger with one
    /// platform.
    pub fn outdated_devices(&self, limit: u32) -> Result<Vec<OutdatedDevice>> {
        let mut devices = Vec::new();
        for (known, condition) in self.outdated_by_platform()? {
            let generation = format!(
                "SELECT max(earlier.generation) FROM identity AS earlier WHERE earlier.kind = identity.kind \
                 AND earlier.name = identity.name AND earlier.generation < identity.generation AND {} IS NOT NULL",
                PlatformColumns { platform: known.id, others: true }.registered_at("earlier")
            );
            let sql = format!("SELECT name, ({generation}) FROM identity WHERE {condition} ORDER BY name LIMIT ?1");
            for row in self.query(&sql, values![limit])? {
                let registration = OutdatedRegistration { url: known.url.clone(), generation: Generation(row.get(1)?) };
                devices.push(OutdatedDevice { name: row.get(0)?, registration });
            }
        }
        Ok(devices)
    }

    /// The number of [`Self::outdated_devices`]; a device counts once for each platform.
    pub fn count_outdated_devices(&self) -> Result<u64> {
        let mut count: u64 = 0;
        for (_, condition) in self.outdated_by_platform()? {
            let row = self.one(&format!("SELECT count(*) FROM identity WHERE {condition}"), &[])?;
            count += row.map_or(Ok(0), |row| row.get::<u64>(0))?;
        }
        Ok(count)
    }

    /// Each platform, with the condition over identity for a device in use of which it has an earlier generation. A revoked one
    /// is no part of this: its step is open.
    fn outdated_by_platform(&self) -> Result<Vec<(KnownPlatform, String)>> {
        if !self.has_further_platforms() {
            return Ok(Vec::new());
        }
        let condition = |known: &KnownPlatform| {
            let there = PlatformColumns { platform: known.id, others: true };
            format!(
                "kind = 'device' AND role = 'current' AND generation > 1 AND {} IS NULL AND {} IS NULL \
                 AND (identity.registered_at IS NOT NULL OR EXISTS (SELECT 1 FROM registration AS here \
                 WHERE here.identity = identity.id AND here.registered_at IS NOT NULL) OR EXISTS (SELECT 1 FROM enrolled \
                 WHERE enrolled.identity = identity.id AND used_at IS NOT NULL)) \
                 AND EXISTS (SELECT 1 FROM identity AS earlier WHERE earlier.kind = identity.kind \
                 AND earlier.name = identity.name AND earlier.generation < identity.generation \
                 AND earlier.role NOT IN ('void', 'revoked') AND {} IS NOT NULL)",
                there.registered_at("identity"),
                there.unregistered_at("identity"),
                there.registered_at("earlier"),
            )
        };
        Ok(self.platforms()?.into_iter().map(|known| (known.clone(), condition(&known))).collect())
    }

    /// Whether a generation was fetched over the network and used by its holder: then it is proven.
    fn is_used_by_holder(&self, key: &Key) -> Result<bool> {
        Ok(self.enrolled(key)?.is_some_and(|sent| sent.used_at.is_some()))
    }

    /// The credentials ids of earlier generations that the platform in focus may have, if the current generation has taken
    /// their place at another platform, or its holder uses it: it may take it here as well. Empty for a ledger with one
    /// platform.
    pub fn replaceable_here(&self, key: &Key) -> Result<Vec<String>> {
        if !self.has_further_platforms() || key.generation.number() == 1 {
            return Ok(Vec::new());
        }
        let focus = self.columns().platform;
        let rows = self.registration_rows(key.kind, &key.name)?;
        let is_elsewhere = |row: &RegistrationRow| {
            row.generation == key.generation && row.platform != focus && row.registered_at.is_some()
        };
        if !rows.iter().any(is_elsewhere) && !self.is_used_by_holder(key)? {
            return Ok(Vec::new());
        }
        let earlier = rows.into_iter().filter(|row| {
            row.platform == focus
                && row.generation < key.generation
                && row.registered_at.is_some()
                && !row.is_unregistered
        });
        Ok(earlier.filter_map(|row| row.credentials_id).collect())
    }

    /// The platforms that have earlier generations of devices whose current one a job has issued and is registered at the
    /// platform in focus. Empty for a ledger with one platform.
    pub fn outdated_of_job(&self, job: JobId) -> Result<Vec<OutdatedCount>> {
        let mut counts = Vec::new();
        if !self.has_further_platforms() {
            return Ok(counts);
        }
        let columns = self.columns();
        for known in self.platforms()?.into_iter().filter(|known| known.id != columns.platform) {
            let there = PlatformColumns { platform: known.id, others: true };
            let sql = format!(
                "SELECT count(*) FROM identity WHERE job = ?1 AND role = 'current' AND {} IS NOT NULL AND {} IS NULL \
                 AND {} IS NULL AND EXISTS (SELECT 1 FROM identity AS earlier WHERE earlier.kind = identity.kind \
                 AND earlier.name = identity.name AND earlier.generation < identity.generation AND {} IS NOT NULL)",
                columns.registered_at("identity"),
                there.registered_at("identity"),
                there.unregistered_at("identity"),
                there.registered_at("earlier"),
            );
            let devices = self.one(&sql, values![job.0])?.map_or(Ok(0), |row| row.get(0))?;
            if devices > 0 {
                counts.push(OutdatedCount { url: known.url, devices });
            }
        }
        Ok(counts)
    }

    /// The generations of a name at all platforms, the first generation first.
    fn registration_rows(&self, kind: Kind, name: &str) -> Result<Vec<RegistrationRow>> {
        let sql = "SELECT CAST(0 AS BIGINT), generation, registered_at, unregistered_at, credentials_id FROM identity \
            WHERE kind = ?1 AND name = ?2 AND role <> 'void' UNION ALL \
            SELECT there.platform, generation, there.registered_at, there.unregistered_at, credentials_id FROM identity \
            JOIN registration AS there ON there.identity = identity.id WHERE kind = ?1 AND name = ?2 AND role <> 'void' \
            ORDER BY 2, 1";
        let read = |row: &SqlRow| -> Result<RegistrationRow> {
            Ok(RegistrationRow {
                platform: PlatformId(row.get(0)?),
                generation: Generation(row.get(1)?),
                registered_at: row.get(2)?,
                is_unregistered: row.get::<Option<i64>>(3)?.is_some(),
                credentials_id: row.get(4)?,
            })
        };
        let rows = self.query(sql, values![kind.as_str(), name])?;
        rows.iter().map(|row| read(row).map_err(|error| error.at(self.path()))).collect()
    }
}
