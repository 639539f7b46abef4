//! Who is known to have the next generation of a CA: devices that trust it, and brokers that accept what it signs.

use base::Result;
use time::OffsetDateTime;

use crate::job::JobId;
use crate::key::{Key, Kind};
use crate::ledger::Ledger;
use crate::transaction::Transaction;
use crate::value::values;
use crate::view::View;

/// How it became known that a device or broker has a generation of a CA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// An operator stated it.
    Stated,
    /// tbpki saw it on the network.
    Seen,
    /// Unknown: an operator went on without it.
    LeftBehind,
}

impl Confirmation {
    /// The word that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stated => "stated",
            Self::Seen => "seen",
            Self::LeftBehind => "left-behind",
        }
    }
}

/// Those that are not confirmed to have a generation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unconfirmed {
    /// All that count: current, and not expired.
    pub total: u64,
    /// The names of those without a confirmation, sorted.
    pub names: Vec<String>,
}

/// The current identities of the kind ?3 that end after ?4.
const COUNTED: &str = "kind = ?3 AND role = 'current' AND not_after > ?4";

impl View {
    /// The current identities of a kind that are not known to have this generation of a CA. Revoked and retired ones and
    /// those that expired before `now` do not count.
    ///
    /// # Errors
    /// Those of the database, here and below.
    pub fn unconfirmed(&self, ca: &Key, kind: Kind, now: OffsetDateTime) -> Result<Unconfirmed> {
        // With parameters of its own numbers: a statement must mention each parameter that it gets.
        let counted = self.one(
            "SELECT count(*) FROM identity WHERE kind = ?1 AND role = 'current' AND not_after > ?2",
            values![kind.as_str(), now.unix_timestamp()],
        )?;
        let sql = format!(
            "SELECT name FROM identity WHERE {COUNTED} AND NOT EXISTS (SELECT 1 FROM ca_confirmation AS known WHERE \
             known.ca = ?1 AND known.generation = ?2 AND known.kind = identity.kind AND known.name = identity.name) \
             ORDER BY name"
        );
        let values = values![&ca.name, ca.generation.number(), kind.as_str(), now.unix_timestamp()];
        let names = self.query(&sql, values)?.iter().map(|row| row.get(0)).collect::<Result<_>>()?;
        Ok(Unconfirmed { total: counted.map_or(Ok(0), |row| row.get(0))?, names })
    }

    /// As [`View::unconfirmed`], without the names: all that count, and how many of them have no confirmation.
    pub fn count_unconfirmed(&self, ca: &Key, kind: Kind, now: OffsetDateTime) -> Result<(u64, u64)> {
        let row = self.one(
            "SELECT count(*), count(*) - count(CASE WHEN EXISTS (SELECT 1 FROM ca_confirmation AS known WHERE \
             known.ca = ?1 AND known.generation = ?2 AND known.kind = identity.kind AND known.name = identity.name) \
             THEN 1 END) FROM identity WHERE kind = ?3 AND role = 'current' AND not_after > ?4",
            values![&ca.name, ca.generation.number(), kind.as_str(), now.unix_timestamp()],
        )?;
        row.map_or(Ok((0, 0)), |row| Ok((row.get(0)?, row.get(1)?)))
    }
}

impl Ledger {
    /// Records that these have a generation of a CA. `who` is the user who stated it. A later record replaces an earlier
    /// one.
    pub fn confirm<'a>(
        &mut self,
        ca: &Key,
        kind: Kind,
        names: impl IntoIterator<Item = &'a str>,
        how: Confirmation,
        who: &str,
    ) -> Result<()> {
        self.transaction(|transaction| {
            names.into_iter().try_for_each(|name| transaction.confirm(ca, kind, name, how, who))
        })
    }

    /// Records the same of all current identities of a kind, or of those that a job has issued. Returns their number.
    pub fn confirm_all(
        &mut self,
        ca: &Key,
        kind: Kind,
        job: Option<JobId>,
        how: Confirmation,
        who: &str,
    ) -> Result<u64> {
        self.transaction(|transaction| {
            // Both conditions use ?7: a parameter that the statement does not mention is an error.
            let condition = if job.is_some() { "job = ?7" } else { "CAST(?7 AS BIGINT) IS NULL" };
            let sql = format!(
                "INSERT INTO ca_confirmation (ca, generation, kind, name, how, who, at) \
                 SELECT ?1, CAST(?2 AS BIGINT), kind, name, ?4, ?5, CAST(?6 AS BIGINT) FROM identity \
                 WHERE kind = ?3 AND role = 'current' AND {condition} \
                 ON CONFLICT (ca, generation, kind, name) DO UPDATE SET how = excluded.how, who = excluded.who, \
                 at = excluded.at"
            );
            let job = job.map(|job| job.0);
            let (number, now) = (ca.generation.number(), transaction.now());
            transaction.execute(&sql, values![&ca.name, number, kind.as_str(), how.as_str(), who, now, job])
        })
    }
}

impl Transaction<'_> {
    fn confirm(&self, ca: &Key, kind: Kind, name: &str, how: Confirmation, who: &str) -> Result<()> {
        self.execute(
            "INSERT INTO ca_confirmation (ca, generation, kind, name, how, who, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
             ON CONFLICT (ca, generation, kind, name) DO UPDATE SET how = excluded.how, who = excluded.who, \
             at = excluded.at",
            values![&ca.name, ca.generation.number(), kind.as_str(), name, how.as_str(), who, self.now()],
        )?;
        Ok(())
    }
}
