//! Which generation of a name counts, and how another one takes its place.

use base::Result;

use crate::entry::Entry;
use crate::key::{Key, Kind};
use crate::ledger::Ledger;
use crate::lifecycle::role::{Role, TAKES_NAME};
use crate::transaction::Transaction;
use crate::value::{one_of, values};
use crate::view::View;

impl View {
    /// The generation of a name that is in use now; `None` if the name has none, for example because it was revoked.
    ///
    /// # Errors
    /// [`Code::LedgerUnreadable`](base::Code::LedgerUnreadable) if the file is damaged or the disk refuses, here and in
    /// every other method.
    pub fn current(&self, kind: Kind, name: &str) -> Result<Option<Entry>> {
        let sql = "WHERE kind = ?1 AND name = ?2 AND role = 'current'";
        Ok(self.entries(sql, values![kind.as_str(), name])?.pop())
    }

    /// The renewal of a name that waits for its use; `None` if there is none.
    ///
    /// # Errors
    /// Those of the database.
    pub fn pending(&self, kind: Kind, name: &str) -> Result<Option<Entry>> {
        let sql = "WHERE kind = ?1 AND name = ?2 AND role = 'pending'";
        Ok(self.entries(sql, values![kind.as_str(), name])?.pop())
    }

    /// The generation of a name that lists show: the current one, or the latest one that is not void if none is current.
    ///
    /// # Errors
    /// Those of the database.
    pub fn latest(&self, kind: Kind, name: &str) -> Result<Option<Entry>> {
        let sql = "WHERE kind = ?1 AND name = ?2 AND role <> 'void' \
            ORDER BY CASE role WHEN 'current' THEN 0 ELSE 1 END, generation DESC LIMIT 1";
        Ok(self.entries(sql, values![kind.as_str(), name])?.pop())
    }

    /// The generation that takes a name: the current or pending one, or one that is about to be signed.
    pub(crate) fn holder(&self, kind: Kind, name: &str) -> Result<Option<Entry>> {
        let sql = format!(
            "WHERE kind = ?1 AND name = ?2 AND {TAKES_NAME} \
             ORDER BY CASE role WHEN 'current' THEN 0 ELSE 1 END, generation DESC LIMIT 1"
        );
        Ok(self.entries(&sql, values![kind.as_str(), name])?.pop())
    }

    /// The generation of a name that was intended and neither issued nor voided, as an interrupted run leaves it.
    ///
    /// # Errors
    /// Those of the database.
    pub fn unfinished_of(&self, kind: Kind, name: &str) -> Result<Option<Entry>> {
        let sql = "WHERE kind = ?1 AND name = ?2 AND state = 'intended'";
        Ok(self.entries(sql, values![kind.as_str(), name])?.pop())
    }
}

impl Ledger {
    /// [`Transaction::promote`] by itself.
    pub fn promote(&mut self, key: &Key) -> Result<()> {
        self.transaction(|transaction| transaction.promote(key))
    }
}

impl Transaction<'_> {
    /// Makes a pending generation the current one, and the current one superseded. May be repeated.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`](base::Code::UnknownIdentity) if there is no such row,
    /// [`Code::Internal`](base::Code::Internal) if it is neither pending nor current.
    pub fn promote(&self, key: &Key) -> Result<()> {
        let (row, role) = self.role_of(key)?;
        match role {
            Role::Current => Ok(()),
            Role::Pending => self.promote_row(row, key),
            role => Err(self.bug(format!("{key} is {role} and cannot become current"))),
        }
    }

    /// As [`Self::promote`], for a pending generation in this row.
    pub(crate) fn promote_row(&self, row: i64, key: &Key) -> Result<()> {
        // First, because an index allows one current generation for each name.
        self.supersede(key, Role::Current)?;
        self.make_current(row, true)
    }

    /// Gives the role current to the generation in this row. No other one of its name has it. `has_steps` is false if no
    /// renewal has open steps.
    pub(crate) fn make_current(&self, row: i64, has_steps: bool) -> Result<()> {
        self.execute("UPDATE identity SET role = 'current' WHERE id = ?1", values![row])?;
        if has_steps {
            // Whatever was under way with the platform is done.
            self.execute("DELETE FROM renewal_step WHERE identity = ?1 AND step IN ('swap', 'back')", values![row])?;
        }
        Ok(())
    }

    /// Makes a renewal that the platform has taken the current generation. Another renewal may have replaced it as the
    /// pending one meanwhile: that one stays pending. Returns whether the generation was not current before; nothing
    /// changes if a later one is in use, or if it is out of use.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`](base::Code::UnknownIdentity) if there is no such row.
    pub fn taken_by_platform(&self, key: &Key) -> Result<bool> {
        match self.role_of(key)?.1 {
            Role::Pending => self.promote(key)?,
            Role::Superseded if !self.is_later_one_used(key)? => {
                let current = self.current(key.kind, &key.name)?;
                if current.is_some_and(|current| current.generation() > key.generation) {
                    return Ok(false);
                }
                self.registered(key)?;
                self.reinstate(key)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Gives the role superseded to the generation of the name that has the role current, or pending: another one is to
    /// have it.
    pub(crate) fn supersede(&self, key: &Key, role: Role) -> Result<()> {
        // Most often there is none. For a change of rows by another condition than their number, SQLite makes a table in
        // memory first.
        let sql = format!("SELECT id FROM identity WHERE kind = ?1 AND name = ?2 AND role = '{role}'");
        let rows = self.query(&sql, values![key.kind.as_str(), &key.name])?;
        rows.iter().try_for_each(|row| self.supersede_row(row.get(0)?, true))
    }

    /// Gives the role superseded to the generation in this row. `has_steps` is false if no renewal has open steps.
    pub(crate) fn supersede_row(&self, row: i64, has_steps: bool) -> Result<()> {
        if has_steps {
            self.end_steps(row)?;
        }
        self.execute("UPDATE identity SET role = 'superseded' WHERE id = ?1", values![row]).map(drop)
    }

    /// The row number and the role of a key.
    pub(crate) fn role_of(&self, key: &Key) -> Result<(i64, Role)> {
        let row = self.row_of(key, "SELECT id, role FROM identity")?;
        let role: String = row.get(1)?;
        Ok((row.get(0)?, one_of(&Role::ALL, Role::as_str, &role).map_err(|error| error.at(self.path()))?))
    }
}
