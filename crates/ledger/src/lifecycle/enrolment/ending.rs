//! The end of what leads a device to a certificate over the network: its one-time password, and its request that waits.

use base::Result;

use crate::ledger::Ledger;
use crate::transaction::Transaction;
use crate::value::values;
use crate::view::View;

impl View {
    /// Whether a device has a one-time password that is not spent, or a request, decided or not.
    ///
    /// # Errors
    /// Those of the database.
    pub fn has_open_enrolment(&self, device: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM enrolment_password WHERE device = ?1 AND spent_at IS NULL \
            UNION ALL SELECT 1 FROM enrolment_request WHERE device = ?1 LIMIT 1";
        Ok(self.one(sql, values![device])?.is_some())
    }
}

impl Ledger {
    /// Removes every one-time password that is not spent, and every request, in a ledger that was restored: both may be spent,
    /// withdrawn or denied since the backup. Returns the number of passwords.
    ///
    /// # Errors
    /// Those of the database.
    pub fn end_enrolments(&mut self) -> Result<u64> {
        self.transaction(|transaction| {
            transaction.execute("DELETE FROM enrolment_request", &[])?;
            transaction.execute("DELETE FROM enrolment_password WHERE spent_at IS NULL", &[])
        })
    }
}

impl Transaction<'_> {
    /// Removes the one-time password of a device that is not spent, and its request. Returns whether there was one of
    /// them.
    ///
    /// # Errors
    /// Those of the database.
    pub fn end_enrolment(&self, device: &str) -> Result<bool> {
        let passwords =
            self.execute("DELETE FROM enrolment_password WHERE device = ?1 AND spent_at IS NULL", values![device])?;
        let requests = self.execute("DELETE FROM enrolment_request WHERE device = ?1", values![device])?;
        Ok(passwords + requests > 0)
    }

    /// Removes what the key of a generation that is revoked has left: the password that it has used, and the request that
    /// waits for it. `row` is the generation's row.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) fn end_enrolment_of_key(&self, device: &str, row: i64) -> Result<()> {
        let of_key = "device = ?1 AND key = (SELECT key FROM enrolled WHERE identity = ?2)";
        let password = format!("DELETE FROM enrolment_password WHERE spent_at IS NULL AND {of_key}");
        self.execute(&password, values![device, row])?;
        self.execute(&format!("DELETE FROM enrolment_request WHERE {of_key}"), values![device, row]).map(drop)
    }
}
