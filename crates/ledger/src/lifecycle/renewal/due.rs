//! How many certificates must be renewed.

use base::Result;
use time::{Duration, OffsetDateTime};

use crate::key::Kind;
use crate::lifecycle::issuer::IS_REFUSED;
use crate::value::values;
use crate::view::View;

impl View {
    /// How many certificates of a kind in use must be renewed at `now`: those that end within this time, without one those in
    /// the last third of their lifetime, and those of a revoked generation of a CA. Those that have expired count as well, and
    /// those with a renewal that waits do not. The rows stay in the database: a store can have a million.
    ///
    /// # Errors
    /// Those of the database.
    pub fn count_due(&self, kind: Kind, within: Option<Duration>, now: OffsetDateTime) -> Result<u64> {
        let seconds = now.unix_timestamp();
        // The second parameter is the time to which the end of the validity is compared.
        let (is_near, until) = match within {
            None => ("3 * (not_after - ?2) <= not_after - not_before", seconds),
            Some(time) => ("not_after <= ?2", seconds.saturating_add(time.whole_seconds())),
        };
        // Most ledgers have no revoked CA, and then no row of one is read.
        let is_refused = match self.revoked_cas()?.is_empty() {
            true => String::new(),
            false => format!(
                " OR EXISTS (SELECT 1 FROM identity AS ca WHERE ca.kind = 'ca' AND ca.name = identity.issuer \
                 AND ca.generation = coalesce(identity.issuer_generation, ca.generation) AND {IS_REFUSED})"
            ),
        };
        let sql = format!(
            "SELECT count(*) FROM identity WHERE kind = ?1 AND role = 'current' AND (({is_near} AND not_before <= ?3){is_refused}) \
             AND NOT EXISTS (SELECT 1 FROM identity AS next WHERE next.kind = identity.kind \
             AND next.name = identity.name AND next.role = 'pending')"
        );
        let row = self.one(&sql, values![kind.as_str(), until, seconds])?;
        row.map_or(Ok(0), |row| row.get(0))
    }
}
