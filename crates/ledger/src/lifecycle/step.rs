//! The steps of identities that are begun and not done, in a table for each kind of step.

use base::Result;

use crate::key::{Generation, Key, Kind};
use crate::transaction::Transaction;
use crate::value::{SqlValue, one_of, values};
use crate::view::View;

/// A kind of steps, with its table.
pub(crate) trait Step: Copy + 'static {
    /// The table: `identity`, `step` and `error`.
    const TABLE: &'static str;
    /// Every step.
    const STEPS: &'static [Self];

    /// The word that is stored.
    fn word(self) -> &'static str;
}

impl View {
    /// The steps that are not done, by identity and step, each with the error of the last attempt.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) fn open_steps<S: Step, T>(&self, each: impl Fn(Key, S, Option<String>) -> T) -> Result<Vec<T>> {
        self.open_steps_of("TRUE", &[], each)
    }

    /// As [`Self::open_steps`], for the identities that meet a condition.
    pub(crate) fn open_steps_of<S: Step, T>(
        &self,
        condition: &str,
        values: &[SqlValue<'_>],
        each: impl Fn(Key, S, Option<String>) -> T,
    ) -> Result<Vec<T>> {
        let table = S::TABLE;
        let sql = format!(
            "SELECT kind, name, generation, step, error FROM {table} JOIN identity ON identity.id = {table}.identity \
             WHERE {condition} ORDER BY kind, name, generation, step"
        );
        self.query(&sql, values)?
            .iter()
            .map(|row| {
                let (kind, step): (String, String) = (row.get(0)?, row.get(3)?);
                let kind = one_of(&Kind::ALL, Kind::as_str, &kind)?;
                let key = Key { kind, name: row.get(1)?, generation: Generation(row.get(2)?) };
                Ok(each(key, one_of(S::STEPS, S::word, &step)?, row.get(4)?))
            })
            .collect()
    }
}

impl Transaction<'_> {
    /// Records a step as begun. May be repeated.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`](base::Code::UnknownIdentity) if there is no such row, here and below.
    pub(crate) fn step_begins(&self, key: &Key, step: impl Step) -> Result<()> {
        let (row, _) = self.locate(key)?;
        let sql = format!(
            "INSERT INTO {} (identity, step) VALUES (?1, ?2) ON CONFLICT (identity, step) DO NOTHING",
            table(step)
        );
        self.execute(&sql, values![row, step.word()]).map(drop)
    }

    /// Records that a step is done. May be repeated.
    pub(crate) fn step_ends(&self, key: &Key, step: impl Step) -> Result<()> {
        let (row, _) = self.locate(key)?;
        let sql = format!("DELETE FROM {} WHERE identity = ?1 AND step = ?2", table(step));
        self.execute(&sql, values![row, step.word()]).map(drop)
    }

    /// Records why a step failed. It stays open. The text must hold no secret.
    pub(crate) fn step_fails(&self, key: &Key, step: impl Step, error: &str) -> Result<()> {
        let (row, _) = self.locate(key)?;
        let sql = format!("UPDATE {} SET error = ?3 WHERE identity = ?1 AND step = ?2", table(step));
        self.execute(&sql, values![row, step.word(), error]).map(drop)
    }
}

fn table<S: Step>(_: S) -> &'static str {
    S::TABLE
}
