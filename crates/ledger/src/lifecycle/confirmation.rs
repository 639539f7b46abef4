//! Who is known to have the next generation of a CA: devices that trust it, and brokers that accept what it signs.

use base::Result;
use time::OffsetDateTime;

use crate::job::JobId;
use crate::key::{Key, Kind};
use crate::ledger::Ledger;
use crate::lifecycle::enrolment::is_password_open;
use crate::transaction::Transaction;
use crate::value::{SqlValue, values};
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

/// Which peers of a CA count.
///
/// Servers count with a certificate. Devices count with a certificate, with an access token, and with a one-time password
/// that is not spent: the images of such a device are on their way, with the trust anchors of the day they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerScope {
    /// Servers or devices.
    pub kind: Kind,
    /// A certificate counts if it ends after this time.
    pub since: OffsetDateTime,
    /// The present time: a one-time password that has expired does not count.
    pub now: OffsetDateTime,
}

impl PeerScope {
    /// A query for the names of all that count, each once. It uses the parameters ?1 to ?3 of [`Self::values`].
    // A name with a current certificate is found by one index. Only the others, which are few, are sorted.
    fn names(self) -> String {
        let others = match self.kind {
            Kind::Device => format!(
                " UNION SELECT device FROM device_token WHERE revoked_at IS NULL \
                 UNION SELECT device FROM enrolment_password WHERE {}",
                is_password_open("?3")
            ),
            // A statement must mention each parameter that it gets.
            Kind::Server | Kind::Ca => " AND CAST(?3 AS BIGINT) IS NOT NULL".to_owned(),
        };
        format!(
            "SELECT name FROM identity WHERE kind = ?1 AND role = 'current' AND not_after > ?2 UNION ALL SELECT name FROM \
             (SELECT name FROM identity WHERE kind = ?1 AND role = 'pending' AND not_after > ?2{others}) AS further \
             WHERE NOT EXISTS (SELECT 1 FROM identity AS held WHERE held.kind = ?1 AND held.name = further.name \
             AND held.role = 'current' AND held.not_after > ?2)"
        )
    }

    /// The parameters ?1 to ?3.
    fn values<'a>(self) -> [SqlValue<'a>; 3] {
        [self.kind.as_str().into(), self.since.unix_timestamp().into(), self.now.unix_timestamp().into()]
    }

    /// The parameters ?1 to ?3, and the generation of a CA as ?4 and ?5.
    fn values_with(self, ca: &Key) -> Vec<SqlValue<'_>> {
        let generation = [ca.name.as_str().into(), ca.generation.number().into()];
        self.values().into_iter().chain(generation).collect()
    }
}

/// The condition, over `peer`, that a peer is known to have the generation. One that was left behind is not.
const IS_KNOWN: &str = "EXISTS (SELECT 1 FROM ca_confirmation AS known WHERE known.ca = ?4 AND known.generation = ?5 \
    AND known.kind = ?1 AND known.name = peer.name AND known.how <> 'left-behind')";

/// The condition, over `peer`, that a job has issued its present certificate. `job` is a parameter such as `?4`.
fn is_of_job(job: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM identity AS held WHERE held.kind = ?1 AND held.name = peer.name \
         AND held.role = 'current' AND held.job = {job})"
    )
}

/// Those that are not confirmed to have a generation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unconfirmed {
    /// All that count.
    pub total: u64,
    /// The names of those without a confirmation, sorted.
    pub names: Vec<String>,
}

impl View {
    /// The peers that are not known to have this generation of a CA. Revoked and retired ones do not count.
    ///
    /// # Errors
    /// Those of the database, here and below.
    pub fn unconfirmed(&self, ca: &Key, scope: PeerScope) -> Result<Unconfirmed> {
        let (total, missing) = self.count_unconfirmed(ca, scope)?;
        if missing == 0 {
            return Ok(Unconfirmed { total, names: Vec::new() });
        }
        let sql = format!("SELECT name FROM ({}) AS peer WHERE NOT {IS_KNOWN} ORDER BY name", scope.names());
        let names = self.query(&sql, &scope.values_with(ca))?.iter().map(|row| row.get(0)).collect::<Result<_>>()?;
        Ok(Unconfirmed { total, names })
    }

    /// As [`View::unconfirmed`], without the names: all that count, and how many of them have no confirmation.
    pub fn count_unconfirmed(&self, ca: &Key, scope: PeerScope) -> Result<(u64, u64)> {
        let sql = format!(
            "SELECT count(*), count(*) - count(CASE WHEN {IS_KNOWN} THEN 1 END) FROM ({}) AS peer",
            scope.names()
        );
        let row = self.one(&sql, &scope.values_with(ca))?;
        row.map_or(Ok((0, 0)), |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// The number of peers whose certificate a job has issued.
    pub fn count_peers_of_job(&self, scope: PeerScope, job: JobId) -> Result<u64> {
        let sql = format!("SELECT count(*) FROM ({}) AS peer WHERE {}", scope.names(), is_of_job("?4"));
        let values: Vec<SqlValue<'_>> = scope.values().into_iter().chain([job.0.into()]).collect();
        self.one(&sql, &values)?.map_or(Ok(0), |row| row.get(0))
    }

    /// Whether a peer that the ledger does not have is known to have this generation of a CA: a broker with a certificate of
    /// others.
    pub fn is_confirmed(&self, ca: &Key, kind: Kind, name: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM ca_confirmation WHERE ca = ?1 AND generation = ?2 AND kind = ?3 AND name = ?4 \
            AND how <> 'left-behind'";
        Ok(self.one(sql, values![&ca.name, ca.generation.number(), kind.as_str(), name])?.is_some())
    }

    /// Whether a name counts.
    pub fn is_peer(&self, scope: PeerScope, name: &str) -> Result<bool> {
        // As far as the name goes: a query over all that count would read all of them for each name.
        let is_in_use = self.one(
            "SELECT 1 FROM identity WHERE kind = ?1 AND name = ?2 AND role IN ('current', 'pending') AND not_after > ?3",
            values![scope.kind.as_str(), name, scope.since.unix_timestamp()],
        )?;
        if is_in_use.is_some() || scope.kind != Kind::Device {
            return Ok(is_in_use.is_some());
        }
        let token = "SELECT 1 FROM device_token WHERE device = ?1 AND revoked_at IS NULL LIMIT 1";
        if self.one(token, values![name])?.is_some() {
            return Ok(true);
        }
        let sql = format!("SELECT 1 FROM enrolment_password WHERE device = ?2 AND {}", is_password_open("?1"));
        Ok(self.one(&sql, values![scope.now.unix_timestamp(), name])?.is_some())
    }

    /// The names of devices that have an access token, sorted, at most `limit` after this name.
    pub fn names_with_tokens(&self, after: &str, limit: u32) -> Result<Vec<String>> {
        let sql = "SELECT DISTINCT device FROM device_token WHERE revoked_at IS NULL AND device > ?1 ORDER BY device LIMIT ?2";
        self.query(sql, values![after, limit])?.iter().map(|row| row.get(0)).collect()
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

    /// Records the same of all that count, or of those of them whose certificate a job has issued. Returns their number.
    pub fn confirm_all(
        &mut self,
        ca: &Key,
        scope: PeerScope,
        job: Option<JobId>,
        how: Confirmation,
        who: &str,
    ) -> Result<u64> {
        self.transaction(|transaction| {
            // Both conditions use ?9: a parameter that the statement does not mention is an error.
            let condition = match job {
                Some(_) => is_of_job("?9"),
                None => "CAST(?9 AS BIGINT) IS NULL".to_owned(),
            };
            let sql = format!(
                "INSERT INTO ca_confirmation (ca, generation, kind, name, how, who, at) \
                 SELECT ?4, CAST(?5 AS BIGINT), ?1, name, ?6, ?7, CAST(?8 AS BIGINT) FROM ({}) AS peer WHERE {condition} \
                 ON CONFLICT (ca, generation, kind, name) DO UPDATE SET how = excluded.how, who = excluded.who, \
                 at = excluded.at",
                scope.names()
            );
            let stated = [how.as_str().into(), who.into(), transaction.now().into(), job.map(|job| job.0).into()];
            let values: Vec<SqlValue<'_>> = scope.values_with(ca).into_iter().chain(stated).collect();
            transaction.execute(&sql, &values)
        })
    }
}

impl Transaction<'_> {
    /// Records that a device or broker has a generation of a CA. A later record replaces an earlier one.
    ///
    /// # Errors
    /// Those of the database.
    pub fn confirm(&self, ca: &Key, kind: Kind, name: &str, how: Confirmation, who: &str) -> Result<()> {
        self.execute(
            "INSERT INTO ca_confirmation (ca, generation, kind, name, how, who, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
             ON CONFLICT (ca, generation, kind, name) DO UPDATE SET how = excluded.how, who = excluded.who, \
             at = excluded.at",
            values![&ca.name, ca.generation.number(), kind.as_str(), name, how.as_str(), who, self.now()],
        )?;
        Ok(())
    }
}
