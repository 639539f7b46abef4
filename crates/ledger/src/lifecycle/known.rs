//! Rows about certificates that exist already: found by a repair, adopted with a fleet, or imported.

pub(crate) mod job;

use std::collections::BTreeSet;
use std::str::FromStr;

use base::{Code, Error, Result};
use time::OffsetDateTime;

use crate::entry::{Entry, IssuedRecord, NewIdentity};
use crate::job::{JobId, JobUid};
use crate::key::{Generation, Key, Kind, SerialNumber};
use crate::lifecycle::origin::Origin;
use crate::lifecycle::revocation::Revocation;
use crate::lifecycle::role::Role;
use crate::state::State;
use crate::transaction::Transaction;
use crate::value::{one_of, values};
use crate::view::View;

/// The fingerprint in the row of a certificate that the ledger has never seen: only its serial number is known, from a
/// revocation. No certificate has this hash, so no file is ever taken for this row.
pub const UNSEEN: [u8; 32] = [0; 32];

/// An identity whose certificate exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownIdentity {
    /// The fields that a new identity has too.
    pub identity: NewIdentity,
    /// The certificate.
    pub issued: IssuedRecord,
    /// The role among the generations of its name.
    pub role: Role,
    /// The generation of the CA that signed; `None` if it is unknown.
    pub issuer_generation: Option<Generation>,
    /// The time of issuing, in whole seconds; as far as it is known, the beginning of the validity.
    pub issued_at: OffsetDateTime,
    /// The origin of the row.
    pub origin: Origin,
    /// The job that issued it, and the number of its name there.
    pub job: Option<(JobId, u64)>,
    /// The host name of the station that issued it, if it is known and no job issued it.
    pub station: Option<String>,
    /// The revocation; only with [`Role::Revoked`].
    pub revocation: Option<Revocation>,
}

impl FromStr for JobUid {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Code::BadValue.error(format!("{text:?} is not the identifier of a job"));
        let octets = base::hex::decode(text).ok_or_else(wrong)?;
        Ok(Self(octets.try_into().map_err(|_| wrong())?))
    }
}

impl View {
    /// The revoked certificates that the ledger has never seen, each with its CA.
    ///
    /// # Errors
    /// Those of the database, here and below.
    pub fn unseen(&self) -> Result<BTreeSet<(SerialNumber, String)>> {
        let sql = "SELECT serial, issuer FROM identity WHERE role = 'revoked' AND fingerprint = ?1";
        let rows = self.query(sql, values![&UNSEEN])?;
        rows.iter().map(|row| Ok((SerialNumber::new(&row.get::<Vec<u8>>(0)?)?, row.get(1)?))).collect()
    }

    /// The job with this identifier.
    pub fn job_of_uid(&self, uid: JobUid) -> Result<Option<JobId>> {
        let row = self.one("SELECT id FROM job WHERE uid = ?1", values![&uid.0])?;
        row.map(|row| Ok(JobId(row.get(0)?))).transpose()
    }

    /// Superseded generations that can be in use all the same: earlier versions let a job issue a name that had a
    /// certificate in use. Each of them stays here until [`Transaction::settle_doubt`], or until it is revoked.
    pub fn in_doubt(&self) -> Result<Vec<Entry>> {
        let sql = "JOIN in_doubt ON in_doubt.identity = identity.id WHERE role = 'superseded' \
            ORDER BY kind, name, generation";
        self.entries(sql, &[])
    }
}

impl Transaction<'_> {
    /// Records an identity whose certificate exists, as the next generation of its name, and returns that. If the ledger
    /// has a row with its serial number that was never completed, that row is completed. If it has one of an
    /// [unseen](UNSEEN) certificate, that one gets its name, and stays revoked whatever the role is.
    ///
    /// A current or pending generation supersedes the present one of that role.
    ///
    /// # Errors
    /// Those of the database.
    pub fn record_known(&self, known: &KnownIdentity) -> Result<Key> {
        self.record_known_as(known, None)
    }

    /// As [`record_known`](Self::record_known), as the generation with this number: the directories of a CA name its
    /// generations. The caller has found that number free.
    ///
    /// # Errors
    /// Those of the database.
    pub fn record_known_as(&self, known: &KnownIdentity, number: Option<u32>) -> Result<Key> {
        let new = &known.identity;
        let key = |generation| Key { kind: new.kind, name: new.name.clone(), generation: Generation(generation) };
        if let Some(generation) = self.complete_unseen(known, number)? {
            return Ok(key(generation));
        }
        if known.role.is_in_use() {
            // Only kind and name of the key are used here; the generation is not known yet.
            self.supersede(&key(1), known.role)?;
        }
        // An attempt that was interrupted may have a row with this
        // serial number: then the certificate was made all the same.
        let found = self.one(
            "SELECT id, generation, kind, name FROM identity WHERE serial = ?1 AND issuer = ?2 \
             AND state IN ('intended', 'void')",
            values![new.serial.octets(), &new.issuer],
        )?;
        let (row, generation) = match found {
            Some(row) => {
                let (kind, name): (String, String) = (row.get(2)?, row.get(3)?);
                if one_of(&Kind::ALL, Kind::as_str, &kind)? != new.kind || name != new.name {
                    return Err(self.bug(format!("the serial number of {} is that of {kind} {name}", new.name)));
                }
                (row.get(0)?, row.get(1)?)
            }
            None => self.insert_known(known, number)?,
        };
        let state = if known.role == Role::Revoked { State::Revoked } else { State::Issued };
        let revocation = known.revocation.as_ref();
        self.execute(
            "UPDATE identity SET state = ?2, role = ?3, fingerprint = ?4, credentials_id = ?5, issued_at = ?6, \
             revoked_at = ?7, revocation_reason = ?8, origin = ?9, job = ?10, number = ?11, voided_at = NULL, \
             last_error = NULL, issuer_generation = coalesce(CAST(?12 AS BIGINT), issuer_generation), \
             station = coalesce(CAST(?13 AS TEXT), station) WHERE id = ?1",
            values![
                row,
                state.as_str(),
                known.role.as_str(),
                &known.issued.fingerprint,
                known.issued.credentials_id.as_ref(),
                known.issued_at.unix_timestamp(),
                revocation.map(|revocation| revocation.at.unix_timestamp()),
                revocation.and_then(|revocation| revocation.reason.as_ref()),
                known.origin.as_str(),
                known.job.map(|(job, _)| job.0),
                known.job.map(|(_, number)| number),
                known.issuer_generation.map(Generation::number),
                known.station.as_ref(),
            ],
        )?;
        Ok(key(generation))
    }

    /// Gives the row of an unseen certificate what is known of it by now, and returns its generation. `None` if there is no
    /// such row.
    fn complete_unseen(&self, known: &KnownIdentity, number: Option<u32>) -> Result<Option<u32>> {
        let new = &known.identity;
        // A second list that has the same serial number brings nothing new.
        if known.issued.fingerprint == UNSEEN {
            return Ok(None);
        }
        let sql = "SELECT id FROM identity WHERE serial = ?1 AND issuer = ?2 AND role = 'revoked' AND fingerprint = ?3";
        let Some(row) = self.one(sql, values![new.serial.octets(), &new.issuer, &UNSEEN])? else { return Ok(None) };
        let row: i64 = row.get(0)?;
        let generation = self.known_generation(new, number)?;
        let parameters = self.parameters(&new.parameters)?;
        self.execute(
            "UPDATE identity SET kind = ?2, name = ?3, generation = ?4, profile = ?5, algorithm = ?6, parameters = ?7, \
             not_before = ?8, not_after = ?9, fingerprint = ?10, credentials_id = ?11, issued_at = ?12, \
             intended_at = ?12, origin = ?13, job = ?14, number = ?15, issuer_generation = CAST(?16 AS BIGINT), \
             station = coalesce(CAST(?17 AS TEXT), station) WHERE id = ?1",
            values![
                row,
                new.kind.as_str(),
                &new.name,
                generation,
                &new.profile,
                &new.algorithm,
                parameters,
                new.not_before.unix_timestamp(),
                new.not_after.unix_timestamp(),
                &known.issued.fingerprint,
                known.issued.credentials_id.as_ref(),
                known.issued_at.unix_timestamp(),
                known.origin.as_str(),
                known.job.map(|(job, _)| job.0),
                known.job.map(|(_, number)| number),
                known.issuer_generation.map(Generation::number),
                known.station.as_ref(),
            ],
        )?;
        Ok(Some(generation))
    }

    /// The generation that a row gets: the next one of its name, unless it is given.
    fn known_generation(&self, new: &NewIdentity, number: Option<u32>) -> Result<u32> {
        let last = self.one(
            "SELECT max(generation) FROM identity WHERE kind = ?1 AND name = ?2",
            values![new.kind.as_str(), &new.name],
        )?;
        let last: Option<u32> = last.map_or(Ok(None), |row| row.get(0))?;
        Ok(number.unwrap_or_else(|| last.unwrap_or_default().saturating_add(1)))
    }

    /// Inserts the row of an identity, for now as void, and returns its row number and its generation.
    fn insert_known(&self, known: &KnownIdentity, number: Option<u32>) -> Result<(i64, u32)> {
        let new = &known.identity;
        let generation = self.known_generation(new, number)?;
        let parameters = self.parameters(&new.parameters)?;
        let row = self.one(
            "INSERT INTO identity (kind, name, generation, serial, profile, algorithm, parameters, issuer, not_before, \
             not_after, state, role, intended_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'void', 'void', ?11) RETURNING id",
            values![
                new.kind.as_str(),
                &new.name,
                generation,
                new.serial.octets(),
                &new.profile,
                &new.algorithm,
                parameters,
                &new.issuer,
                new.not_before.unix_timestamp(),
                new.not_after.unix_timestamp(),
                known.issued_at.unix_timestamp(),
            ],
        )?;
        let row = row.ok_or_else(|| self.bug("a new row is not there".to_owned()))?;
        Ok((row.get(0)?, generation))
    }

    /// Makes an earlier generation the current one again, and the current one superseded: for a name with two
    /// certificates in use.
    ///
    /// # Errors
    /// As [`retire`](Self::retire).
    pub fn reinstate(&self, key: &Key) -> Result<()> {
        let (row, role) = self.role_of(key)?;
        if !role.can_be_revoked() {
            return Err(self.bug(format!("{key} is {role} and cannot be used")));
        }
        self.stay_unregistered(key)?;
        self.supersede(key, Role::Current)?;
        self.execute("UPDATE identity SET role = 'current' WHERE id = ?1", values![row]).map(drop)
    }

    /// Records that a superseded generation can be in use all the same.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`] if there is no such row.
    pub fn doubt(&self, key: &Key) -> Result<()> {
        let (row, _) = self.role_of(key)?;
        self.execute("INSERT INTO in_doubt (identity) VALUES (?1) ON CONFLICT DO NOTHING", values![row]).map(drop)
    }

    /// Records which generation of a name is in use; the others that were in doubt are retired.
    ///
    /// # Errors
    /// As [`retire`](Self::retire).
    pub fn settle_doubt(&self, key: &Key) -> Result<()> {
        if self.role_of(key)?.1 != Role::Current {
            self.reinstate(key)?;
        }
        let values = values![key.kind.as_str(), &key.name];
        self.execute(
            "UPDATE identity SET role = 'retired' WHERE kind = ?1 AND name = ?2 AND role = 'superseded' \
             AND (id IN (SELECT identity FROM in_doubt) OR generation > (SELECT min(doubtful.generation) FROM identity \
             AS doubtful JOIN in_doubt ON in_doubt.identity = doubtful.id WHERE doubtful.kind = ?1 AND doubtful.name = ?2))",
            values,
        )?;
        self.execute(
            "DELETE FROM in_doubt WHERE identity IN (SELECT id FROM identity WHERE kind = ?1 AND name = ?2)",
            values,
        )
        .map(drop)
    }

    /// Records that a name was forgotten: all of its generations. Those in use are retired; what is open about a renewal is
    /// given up, and a one-time password that was not used is removed.
    ///
    /// # Errors
    /// Those of the database.
    pub fn forget(&self, kind: Kind, name: &str) -> Result<()> {
        let of_name = "identity IN (SELECT id FROM identity WHERE kind = ?1 AND name = ?2)";
        let values = values![kind.as_str(), name];
        self.execute(&format!("DELETE FROM renewal_step WHERE {of_name}"), values)?;
        self.execute(&format!("DELETE FROM in_doubt WHERE {of_name}"), values)?;
        self.execute(&format!("UPDATE enrolled SET swap = NULL WHERE swap = 'open' AND {of_name}"), values)?;
        if kind == Kind::Device {
            self.end_enrolment(name)?;
        }
        self.execute(
            "UPDATE identity SET role = CASE role WHEN 'current' THEN 'retired' WHEN 'pending' THEN 'retired' \
             ELSE role END, forgotten_at = coalesce(forgotten_at, CAST(?3 AS BIGINT)) \
             WHERE kind = ?1 AND name = ?2 AND role <> 'intended'",
            values![kind.as_str(), name, self.now()],
        )
        .map(drop)
    }
}

impl Transaction<'_> {
    /// Revokes a generation as a published revocation list has it: nothing is left to make known.
    ///
    /// # Errors
    /// Those of [`revoke`](Self::revoke).
    pub fn revoke_as_listed(&self, key: &Key, revocation: &Revocation) -> Result<()> {
        self.revoke(key, revocation.reason.as_deref(), &[])?;
        let (row, _) = self.role_of(key)?;
        let at = revocation.at.unix_timestamp();
        // `revoke` has set the present time, and the list has the true one.
        self.execute("UPDATE identity SET revoked_at = ?2 WHERE id = ?1", values![row, at]).map(drop)
    }
}
