//! Enrolment over the network: one-time passwords, and the certificates that were sent.

pub(crate) mod ending;
pub(crate) mod grace;
pub(crate) mod history;
pub(crate) mod key_holder;
pub(crate) mod request;

use std::collections::{HashMap, HashSet};

use base::Result;
use time::OffsetDateTime;

use crate::entry::{Entry, IntendedIdentity, IssuedRecord};
use crate::key::{Generation, Key, Kind};
use crate::ledger::Ledger;
use crate::lifecycle::enrolment::history::{NameHistory, revoked_of};
use crate::lifecycle::revocation::OpenStep;
use crate::lifecycle::role::Role;
use crate::transaction::Transaction;
use crate::value::{LISTED, SqlRow, SqlValue, at, list_of_places, one_of, values};
use crate::view::View;

/// A one-time password that is about to be given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPassword<'a> {
    /// The device's name.
    pub device: &'a str,
    /// The label that it is for: the device's profile; `None` for the devices' issuing CA.
    pub label: Option<&'a str>,
    /// SHA-256 over the password.
    // A plain hash is enough: tbpki makes the password from at least 128 random bits, so it cannot be guessed.
    pub hash: [u8; 32],
    /// The time from which on it is refused.
    pub expires_at: OffsetDateTime,
}

/// A one-time password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Password {
    /// The label that it is for.
    pub label: Option<String>,
    /// SHA-256 over the password.
    pub hash: [u8; 32],
    /// The time at which it was made.
    pub made_at: OffsetDateTime,
    /// The time from which on it is refused, unless it is in use ([`View::is_password_in_use`]).
    pub expires_at: OffsetDateTime,
    /// SHA-256 over the public key that used it first (SubjectPublicKeyInfo in DER); `None` before its first use.
    pub key: Option<[u8; 32]>,
    /// Whether its certificate was confirmed.
    pub is_spent: bool,
}

/// A certificate that was sent over the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// SHA-256 over its public key (SubjectPublicKeyInfo in DER).
    pub key: [u8; 32],
    /// The certificate in DER.
    pub certificate: Vec<u8>,
    /// The time at which its holder first used it with the service.
    pub used_at: Option<OffsetDateTime>,
    /// Whether the platform has yet to take it.
    pub is_swap_open: bool,
    /// The reason for which the platform did not take it the last time.
    pub error: Option<String>,
}

/// The condition, over identity and its row in enrolled, that a generation is in use: it was used with the service, or it is
/// current and was issued without the service.
pub(super) const IS_USED: &str = "(used_at IS NOT NULL OR (enrolled.identity IS NULL AND role = 'current'))";

/// The condition, over `enrolment_password` and with the present time as a parameter, that a device can enrol with its
/// password: it is not spent, and has not expired or is in use.
pub(super) fn is_password_open(now: &str) -> String {
    format!("(spent_at IS NULL AND (expires_at > {now} OR {}))", PASSWORD_IN_USE.replace("?1", now))
}

/// The condition, over `enrolment_password` and with the present time as the first parameter, that a password is in use.
const PASSWORD_IN_USE: &str = "(spent_at IS NULL AND (\
    EXISTS (SELECT 1 FROM enrolment_request AS asked WHERE asked.device = enrolment_password.device \
        AND asked.key = enrolment_password.key AND coalesce(asked.decision, '') <> 'denied') \
    OR EXISTS (SELECT 1 FROM identity JOIN enrolled ON enrolled.identity = identity.id \
        WHERE identity.kind = 'device' AND identity.name = enrolment_password.device \
        AND enrolled.key = enrolment_password.key AND enrolled.used_at IS NULL \
        AND identity.role = 'pending' AND identity.not_after > ?1)))";

/// The condition, over identity, that its device cannot hold a superseded generation any more: the device uses a later one.
/// Those that an earlier version left in doubt can be in use, and so can a renewal that another renewal replaced before
/// either was used.
pub(super) fn is_replaced() -> String {
    format!(
        "(identity.id NOT IN (SELECT identity FROM in_doubt) AND EXISTS (SELECT 1 FROM identity AS other \
         LEFT JOIN enrolled ON enrolled.identity = other.id WHERE other.kind = identity.kind \
         AND other.name = identity.name AND other.generation > identity.generation AND {IS_USED}))"
    )
}

impl View {
    /// The password of a device; `None` if it never had one, or if it has expired and was removed.
    ///
    /// # Errors
    /// Those of the database, here and below.
    pub fn password_of(&self, device: &str) -> Result<Option<Password>> {
        let sql = "SELECT label, hash, expires_at, key, spent_at, made_at FROM enrolment_password WHERE device = ?1";
        self.one(sql, values![device])?
            .map(|row| {
                Ok(Password {
                    label: row.get(0)?,
                    hash: row.get(1)?,
                    expires_at: at(row.get(2)?)?,
                    key: row.get(3)?,
                    is_spent: row.get::<Option<i64>>(4)?.is_some(),
                    made_at: at(row.get(5)?)?,
                })
            })
            .transpose()
    }

    /// Which of these devices have a one-time password that can be used at `now` or is in use then, each with the time at which
    /// it was made.
    pub fn usable_passwords_among(
        &self,
        names: &[&str],
        now: OffsetDateTime,
    ) -> Result<HashMap<String, OffsetDateTime>> {
        let mut usable = HashMap::new();
        for names in names.chunks(LISTED) {
            let sql = format!(
                "SELECT device, made_at FROM enrolment_password WHERE device IN {} AND spent_at IS NULL \
                 AND (expires_at > ?1 OR {PASSWORD_IN_USE})",
                list_of_places(2, names.len())
            );
            let values: Vec<SqlValue<'_>> = std::iter::once(now.unix_timestamp().into())
                .chain(names.iter().map(|name| SqlValue::from(*name)))
                .collect();
            for row in self.query(&sql, &values)? {
                usable.insert(row.get(0)?, at(row.get(1)?)?);
            }
        }
        Ok(usable)
    }

    /// Which of these devices have a certificate, revoked ones and those of forgotten devices not counted.
    pub fn devices_among(&self, names: &[&str]) -> Result<HashSet<String>> {
        let mut devices = HashSet::new();
        for names in names.chunks(LISTED) {
            let sql = format!(
                "SELECT DISTINCT name FROM identity WHERE kind = 'device' AND role IN ('current', 'pending') \
                 AND forgotten_at IS NULL AND name IN {}",
                list_of_places(1, names.len())
            );
            let values: Vec<SqlValue<'_>> = names.iter().map(|name| SqlValue::from(*name)).collect();
            for row in self.query(&sql, &values)? {
                devices.insert(row.get(0)?);
            }
        }
        Ok(devices)
    }

    /// Whether the password of a device is in use at `now`: the key that it is bound to has a request that is not denied, or a
    /// certificate that is sent and not confirmed yet.
    pub fn is_password_in_use(&self, device: &str, now: OffsetDateTime) -> Result<bool> {
        let sql = format!("SELECT 1 FROM enrolment_password WHERE device = ?2 AND {PASSWORD_IN_USE}");
        Ok(self.one(&sql, values![now.unix_timestamp(), device])?.is_some())
    }

    /// The number of passwords that can be used at `now`.
    pub fn open_passwords(&self, now: OffsetDateTime) -> Result<u64> {
        let sql = "SELECT count(*) FROM enrolment_password WHERE spent_at IS NULL AND expires_at > ?1";
        self.one(sql, values![now.unix_timestamp()])?.map_or(Ok(0), |row| row.get(0))
    }

    /// The certificate of a generation that was sent over the network; `None` for other generations.
    pub fn enrolled(&self, key: &Key) -> Result<Option<Enrolled>> {
        let (row, _) = self.locate(key)?;
        let sql = "SELECT key, certificate, used_at, swap, error FROM enrolled WHERE identity = ?1";
        self.one(sql, values![row])?
            .map(|row| {
                Ok(Enrolled {
                    key: row.get(0)?,
                    certificate: row.get(1)?,
                    used_at: row.get::<Option<i64>>(2)?.map(at).transpose()?,
                    is_swap_open: row.get::<Option<String>>(3)?.as_deref() == Some("open"),
                    error: row.get(4)?,
                })
            })
            .transpose()
    }

    /// Whether a later generation of the name is in use: it was used with the service, or it is current and was issued
    /// without the service.
    pub fn is_later_one_used(&self, key: &Key) -> Result<bool> {
        let sql = format!(
            "SELECT 1 FROM identity LEFT JOIN enrolled ON enrolled.identity = identity.id \
             WHERE kind = ?1 AND name = ?2 AND generation > ?3 AND {IS_USED} LIMIT 1"
        );
        Ok(self.one(&sql, values![key.kind.as_str(), &key.name, key.generation.0])?.is_some())
    }

    /// The time at which a later generation of the name was first used with the service; `None` if none was.
    pub fn first_use_of_later(&self, key: &Key) -> Result<Option<OffsetDateTime>> {
        let sql = "SELECT min(used_at) FROM identity JOIN enrolled ON enrolled.identity = identity.id \
            WHERE kind = ?1 AND name = ?2 AND generation > ?3";
        let row = self.one(sql, values![key.kind.as_str(), &key.name, key.generation.0])?;
        row.map(|row| row.get::<Option<i64>>(0)).transpose()?.flatten().map(at).transpose()
    }

    /// The generations that the platform has yet to take, in the order of their use.
    pub fn open_swaps(&self) -> Result<Vec<Entry>> {
        self.entries(
            "WHERE identity.id IN (SELECT identity FROM enrolled WHERE swap = 'open') ORDER BY identity.id",
            &[],
        )
    }

    /// The number of generations that the platform has yet to take.
    pub fn count_open_swaps(&self) -> Result<u64> {
        let row = self.one("SELECT count(*) FROM enrolled WHERE swap = 'open'", &[])?;
        row.map_or(Ok(0), |row| row.get(0))
    }

    /// Why the platform did not take generations the last time, of those that it has yet to take.
    pub fn swap_errors(&self) -> Result<Vec<(Key, String)>> {
        let sql = "SELECT kind, name, generation, error FROM identity JOIN enrolled ON enrolled.identity = identity.id \
            WHERE swap = 'open' AND error IS NOT NULL ORDER BY identity.id";
        let read = |row: &SqlRow| -> Result<(Key, String)> {
            let kind = one_of(&Kind::ALL, Kind::as_str, &row.get::<String>(0)?)?;
            Ok((Key { kind, name: row.get(1)?, generation: Generation(row.get(2)?) }, row.get(3)?))
        };
        self.query(sql, &[])?.iter().map(|row| read(row).map_err(|error| error.at(self.path()))).collect()
    }
}

impl Ledger {
    /// Records a password. It takes the place of an earlier one of the same device.
    pub fn new_password(&mut self, new: &NewPassword<'_>) -> Result<()> {
        self.new_passwords(std::slice::from_ref(new))
    }

    /// Records passwords, all of them or none. Each takes the place of an earlier one of the same device.
    pub fn new_passwords(&mut self, passwords: &[NewPassword<'_>]) -> Result<()> {
        self.transaction(|transaction| passwords.iter().try_for_each(|new| transaction.new_password(new)))
    }

    /// Removes passwords that expired before `now` and are not in use, and returns their number.
    pub fn remove_expired_passwords(&mut self, now: OffsetDateTime) -> Result<u64> {
        let sql = format!("DELETE FROM enrolment_password WHERE expires_at <= ?1 AND NOT {PASSWORD_IN_USE}");
        self.transaction(|transaction| transaction.execute(&sql, values![now.unix_timestamp()]))
    }

    /// Records that the platform has taken a generation: it is current and registered from now on, and the one before it
    /// superseded. Returns false if the generation is out of use meanwhile. If it was revoked, the step that takes its
    /// certificate from the platform is open then.
    pub fn swap_done(&mut self, key: &Key) -> Result<bool> {
        self.transaction(|transaction| {
            let (row, role) = transaction.role_of(key)?;
            if !transaction.take_up(key)? {
                // The platform took the certificate while it was revoked, and accepts it until it is removed there.
                if role == Role::Revoked {
                    transaction.open_step(key, OpenStep::Platform)?;
                }
                return transaction.remove_swap(row).map(|()| false);
            }
            transaction.promote(key)?;
            transaction.registered(key)?;
            transaction.execute("UPDATE enrolled SET swap = 'done', error = NULL WHERE identity = ?1", values![row])?;
            Ok(true)
        })
    }

    /// Makes a generation that was used the pending one again, if only later ones that were never used have its place: the
    /// platform must have one that the holder has proven. Returns whether it is current or pending now.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`](base::Code::UnknownIdentity) if there is no such row.
    pub fn take_up(&mut self, key: &Key) -> Result<bool> {
        self.transaction(|transaction| transaction.take_up(key))
    }

    /// Records that the platform does not get a generation that its device uses, because the device was taken from the
    /// platform: it is current from now on, unless it is out of use.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`](base::Code::UnknownIdentity) if there is no such row.
    pub fn used_without_platform(&mut self, key: &Key) -> Result<()> {
        self.transaction(|transaction| {
            if transaction.take_up(key)? {
                transaction.promote(key)?;
            }
            let (row, _) = transaction.locate(key)?;
            transaction.remove_swap(row)
        })
    }

    /// Records that the platform does not get a generation, because it is out of use.
    pub fn swap_ended(&mut self, key: &Key) -> Result<()> {
        self.transaction(|transaction| {
            let (row, _) = transaction.locate(key)?;
            let sql = "UPDATE enrolled SET swap = NULL, error = NULL WHERE identity = ?1 AND swap = 'open'";
            transaction.execute(sql, values![row]).map(drop)
        })
    }

    /// Records why the platform did not take a generation. The text must hold no secret.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`](base::Code::UnknownIdentity) if there is no such row.
    pub fn swap_failed(&mut self, key: &Key, error: &str) -> Result<()> {
        self.transaction(|transaction| {
            let (row, _) = transaction.locate(key)?;
            transaction.execute("UPDATE enrolled SET error = ?2 WHERE identity = ?1", values![row, error])?;
            Ok(())
        })
    }
}

impl Transaction<'_> {
    fn new_password(&self, new: &NewPassword<'_>) -> Result<()> {
        self.execute(
            "INSERT INTO enrolment_password (device, label, hash, made_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (device) DO UPDATE SET label = excluded.label, hash = excluded.hash, \
             made_at = excluded.made_at, expires_at = excluded.expires_at, key = NULL, spent_at = NULL",
            values![new.device, new.label, &new.hash, self.now(), new.expires_at.unix_timestamp()],
        )
        .map(drop)
    }

    /// Binds a device's password to the public key with this SHA-256. May be repeated with the same key.
    ///
    /// # Errors
    /// [`Code::Internal`](base::Code::Internal) if another key has used it, which callers check.
    pub fn bind_password(&self, device: &str, key: &[u8; 32]) -> Result<()> {
        // One statement looks and binds: of two keys that come at the same moment one wins.
        let sql = "UPDATE enrolment_password SET key = ?2 WHERE device = ?1 AND (key IS NULL OR key = ?2)";
        match self.execute(sql, values![device, key])? {
            1 => Ok(()),
            _ => Err(self.bug(format!("the password of {device} belongs to another key"))),
        }
    }

    /// Records a certificate that is sent, next to its generation. `public` is SHA-256 over its public key.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`](base::Code::UnknownIdentity) if there is no such row.
    pub fn sent(&self, key: &Key, public: &[u8; 32], certificate: &[u8]) -> Result<()> {
        let (row, _) = self.locate(key)?;
        self.sent_in_row(row, public, certificate)
    }

    /// Records an intended identity as signed, waiting for its use, and the certificate that is sent to its holder. An
    /// earlier pending generation is superseded. `public` is SHA-256 over the public key.
    ///
    /// Returns false if a generation of the name was revoked since it was intended: the new one is void then, and must not
    /// be sent.
    ///
    /// # Errors
    /// [`Code::Internal`](base::Code::Internal) if it is not intended any more.
    pub fn issued_and_sent(
        &self,
        intended: &IntendedIdentity,
        issued: &IssuedRecord,
        public: &[u8; 32],
        certificate: &[u8],
    ) -> Result<bool> {
        let IntendedIdentity { key, row, revoked } = intended;
        // Another station can revoke while this one signs, and its revocation covers only what had a certificate by then.
        let now_revoked =
            self.one(&format!("SELECT {} FROM identity WHERE id = ?1", revoked_of("identity")), values![*row])?;
        if now_revoked.map_or(Ok(0), |row| row.get::<u64>(0))? != *revoked {
            return self.void(key, "the device was revoked while its certificate was made").map(|()| false);
        }
        // First, because an index allows one pending generation for each name.
        self.supersede(key, Role::Pending)?;
        let changed = self.execute(
            "UPDATE identity SET state = 'issued', issued_at = ?2, last_error = NULL, fingerprint = ?3, \
             credentials_id = ?4, role = 'pending' WHERE id = ?1 AND state = 'intended'",
            values![*row, self.now(), &issued.fingerprint, issued.credentials_id.as_ref()],
        )?;
        if changed != 1 {
            return Err(self.bug(format!("{key} is not intended any more, and cannot become issued")));
        }
        self.sent_in_row(*row, public, certificate).map(|()| true)
    }

    fn sent_in_row(&self, row: i64, public: &[u8; 32], certificate: &[u8]) -> Result<()> {
        self.execute(
            "INSERT INTO enrolled (identity, key, certificate) VALUES (?1, ?2, ?3)",
            values![row, public, certificate],
        )
        .map(drop)
    }

    /// Records that a generation was used by its holder, and spends the device's password. If the generation before it is
    /// registered with a platform, the platform takes it later, and until then the one before stays current; otherwise
    /// the generation is current from now on. Returns whether anything changed.
    ///
    /// # Errors
    /// Those of the database.
    pub fn used(&self, key: &Key) -> Result<bool> {
        self.used_in(&mut self.name_history(key.kind, &key.name)?, key)
    }

    /// As [`Self::used`], for a name whose generations were read in this transaction. The history follows the change.
    ///
    /// # Errors
    /// As [`Self::used`].
    pub fn used_in(&self, history: &mut NameHistory, key: &Key) -> Result<bool> {
        let Some(own) = history.of(key.generation) else {
            return Err(self.unknown(key));
        };
        let Some(sent) = own.sent.filter(|sent| !sent.is_used) else { return Ok(false) };
        let sql = "UPDATE enrolled SET used_at = ?2 WHERE identity = ?1 AND used_at IS NULL";
        if self.execute(sql, values![own.row, self.now()])? == 0 {
            return Ok(false);
        }
        if history.has_passwords {
            // Only the password that this very key has used: an operator may have made a new one since.
            let sql = "UPDATE enrolment_password SET spent_at = ?2 WHERE device = ?1 AND spent_at IS NULL AND key = ?3";
            self.execute(sql, values![&key.name, self.now(), &sent.key])?;
        }
        let before = history.current().filter(|before| before.generation != key.generation);
        let is_pending = self.becomes_pending((own.row, own.role), key, before.map(|before| before.generation))?;
        // A platform that knows the certificate before must get this one first. Else no login would work in between.
        let is_swapped = is_pending && before.is_some_and(|before| before.is_registered);
        if is_swapped {
            self.execute("UPDATE enrolled SET swap = 'open' WHERE identity = ?1", values![own.row])?;
        } else if is_pending {
            // First, because an index allows one current generation for each name.
            before.map_or(Ok(()), |before| self.supersede_row(before.row, history.has_steps))?;
            self.make_current(own.row, history.has_steps)?;
        }
        if is_pending && own.role != Role::Pending {
            // A pending one has lost its role.
            *history = self.name_history(key.kind, &key.name)?;
        } else {
            history.follow_use(key.generation, is_pending && !is_swapped);
        }
        Ok(true)
    }

    /// Makes a pending generation current without its use, unless the generation before it is registered with a platform:
    /// that one stays until the platform has the next. The generation before can still come back, since the new one is not
    /// used. Returns whether it is current.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`](base::Code::UnknownIdentity) if there is no such row.
    pub fn in_use_from_now(&self, key: &Key) -> Result<bool> {
        let before = self.current(key.kind, &key.name)?;
        if before.is_some_and(|before| before.is_registered()) {
            return Ok(false);
        }
        self.promote(key).map(|()| true)
    }

    /// Records that the platform has yet to take a generation that was sent over the network: the first one of a device.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`](base::Code::UnknownIdentity) if there is no such row.
    pub fn open_swap(&self, key: &Key) -> Result<()> {
        let (row, _) = self.locate(key)?;
        self.execute("UPDATE enrolled SET swap = 'open' WHERE identity = ?1 AND swap IS NULL", values![row]).map(drop)
    }

    fn remove_swap(&self, row: i64) -> Result<()> {
        self.execute("UPDATE enrolled SET swap = NULL, error = NULL WHERE identity = ?1", values![row]).map(drop)
    }

    /// [`Ledger::take_up`], as a part of a transaction.
    fn take_up(&self, key: &Key) -> Result<bool> {
        let (row, role) = self.role_of(key)?;
        match role {
            Role::Current | Role::Pending => Ok(true),
            // A later certificate was sent and superseded this one, but the device has used this one only.
            Role::Superseded if !self.is_later_one_used(key)? => {
                let current = self.current(key.kind, &key.name)?;
                self.becomes_pending((row, role), key, current.as_ref().map(Entry::generation))
            }
            _ => Ok(false),
        }
    }

    /// Makes a generation that is used the pending one, in place of a later one that was sent and never used. Returns
    /// whether it is pending: nothing takes the place of a current generation that is later.
    fn becomes_pending(&self, (row, role): (i64, Role), key: &Key, current: Option<Generation>) -> Result<bool> {
        let is_newer = current.is_none_or(|current| current < key.generation);
        match role {
            Role::Pending => Ok(true),
            Role::Superseded if is_newer => {
                self.supersede(key, Role::Pending)?;
                self.execute("UPDATE identity SET role = 'pending' WHERE id = ?1", values![row])?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}
