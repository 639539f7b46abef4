//! The generations of CAs: what depends on one, and taking it out of service.

pub(crate) mod cross;
pub(crate) mod cross_name;

use base::Result;
use time::OffsetDateTime;

use crate::entry::Entry;
use crate::filter::Filter;
use crate::key::{Generation, Key, Kind};
use crate::ledger::Ledger;
use crate::lifecycle::enrolment::is_replaced;
use crate::lifecycle::role::Role;
use crate::lifecycle::rollover::cross::CrossParameters;
use crate::lifecycle::rollover::cross_name::of_cross_name;
use crate::transaction::Transaction;
use crate::value::values;
use crate::view::View;

/// The certificates that depend on a generation of a CA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dependents {
    /// All of them.
    pub count: u64,
    /// Those that a job has issued.
    pub of_jobs: u64,
    /// Those whose renewal waits for its use and does not depend on this generation. Renewals that devices have fetched
    /// are left out: these come into use by themselves.
    pub renewed: u64,
}

impl View {
    /// The number of [`Self::dependents_on`].
    ///
    /// # Errors
    /// Those of the database, here and below.
    pub fn count_issued_by(&self, issuer: &str, generation: Generation, now: OffsetDateTime) -> Result<u64> {
        Ok(self.dependents_on(issuer, generation, now)?.count)
    }

    /// The certificates of servers and devices that a generation of a CA has issued and that are in use
    /// ([`Role::is_in_use`]), or that a device in use can still hold, and that end after `now`. One whose issuing
    /// generation is unknown counts for each of them.
    pub fn dependents_on(&self, issuer: &str, generation: Generation, now: OffsetDateTime) -> Result<Dependents> {
        let sql = format!(
            "SELECT count(*), count(job), count(CASE WHEN role = 'current' AND EXISTS (SELECT 1 FROM identity AS next \
             LEFT JOIN enrolled ON enrolled.identity = next.id WHERE next.kind = identity.kind \
             AND next.name = identity.name AND next.role = 'pending' AND enrolled.identity IS NULL \
             AND (next.issuer <> ?1 OR next.issuer_generation <> ?2)) THEN 1 END) FROM identity WHERE issuer = ?1 AND kind <> 'ca' AND not_after > ?3 \
             AND coalesce(issuer_generation, ?2) = ?2 AND (role IN ('current', 'pending') OR (role = 'superseded' \
             AND EXISTS (SELECT 1 FROM identity AS present WHERE present.kind = identity.kind \
             AND present.name = identity.name AND present.role IN ('current', 'pending')) AND NOT {}))",
            is_replaced()
        );
        let row = self.one(&sql, values![issuer, generation.number(), now.unix_timestamp()])?;
        let none = Dependents { count: 0, of_jobs: 0, renewed: 0 };
        row.map_or(Ok(none), |row| Ok(Dependents { count: row.get(0)?, of_jobs: row.get(1)?, renewed: row.get(2)? }))
    }

    /// How many servers and devices have a current certificate of a CA that ends after `now`: all of them, and those whose
    /// certificate is of this generation.
    pub fn count_below(&self, issuer: &str, generation: Generation, now: OffsetDateTime) -> Result<(u64, u64)> {
        let row = self.one(
            "SELECT count(*), count(CASE WHEN issuer_generation = ?2 THEN 1 END) FROM identity WHERE issuer = ?1 \
             AND kind <> 'ca' AND role = 'current' AND not_after > ?3",
            values![issuer, generation.number(), now.unix_timestamp()],
        )?;
        row.map_or(Ok((0, 0)), |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// The generations of a CA that others trust: the current one first, then the pending one and those that it replaced,
    /// the latest first. Retired and revoked ones are not among them.
    pub fn trusted_generations(&self, ca: &str) -> Result<Vec<Entry>> {
        let sql = "WHERE kind = ?1 AND name = ?2 AND role IN ('current', 'pending', 'superseded') \
            ORDER BY CASE role WHEN 'current' THEN 0 WHEN 'pending' THEN 1 ELSE 2 END, generation DESC";
        self.entries(sql, values![Kind::Ca.as_str(), ca])
    }
}

impl View {
    /// The rows of all CAs, by name and generation.
    ///
    /// # Errors
    /// Those of the database.
    pub fn cas(&self) -> Result<Vec<Entry>> {
        self.list(&Filter { kind: Some(Kind::Ca), ..Filter::default() }).collect()
    }
}

/// The certificates of a CA's key by further generations of its root that are in service although the generation with the
/// key, or that of the root, is not. `cas` are the rows of all CAs.
///
/// # Errors
/// [`Code::LedgerUnreadable`](base::Code::LedgerUnreadable) if the parameters of such a row are damaged: a certificate of a
/// revoked CA must not stay in service unnoticed.
pub fn crosses_out_of_service(cas: &[Entry]) -> Result<Vec<&Entry>> {
    let is_out = |name: &str, generation: Generation| {
        let mut rows = cas.iter().filter(|row| row.key.name == name && row.key.generation == generation);
        rows.any(|row| matches!(row.role, Role::Retired | Role::Revoked))
    };
    let mut out = Vec::new();
    for cross in cas.iter().filter(|row| matches!(row.role, Role::Current | Role::Superseded)) {
        let Some(ca) = of_cross_name(&cross.key.name) else { continue };
        let Some(parameters) = CrossParameters::of_row(cross)? else { continue };
        let is_root_out = cross.issuer_generation.is_some_and(|root| is_out(&cross.issuer, root));
        if is_root_out || is_out(ca, parameters.generation()) {
            out.push(cross);
        }
    }
    Ok(out)
}

impl Ledger {
    /// [`Transaction::retire`] by itself.
    pub fn retire(&mut self, key: &Key) -> Result<()> {
        self.transaction(|transaction| transaction.retire(key))
    }

    /// Retires the certificates of [`crosses_out_of_service`], which ledgers of earlier versions can have. `cas` are the rows
    /// of [`View::cas`].
    ///
    /// # Errors
    /// Those of [`crosses_out_of_service`] and of the database.
    pub fn retire_crosses(&mut self, cas: &[Entry]) -> Result<()> {
        let crosses = crosses_out_of_service(cas)?;
        if crosses.is_empty() {
            return Ok(());
        }
        self.transaction(|transaction| transaction.retire_all(&crosses))
    }
}

impl Transaction<'_> {
    /// Takes a superseded generation out of service, and with it the certificates that it has issued for the keys of the CAs
    /// below it, or that further generations of its root have issued for its key. May be repeated.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`](base::Code::UnknownIdentity) if there is no such row,
    /// [`Code::Internal`](base::Code::Internal) if it is not superseded.
    pub fn retire(&self, key: &Key) -> Result<()> {
        let (row, role) = self.role_of(key)?;
        match role {
            Role::Retired => Ok(()),
            Role::Superseded => {
                self.execute("UPDATE identity SET role = 'retired' WHERE id = ?1", values![row])?;
                self.retire_crosses()?;
                self.end_lists(key)
            }
            role => Err(self.bug(format!("{key} is {role} and cannot be retired"))),
        }
    }

    /// Retires the certificates of [`crosses_out_of_service`].
    pub(crate) fn retire_crosses(&self) -> Result<()> {
        self.retire_all(&crosses_out_of_service(&self.cas()?)?)
    }

    fn retire_all(&self, entries: &[&Entry]) -> Result<()> {
        entries.iter().try_for_each(|entry| {
            let (row, _) = self.role_of(&entry.key)?;
            self.execute("UPDATE identity SET role = 'retired' WHERE id = ?1", values![row]).map(drop)
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::key::SerialNumber;
    use crate::parameters::Parameters;
    use crate::state::State;
    use base::Code;

    /// The row of a CA with these parameters.
    pub(crate) fn row(name: &str, generation: u32, role: Role, parameters: &str) -> Entry {
        Entry {
            key: Key { kind: Kind::Ca, name: name.to_owned(), generation: Generation(generation) },
            serial: SerialNumber::new(&[1]).unwrap(),
            profile: "issuing-ca".to_owned(),
            algorithm: "ec-p256".to_owned(),
            parameters: Parameters::stored(parameters.to_owned()),
            issuer: "devices-root".to_owned(),
            not_before: OffsetDateTime::UNIX_EPOCH,
            not_after: OffsetDateTime::UNIX_EPOCH,
            fingerprint: None,
            credentials_id: None,
            job: None,
            state: State::Issued,
            role,
            issuer_generation: Some(Generation(2)),
            revocation: None,
            last_error: None,
            unregistered_at: None,
            copies: None,
            origin: None,
            forgotten_at: None,
            is_elsewhere: false,
            times: [None; State::ALL.len()],
        }
    }

    const CROSS: &str = r#"{"by":2,"of":1}"#;

    fn out_of(cas: &[Entry]) -> Vec<&str> {
        crosses_out_of_service(cas).unwrap().into_iter().map(|row| row.key.name.as_str()).collect()
    }

    #[test]
    fn a_cross_certificate_is_out_of_service_with_its_key_or_its_root() {
        let rows = |key: Role, root: Role| {
            vec![
                row("devices-issuing", 1, key, r#""CN=a""#),
                row("devices-issuing", 2, Role::Current, r#""CN=a""#),
                row("devices-issuing-cross", 1, Role::Current, CROSS),
                row("devices-root", 1, Role::Superseded, r#""CN=r""#),
                row("devices-root", 2, root, r#""CN=r""#),
            ]
        };
        assert!(out_of(&rows(Role::Superseded, Role::Current)).is_empty());
        for (key, root) in [
            (Role::Retired, Role::Current),
            (Role::Revoked, Role::Current),
            (Role::Superseded, Role::Retired),
            (Role::Superseded, Role::Revoked),
        ] {
            assert_eq!(out_of(&rows(key, root)), ["devices-issuing-cross"], "{key} {root}");
        }
    }

    #[test]
    fn other_rows_are_no_cross_certificates() {
        let retired = row("devices-issuing", 1, Role::Retired, r#""CN=a""#);
        for (role, parameters) in [(Role::Retired, CROSS), (Role::Void, CROSS), (Role::Current, r#""CN=line-cross""#)] {
            let other = row("devices-issuing-cross", 1, role, parameters);
            assert!(out_of(&[retired.clone(), other]).is_empty(), "{role}");
        }
    }

    #[test]
    fn a_damaged_cross_certificate_is_an_error() {
        let damaged = row("devices-issuing-cross", 1, Role::Current, r#"{"of":"#);
        assert_eq!(crosses_out_of_service(&[damaged]).unwrap_err().code(), Code::LedgerUnreadable);
    }
}
