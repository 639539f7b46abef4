//! The revocation lists of the CAs: the number and the dates of the last one of each key.

use base::text::shell_word;
use base::timestamp::rfc3339;
use base::{Code, Error, Result};
use time::{Duration, OffsetDateTime};

use crate::key::Generation;
use crate::ledger::Ledger;
use crate::lifecycle::revocation::RevokedCertificate;
use crate::transaction::Transaction;
use crate::value::{at, values};
use crate::view::View;

/// The last revocation list of a CA key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationList {
    /// The CA: its name in the ledger.
    pub issuer: String,
    /// The generation of the CA with this key; `None` if the ledger has none.
    pub generation: Option<Generation>,
    /// The CRL number.
    pub number: u64,
    /// The time at which it was made, in whole seconds.
    pub this_update: OffsetDateTime,
    /// The latest time at which the next one is made.
    pub next_update: OffsetDateTime,
}

/// A revocation list that is about to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewList<'a> {
    /// SHA-256 over the public key of the CA (SubjectPublicKeyInfo in DER).
    pub key: [u8; 32],
    /// The CA: its name in the ledger.
    pub issuer: &'a str,
    /// The generation of the CA with this key; `None` if the ledger has none.
    pub generation: Option<Generation>,
    /// The time of this machine.
    pub now: OffsetDateTime,
    /// The time until the next list.
    pub lifetime: Duration,
    /// The time of the list that is published now; it can be later than what the ledger knows if a backup of the ledger
    /// was restored.
    pub published: Option<OffsetDateTime>,
    /// Whether an operator accepts the clock although the last list is later. See [`View::next_list`].
    pub is_clock_accepted: bool,
}

/// The revoked rows of the CA ?1 that the list of its generation ?3 has: one whose issuing generation is unknown is on
/// the lists of all generations.
const REVOKED_BY: &str = "SELECT id FROM identity WHERE issuer = ?1 AND role = 'revoked' \
    AND coalesce(issuer_generation, CAST(?3 AS BIGINT), 0) = coalesce(CAST(?3 AS BIGINT), issuer_generation, 0)";

/// The longest time by which a list may be dated ahead of the clock because the one before it has the same second.
const AHEAD: Duration = Duration::seconds(5);

/// How far ahead of the clock the last list must be, for an operator to accept a list with an earlier time. A smaller
/// difference passes by waiting, and verifiers that have both lists prefer the later one as soon as it is valid.
const FAR_AHEAD: Duration = Duration::DAY;

impl View {
    /// The last list of the CA key whose public half has this SHA-256; `None` before the first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn last_list(&self, key: &[u8; 32]) -> Result<Option<RevocationList>> {
        self.list_of(key, None)
    }

    /// The dates and the number of the list that [`Ledger::begin_list`] would record now.
    ///
    /// Numbers and times only grow, with one exception: if the clock is accepted and the last list is more than a day ahead
    /// of it, the next one has the time of the clock. The last list was made with a wrong clock, and no verifier takes it
    /// before its time (RFC 5280, section 6.3.3). The number grows in any case.
    ///
    /// # Errors
    /// [`Code::ClockBehind`] if the last list of this key is later than the clock by more than five seconds.
    pub fn next_list(&self, new: &NewList<'_>) -> Result<RevocationList> {
        let last = self.list_of(&new.key, new.generation)?;
        let now = new.now.unix_timestamp();
        let (mut number, mut this_update) = (u64::try_from(now).unwrap_or(0), now);
        if let Some(last) = &last {
            number = number.max(last.number.saturating_add(1));
        }
        // OpenSSL takes a later list only with a later thisUpdate, so the same second is not enough.
        if let Some(before) = last.map(|last| last.this_update).max(new.published) {
            this_update = this_update.max(before.unix_timestamp().saturating_add(1));
            if this_update > now.saturating_add(AHEAD.whole_seconds()) {
                let is_far = this_update > now.saturating_add(FAR_AHEAD.whole_seconds());
                if !(is_far && new.is_clock_accepted) {
                    return Err(clock_behind(new.issuer, before, at(now)?, is_far));
                }
                this_update = now;
            }
        }
        Ok(RevocationList {
            issuer: new.issuer.to_owned(),
            generation: new.generation,
            number,
            this_update: at(this_update)?,
            next_update: at(this_update.saturating_add(new.lifetime.whole_seconds()))?,
        })
    }

    /// The names of the CAs of which a list was made, each once.
    ///
    /// # Errors
    /// Those of the database.
    pub fn listing_cas(&self) -> Result<Vec<String>> {
        let rows = self.query("SELECT DISTINCT issuer FROM revocation_list ORDER BY issuer", &[])?;
        rows.iter().map(|row| row.get(0)).collect()
    }

    fn list_of(&self, key: &[u8; 32], generation: Option<Generation>) -> Result<Option<RevocationList>> {
        let sql = "SELECT issuer, number, this_update, next_update FROM revocation_list WHERE key = ?1";
        self.one(sql, values![key])?
            .map(|row| {
                Ok(RevocationList {
                    issuer: row.get(0)?,
                    generation,
                    number: row.get(1)?,
                    this_update: at(row.get(2)?)?,
                    next_update: at(row.get(3)?)?,
                })
            })
            .transpose()
    }
}

impl Ledger {
    /// Records the list that is about to be signed, and returns it with its entries.
    ///
    /// Numbers and times only grow, even if a list is never signed: the number is the time in seconds since 1970 or one
    /// more than the last number, whichever is larger, so that it also grows after a backup was restored. Verifiers
    /// prefer the list with the later time.
    ///
    /// # Errors
    /// Those of [`View::next_list`].
    pub fn begin_list(&mut self, new: &NewList<'_>) -> Result<(RevocationList, Vec<RevokedCertificate>)> {
        self.transaction(|transaction| transaction.begin_list(new))
    }

    /// Takes back the dates of a list that was begun and not published: `before` is the last list of this key before it, as
    /// [`View::last_list`] had it. A later list of another station stays.
    ///
    /// # Errors
    /// Those of the database.
    pub fn list_failed(
        &mut self,
        key: &[u8; 32],
        list: &RevocationList,
        before: Option<&RevocationList>,
    ) -> Result<()> {
        self.transaction(|transaction| {
            // The number of the list stays used, if there is a row to keep it.
            match before {
                Some(before) => transaction.execute(
                    "UPDATE revocation_list SET this_update = ?3, next_update = ?4 WHERE key = ?1 AND number = ?2",
                    values![key, list.number, before.this_update.unix_timestamp(), before.next_update.unix_timestamp()],
                ),
                None => transaction
                    .execute("DELETE FROM revocation_list WHERE key = ?1 AND number = ?2", values![key, list.number]),
            }
            .map(drop)
        })
    }

    /// Records that a list is published: the step [`OpenStep::List`](crate::OpenStep::List) of the revocations on it is
    /// done.
    ///
    /// # Errors
    /// Those of the database.
    pub fn published_list(&mut self, list: &RevocationList) -> Result<()> {
        self.transaction(|transaction| {
            transaction.execute(
                // Only steps up to this number: a revocation that came during the signing is not in this list.
                &format!("DELETE FROM open_step WHERE step = 'list' AND list <= ?2 AND identity IN ({REVOKED_BY})"),
                values![&list.issuer, list.number, list.generation.map(Generation::number)],
            )?;
            Ok(())
        })
    }
}

impl Transaction<'_> {
    fn begin_list(&self, new: &NewList<'_>) -> Result<(RevocationList, Vec<RevokedCertificate>)> {
        let last = self.list_of(&new.key, new.generation)?;
        let list = self.next_list(new)?;
        // With an accepted clock the list is earlier than the last one, and certificates that end in between are valid.
        let since = last.map(|last| last.this_update.min(list.this_update));
        let entries = self.revoked_by(new.issuer, new.generation, since)?;
        self.execute(
            // By key and not by name: each generation of a CA with a key of its own has a list of its own.
            "INSERT INTO revocation_list (key, issuer, number, this_update, next_update) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (key) DO UPDATE SET issuer = excluded.issuer, number = excluded.number, \
             this_update = excluded.this_update, next_update = excluded.next_update",
            values![
                &new.key,
                new.issuer,
                list.number,
                list.this_update.unix_timestamp(),
                list.next_update.unix_timestamp()
            ],
        )?;
        // Later revocations must wait for another list.
        self.execute(
            &format!("UPDATE open_step SET list = ?2 WHERE step = 'list' AND identity IN ({REVOKED_BY})"),
            values![new.issuer, list.number, new.generation.map(Generation::number)],
        )?;
        Ok((list, entries))
    }
}

/// The error for a list that would be earlier than the last one of its key.
fn clock_behind(issuer: &str, before: OffsetDateTime, now: OffsetDateTime, is_far: bool) -> Error {
    let word = shell_word(issuer);
    let fix = match is_far {
        false => format!("check the clock of this machine; if it is right, wait until {}", rfc3339(before)),
        true => format!(
            "check the clock of this machine; if it is right, the last list was made with a wrong clock: run `tbpki crl \
             --accept-clock`, and restart the brokers, because a reload can keep the last list. `tbpki ca prepare {word}`, \
             `tbpki crl` and `tbpki ca activate {word}` replace the key, which ends its lists for good"
        ),
    };
    Code::ClockBehind
        .error(format!("the last revocation list of {issuer} is from the future"))
        .because(format!("it was made at {}, and now it is {}", rfc3339(before), rfc3339(now)))
        .fix(fix)
}
