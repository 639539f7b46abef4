//! The generations of a name, read at once for a request to the enrolment service.

use base::{Error, Result};
use time::OffsetDateTime;

use crate::key::{Generation, Key, Kind};
use crate::lifecycle::revocation::{WITHOUT_FAULT, is_at_fault};
use crate::lifecycle::role::Role;
use crate::state::State;
use crate::value::{SqlRow, at, one_of, values};
use crate::view::View;

/// The generations of a name, as they are in a transaction.
///
/// The service has several questions about them for each request. Most of the time of a small statement is not that of
/// its rows, so one statement that reads all of them takes less than one for each question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameHistory {
    kind: Kind,
    name: String,
    /// The last one first.
    generations: Vec<GenerationRecord>,
    /// Whether the ledger has one-time passwords, of any device.
    pub(crate) has_passwords: bool,
    /// Whether renewals of any name have open steps.
    pub(crate) has_steps: bool,
}

/// A generation that was sent over the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentGeneration {
    /// Its key in the ledger.
    pub key: Key,
    /// The end of its certificate.
    pub not_after: OffsetDateTime,
    /// Whether its holder has used it.
    pub is_used: bool,
}

/// A generation, in its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GenerationRecord {
    pub(crate) row: i64,
    pub(crate) generation: Generation,
    pub(crate) state: State,
    pub(crate) role: Role,
    /// Whether it is registered at the platform in focus.
    pub(crate) is_registered: bool,
    pub(crate) sent: Option<SentRecord>,
    /// Whether its key gets no certificate any more, because it was revoked.
    is_key_revoked: bool,
    not_after: OffsetDateTime,
    intended_at: OffsetDateTime,
    /// The time at which it was taken from the first platform, in seconds since 1970 (UTC).
    unregistered_at: Option<i64>,
}

/// The row of a generation that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SentRecord {
    /// SHA-256 over its public key.
    pub(crate) key: [u8; 32],
    pub(crate) is_used: bool,
}

/// The number of generations of a name that were revoked for another reason, counted by the database; `row` is a row of
/// identity with the name.
pub(super) fn revoked_of(row: &str) -> String {
    let [superseded, forgotten] = WITHOUT_FAULT;
    format!(
        "(SELECT count(*) FROM identity AS other WHERE other.kind = {row}.kind AND other.name = {row}.name \
         AND other.role = 'revoked' \
         AND coalesce(other.revocation_reason, '') NOT IN ('{superseded}', '{forgotten}'))"
    )
}

impl View {
    /// The generations of a name.
    ///
    /// # Errors
    /// Those of the database.
    pub fn name_history(&self, kind: Kind, name: &str) -> Result<NameHistory> {
        let sql = format!(
            "SELECT identity.id, generation, state, role, not_after, intended_at, {}, unregistered_at, \
             enrolled.key, used_at, revocation_reason, \
             (SELECT count(*) FROM (SELECT 1 FROM enrolment_password LIMIT 1) AS passwords), \
             (SELECT count(*) FROM (SELECT 1 FROM renewal_step LIMIT 1) AS steps) \
             FROM identity LEFT JOIN enrolled ON enrolled.identity = identity.id \
             WHERE kind = ?1 AND name = ?2 ORDER BY generation DESC",
            self.columns().registered_at("")
        );
        let rows = self.query(&sql, values![kind.as_str(), name])?;
        let has = |column| rows.first().map_or(Ok(false), |row| Ok(row.get::<i64>(column)? > 0));
        let read = || {
            let generations = rows.iter().map(read).collect::<Result<_>>()?;
            let (has_passwords, has_steps) = (has(11)?, has(12)?);
            Ok(NameHistory { kind, name: name.to_owned(), generations, has_passwords, has_steps })
        };
        read().map_err(|error: Error| error.at(self.path()))
    }
}

fn read(row: &SqlRow) -> Result<GenerationRecord> {
    let (state, role): (String, String) = (row.get(2)?, row.get(3)?);
    let (key, used_at): (Option<[u8; 32]>, Option<i64>) = (row.get(8)?, row.get(9)?);
    let role = one_of(&Role::ALL, Role::as_str, &role)?;
    let reason: Option<String> = row.get(10)?;
    Ok(GenerationRecord {
        row: row.get(0)?,
        generation: Generation(row.get(1)?),
        state: one_of(&State::ALL, State::as_str, &state)?,
        role,
        is_registered: row.get::<Option<i64>>(6)?.is_some(),
        is_key_revoked: role == Role::Revoked && is_at_fault(reason.as_deref()),
        sent: key.map(|key| SentRecord { key, is_used: used_at.is_some() }),
        not_after: at(row.get(4)?)?,
        intended_at: at(row.get(5)?)?,
        unregistered_at: row.get(7)?,
    })
}

impl NameHistory {
    /// The kind of the name.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The last generation that was sent for the public key with this SHA-256, and that its holder may begin to use: a
    /// later one that is used has not replaced it, and it is not out of use.
    pub fn sent_for_key(&self, public: &[u8; 32]) -> Option<SentGeneration> {
        // Not only the pending one: a generation before it that the platform took late supersedes it, and its answer may
        // still be on its way.
        let is_held = |one: &&GenerationRecord| matches!(one.role, Role::Current | Role::Pending | Role::Superseded);
        let is_for_key = |one: &&GenerationRecord| one.sent.is_some_and(|sent| sent.key == *public);
        let last = self.generations.iter().filter(is_held).find(is_for_key)?;
        let is_used = last.sent.is_some_and(|sent| sent.is_used);
        let is_replaced = last.role == Role::Superseded && self.is_later_one_used(last.generation);
        (!is_replaced).then(|| SentGeneration { key: self.key(last.generation), not_after: last.not_after, is_used })
    }

    /// Whether a generation was revoked for a reason that concerns the key or its holder, and its key is in files alone: it was
    /// not sent over the network.
    pub fn has_revoked_key_in_files(&self) -> bool {
        self.generations.iter().any(|one| one.is_key_revoked && one.sent.is_none())
    }

    /// The number of generations that were revoked for a reason that concerns the key or its holder.
    pub(crate) fn revoked(&self) -> u64 {
        self.generations.iter().filter(|one| one.is_key_revoked).map(|_| 1).sum()
    }

    /// The number of certificates that were sent since a time.
    pub fn sent_since(&self, since: OffsetDateTime) -> u64 {
        // Whole seconds, as the rows have them.
        let since = since.unix_timestamp();
        let counts = |one: &&GenerationRecord| one.sent.is_some() && one.intended_at.unix_timestamp() >= since;
        self.generations.iter().filter(counts).map(|_| 1).sum()
    }

    /// The generation that was intended and neither issued nor voided, and when it was intended.
    pub fn unfinished(&self) -> Option<(Key, OffsetDateTime)> {
        let found = self.generations.iter().find(|one| one.state == State::Intended)?;
        Some((self.key(found.generation), found.intended_at))
    }

    /// As [`View::is_later_one_used`].
    fn is_later_one_used(&self, generation: Generation) -> bool {
        let later = self.generations.iter().take_while(|one| one.generation > generation);
        later.into_iter().any(|one| match one.sent {
            Some(sent) => sent.is_used,
            None => one.role == Role::Current,
        })
    }

    fn key(&self, generation: Generation) -> Key {
        Key { kind: self.kind, name: self.name.clone(), generation }
    }

    pub(crate) fn last(&self) -> Option<GenerationRecord> {
        self.generations.first().copied()
    }

    pub(crate) fn of(&self, generation: Generation) -> Option<GenerationRecord> {
        self.generations.iter().find(|one| one.generation == generation).copied()
    }

    pub(crate) fn current(&self) -> Option<GenerationRecord> {
        self.generations.iter().find(|one| one.role == Role::Current).copied()
    }

    /// The latest time at which a generation that is in use was taken from the first platform.
    pub(crate) fn unregistered_at(&self) -> Option<i64> {
        self.generations.iter().filter(|one| one.role.is_in_use()).filter_map(|one| one.unregistered_at).max()
    }

    /// Follows the first use of a generation in the same transaction: it is used, and current if it was promoted.
    pub(crate) fn follow_use(&mut self, generation: Generation, is_promoted: bool) {
        for one in &mut self.generations {
            if one.generation == generation {
                one.sent = one.sent.map(|sent| SentRecord { is_used: true, ..sent });
                one.role = if is_promoted { Role::Current } else { one.role };
            } else if is_promoted && one.role == Role::Current {
                one.role = Role::Superseded;
            }
        }
    }
}
