//! Leases on identities: a process that changes the credential of a device on the platform holds one meanwhile.
//!
//! A lease orders the changes of several processes. It does not decide whether a change is right: its holder reads the
//! ledger before the change and after it, because a holder that was slow may have lost the lease to another one.

use std::time::Duration;

use base::Result;

use crate::job::millis;
use crate::key::Kind;
use crate::ledger::Ledger;
use crate::transaction::Transaction;
use crate::value::{BatchStatement, SqlValue, values};
use crate::view::View;

impl View {
    /// Whether a lease on an identity has not ended, for any holder.
    ///
    /// # Errors
    /// Those of the database, here and below.
    pub fn is_leased(&self, kind: Kind, name: &str) -> Result<bool> {
        let now = self.clock()?;
        let sql = "SELECT 1 FROM lease WHERE kind = ?1 AND name = ?2 AND until > ?3";
        Ok(self.one(sql, values![kind.as_str(), name, now])?.is_some())
    }
}

impl Ledger {
    /// Takes leases on identities, or extends them, for `lease` from now. Returns the names of those that another holder
    /// has.
    pub fn lease(&mut self, holder: &str, kind: Kind, names: &[&str], lease: Duration) -> Result<Vec<String>> {
        // In one order, so that two holders do not wait for each other.
        let mut names = names.to_vec();
        names.sort_unstable();
        names.dedup();
        self.shared_transaction(|transaction| transaction.lease(holder, kind, &names, lease))
    }

    /// Ends the leases of a holder on these identities.
    pub fn release(&mut self, holder: &str, kind: Kind, names: &[&str]) -> Result<()> {
        const SQL: BatchStatement<'_> = BatchStatement {
            one_by_one: "DELETE FROM lease WHERE kind = ?1 AND name = ?2 AND holder = ?3",
            by_columns: "DELETE FROM lease USING unnest(?1::text[], ?2::text[], ?3::text[]) AS given (kind, name, holder) \
                WHERE lease.kind = given.kind AND lease.name = given.name AND lease.holder = given.holder",
        };
        let mut names = names.to_vec();
        // In the order of `lease`, for the same reason.
        names.sort_unstable();
        self.shared_transaction(|transaction| {
            let rows = names.iter().map(|name| [kind.as_str().into(), (*name).into(), holder.into()]);
            transaction.execute_many::<[SqlValue<'_>; 3]>(&SQL, rows).map(drop)
        })
    }

    /// Ends all leases of holders whose names begin with `prefix`: the caller knows that none of them runs any more.
    pub fn release_all(&mut self, prefix: &str) -> Result<()> {
        // In characters, as `substr` counts. `LIKE` would take `%` and `_` in the prefix as patterns.
        let length = prefix.chars().count();
        self.shared_transaction(|transaction| {
            let sql = format!("DELETE FROM lease WHERE substr(holder, 1, {length}) = ?1");
            transaction.execute(&sql, values![prefix]).map(drop)
        })
    }
}

impl Transaction<'_> {
    fn lease(&self, holder: &str, kind: Kind, names: &[&str], lease: Duration) -> Result<Vec<String>> {
        const SQL: BatchStatement<'_> = BatchStatement {
            one_by_one: "INSERT INTO lease (kind, name, holder, since, until) VALUES (?1, ?2, ?3, ?4, ?5) \
                ON CONFLICT (kind, name) DO UPDATE SET holder = excluded.holder, since = excluded.since, \
                until = excluded.until WHERE lease.holder = excluded.holder OR lease.until <= excluded.since",
            by_columns: "INSERT INTO lease (kind, name, holder, since, until) \
                SELECT * FROM unnest(?1::text[], ?2::text[], ?3::text[], ?4::bigint[], ?5::bigint[]) \
                ON CONFLICT (kind, name) DO UPDATE SET holder = excluded.holder, since = excluded.since, \
                until = excluded.until WHERE lease.holder = excluded.holder OR lease.until <= excluded.since",
        };
        let until = self.now_ms().saturating_add(millis(lease));
        let rows = names
            .iter()
            .map(|name| [kind.as_str().into(), (*name).into(), holder.into(), self.now_ms().into(), until.into()]);
        let taken = self.execute_many::<[SqlValue<'_>; 5]>(&SQL, rows)?;
        if u64::try_from(names.len()) == Ok(taken) {
            return Ok(Vec::new());
        }
        let sql = "SELECT name FROM lease WHERE kind = ?1 AND holder <> ?2 ORDER BY name";
        let others: Vec<String> =
            self.query(sql, values![kind.as_str(), holder])?.iter().map(|row| row.get(0)).collect::<Result<_>>()?;
        Ok(others.into_iter().filter(|name| names.binary_search(&name.as_str()).is_ok()).collect())
    }
}
