//! The devices of a shard, as far as a renewal has to know them.

use base::Result;
use time::OffsetDateTime;

use crate::job::jobs::staged_name;
use crate::job::{JobId, StagedName};
use crate::key::Generation;
use crate::lifecycle::role::Role;
use crate::value::{SqlRow, at, one_of, values};
use crate::view::View;

/// A name of a shard, and the generations that it has now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewalCandidate {
    /// The name, with the values of its line.
    pub name: StagedName,
    /// The generation that [`View::latest`] returns; `None` if the name has none.
    pub latest: Option<LatestGeneration>,
    /// The renewal that waits for its use, as [`View::pending`] returns it; `None` if there is none.
    pub pending: Option<LatestGeneration>,
}

/// The columns of an [`Entry`](crate::Entry) that decide whether a device is renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatestGeneration {
    /// The number of this generation, from 1 on.
    pub generation: Generation,
    /// The role among the generations of its name.
    pub role: Role,
    /// The beginning of its validity.
    pub not_before: OffsetDateTime,
    /// The end of its validity.
    pub not_after: OffsetDateTime,
    /// The job that issued it; `None` if it was issued by itself.
    pub job: Option<JobId>,
    /// True if it was revoked.
    pub is_revoked: bool,
    /// True if it was taken from the platform.
    pub is_unregistered: bool,
    /// True if another generation of its CA signs now than the one that issued it.
    pub is_of_earlier_ca: bool,
    /// The name of the CA that issued it.
    pub issuer: String,
    /// True if the generation of its CA that issued it is revoked.
    pub is_of_revoked_ca: bool,
}

impl LatestGeneration {
    /// True if bulk operations take it, as [`Entry::is_for_bulk`](crate::Entry::is_for_bulk) does.
    pub fn is_for_bulk(&self) -> bool {
        self.role == Role::Current && !self.is_unregistered
    }

    /// Whether [`View::latest`] prefers this one to `other`.
    fn comes_before(&self, other: &Self) -> bool {
        let rank = |generation: &Self| (generation.role == Role::Current, generation.generation);
        rank(self) > rank(other)
    }
}

impl View {
    /// The names of a shard in their order, each with what a renewal has to know of its device.
    ///
    /// # Errors
    /// Those of the database.
    // One statement for all of them: two for each device cost more than the signatures of a small key.
    pub fn renewal_candidates(&self, job: JobId, shard: u32) -> Result<Vec<RenewalCandidate>> {
        let Some(job) = self.job(job)? else { return Ok(Vec::new()) };
        let (first, count) = job.range(shard);
        let sql = format!(
            "SELECT line, staged.name, label, staged.profile, sans, attributes, generation, role, not_before, not_after, \
             identity.job, revoked_at, {}, staged.number, CASE WHEN EXISTS (SELECT 1 FROM identity AS ca \
             WHERE ca.kind = 'ca' AND ca.name = identity.issuer AND ca.role = 'current' \
             AND ca.generation <> identity.issuer_generation) THEN 1 ELSE 0 END, identity.issuer, \
             CASE WHEN EXISTS (SELECT 1 FROM identity AS ca WHERE ca.kind = 'ca' AND ca.name = identity.issuer \
             AND ca.role = 'revoked' AND ca.generation = coalesce(identity.issuer_generation, ca.generation)) \
             THEN 1 ELSE 0 END FROM staged LEFT JOIN identity \
             ON identity.kind = 'device' AND identity.name = staged.name AND identity.role <> 'void' \
             WHERE staged.job = ?1 AND staged.number >= ?2 AND staged.number < ?3 ORDER BY staged.number",
            self.columns().unregistered_at("")
        );
        let rows = self.query(&sql, values![job.id.0, first, first + u64::from(count)])?;
        let mut found: Vec<RenewalCandidate> = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
        let mut last = None;
        for row in &rows {
            let place = |error: base::Error| error.at(self.path());
            let number: u64 = row.get(13).map_err(place)?;
            // Each generation of a name has a row, and its name is read from the first of them.
            if last.replace(number) != Some(number) {
                let name = staged_name(row).map_err(place)?;
                found.push(RenewalCandidate { name, latest: None, pending: None });
            }
            if let (Some(candidate), Some(generation)) = (found.last_mut(), generation(row).map_err(place)?) {
                if generation.role == Role::Pending {
                    candidate.pending = Some(generation.clone());
                }
                if candidate.latest.as_ref().is_none_or(|latest| generation.comes_before(latest)) {
                    candidate.latest = Some(generation);
                }
            }
        }
        Ok(found)
    }
}

/// The generation of a row; `None` if its name has none.
fn generation(row: &SqlRow) -> Result<Option<LatestGeneration>> {
    let Some(generation) = row.get::<Option<u32>>(6)? else { return Ok(None) };
    let role: String = row.get(7)?;
    Ok(Some(LatestGeneration {
        generation: Generation(generation),
        role: one_of(&Role::ALL, Role::as_str, &role)?,
        not_before: at(row.get(8)?)?,
        not_after: at(row.get(9)?)?,
        job: row.get::<Option<i64>>(10)?.map(JobId),
        is_revoked: row.get::<Option<i64>>(11)?.is_some(),
        is_unregistered: row.get::<Option<i64>>(12)?.is_some(),
        is_of_earlier_ca: row.get::<i64>(14)? == 1,
        issuer: row.get(15)?,
        is_of_revoked_ca: row.get::<i64>(16)? == 1,
    }))
}
