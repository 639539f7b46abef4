//! Revoking generations, and the steps that are still open.

use base::Result;
use time::OffsetDateTime;

use crate::entry::Entry;
use crate::key::{Generation, Key, Kind, SerialNumber};
use crate::ledger::Ledger;
use crate::lifecycle::revocation::{OpenRevocation, OpenStep, Revocation, RevokedCertificate};
use crate::lifecycle::role::Role;
use crate::lifecycle::step::Step;
use crate::transaction::Transaction;
use crate::value::values;
use crate::view::{View, at};

impl Step for OpenStep {
    const TABLE: &'static str = "open_step";
    const STEPS: &'static [Self] = &Self::ALL;

    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl View {
    /// The revoked certificates of a CA that its next list must contain, by serial number. If the generation of the CA
    /// that issued one is unknown, it is on the lists of all generations.
    ///
    /// An entry stays until a list contains it that was made after the certificate expired (RFC 5280, section 3.3):
    /// `last_list` is the time of the CA's last list.
    ///
    /// # Errors
    /// Those of the database, here and below.
    pub fn revoked_by(
        &self,
        issuer: &str,
        generation: Option<Generation>,
        last_list: Option<OffsetDateTime>,
    ) -> Result<Vec<RevokedCertificate>> {
        let since = last_list.map_or(i64::MIN, OffsetDateTime::unix_timestamp);
        let rows = self.query(
            "SELECT serial, revoked_at, revocation_reason FROM identity WHERE issuer = ?1 AND role = 'revoked' \
             AND not_after >= ?2 AND coalesce(issuer_generation, CAST(?3 AS BIGINT), 0) = \
             coalesce(CAST(?3 AS BIGINT), issuer_generation, 0) \
             ORDER BY serial",
            values![issuer, since, generation.map(Generation::number)],
        )?;
        rows.iter()
            .map(|row| {
                let serial = SerialNumber::new(&row.get::<Vec<u8>>(0)?)?;
                let revocation = Revocation { at: at(row.get(1)?)?, reason: row.get(2)? };
                Ok(RevokedCertificate { serial, revocation })
            })
            .collect()
    }

    /// The steps of revocations that are not done, by identity.
    pub fn open_revocations(&self) -> Result<Vec<OpenRevocation>> {
        self.open_steps(|key, step, error| OpenRevocation { key, step, error })
    }

    /// The generations of a name that can be revoked: those with a certificate that ends after `now`.
    pub fn revocable(&self, kind: Kind, name: &str, now: OffsetDateTime) -> Result<Vec<Entry>> {
        let generations = self.history(kind, name)?;
        Ok(generations.into_iter().filter(|entry| entry.role.can_be_revoked() && entry.not_after > now).collect())
    }
}

impl Ledger {
    /// [`Transaction::revoke`] by itself.
    pub fn revoke(&mut self, key: &Key, reason: Option<&str>, open: &[OpenStep]) -> Result<bool> {
        self.transaction(|transaction| transaction.revoke(key, reason, open))
    }

    /// [`Transaction::step_done`] by itself.
    pub fn step_done(&mut self, key: &Key, step: OpenStep) -> Result<()> {
        self.transaction(|transaction| transaction.step_done(key, step))
    }

    /// [`Transaction::step_failed`] by itself.
    pub fn step_failed(&mut self, key: &Key, step: OpenStep, error: &str) -> Result<()> {
        self.transaction(|transaction| transaction.step_failed(key, step, error))
    }
}

impl Transaction<'_> {
    /// Revokes a generation, and records the steps that make it known to others as open. Returns whether it was not
    /// revoked before; a second revocation changes neither time nor reason.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`](base::Code::UnknownIdentity) if there is no such row,
    /// [`Code::Internal`](base::Code::Internal) if it has no certificate ([`Role::can_be_revoked`]).
    pub fn revoke(&self, key: &Key, reason: Option<&str>, open: &[OpenStep]) -> Result<bool> {
        let (row, role) = self.role_of(key)?;
        // A result and not an error, because a repeated command meets its own revocation.
        if role == Role::Revoked {
            return Ok(false);
        }
        if !role.can_be_revoked() {
            return Err(self.bug(format!("{key} is {role} and cannot be revoked")));
        }
        self.execute(
            "UPDATE identity SET role = 'revoked', state = 'revoked', revoked_at = ?2, revocation_reason = ?3, \
             last_error = NULL WHERE id = ?1",
            values![row, self.now(), reason],
        )?;
        // In the same transaction, so that no revocation is without what is still to be done for it.
        self.end_steps(row)?;
        for step in open {
            self.execute("INSERT INTO open_step (identity, step) VALUES (?1, ?2)", values![row, step.as_str()])?;
        }
        Ok(true)
    }

    /// Records a step of a revocation as open that was not known when it was revoked. May be repeated.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`](base::Code::UnknownIdentity) if there is no such row.
    pub fn open_step(&self, key: &Key, step: OpenStep) -> Result<()> {
        self.step_begins(key, step)
    }

    /// Records that a step of a revocation is done. May be repeated.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`](base::Code::UnknownIdentity) if there is no such row.
    pub fn step_done(&self, key: &Key, step: OpenStep) -> Result<()> {
        self.step_ends(key, step)
    }

    /// Records why a step of a revocation failed. It stays open. The text must hold no secret.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`](base::Code::UnknownIdentity) if there is no such row.
    pub fn step_failed(&self, key: &Key, step: OpenStep, error: &str) -> Result<()> {
        self.step_fails(key, step, error)
    }
}
