//! Writing: several steps that happen together or not at all.

mod registration;
mod unregistered;

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Deref;

use base::host::host_name;
use base::{Code, Error, Result};

use crate::entry::{IntendedIdentity, IssuedRecord, NewIdentity, NextIdentity};
use crate::key::{Generation, Key};
use crate::lifecycle::enrolment::history::NameHistory;
use crate::lifecycle::issuer::ca_revoked;
use crate::lifecycle::revocation::OpenStep;
use crate::lifecycle::role::Role;
use crate::parameters::Parameters;
use crate::platform::PlatformId;
use crate::platform::focus::Focus;
use crate::postgres::TableLock;
use crate::state::State;
use crate::value::ColumnType::{Bytes, Int, Text};
use crate::value::{RowInsert, SqlValue, one_of, values};
use crate::view::View;

/// Steps that are kept together when [`Ledger::transaction`](crate::Ledger::transaction) ends well, and not at all
/// otherwise. It sees its own steps.
pub struct Transaction<'a> {
    view: &'a View,
    /// One time for all of it, in milliseconds since 1970 (UTC).
    now_ms: i64,
    open: bool,
    /// The platform in focus before it: its row is gone if the transaction is rolled back.
    focus_before: Focus,
    /// The generations of CAs that [`Transaction::plan_next`] has asked for, by their names.
    signing: RefCell<Vec<(String, Option<Generation>)>>,
    /// The rows of parameters that it has asked for.
    parameters: RefCell<HashMap<Parameters, i64>>,
}

/// The statement that records intended identities.
const INSERT_IDENTITY: RowInsert = RowInsert {
    table: "identity",
    columns: &[
        ("kind", Text),
        ("name", Text),
        ("generation", Int),
        ("serial", Bytes),
        ("profile", Text),
        ("algorithm", Text),
        ("parameters", Int),
        ("issuer", Text),
        ("not_before", Int),
        ("not_after", Int),
        ("state", Text),
        ("role", Text),
        ("intended_at", Int),
        ("issuer_generation", Int),
        ("station", Text),
        ("unregistered_at", Int),
    ],
};

impl<'a> Transaction<'a> {
    pub(crate) fn begin(view: &'a View, lock: TableLock) -> Result<Self> {
        let now_ms = view.begin(lock)?;
        let transaction = Self {
            view,
            now_ms,
            open: true,
            focus_before: view.focus(),
            signing: RefCell::default(),
            parameters: RefCell::default(),
        };
        let focus = transaction.focus_before;
        // Until a platform has a row, the columns may be those of one that another station has recorded meanwhile. The row of a
        // further platform is gone if another station has joined it with another one.
        if !focus.is_known || (view.is_shared() && focus.columns.platform != PlatformId::FIRST) {
            view.look_at_platforms()?;
        }
        Ok(transaction)
    }

    pub(crate) fn commit(mut self) -> Result<()> {
        // After a failed COMMIT the transaction may still be open: drop rolls it back.
        self.view.commit()?;
        self.open = false;
        Ok(())
    }

    /// The time of this transaction, in seconds since 1970 (UTC).
    pub(crate) fn now(&self) -> i64 {
        // Rounded towards the past, also for times before 1970, so that a certificate is never recorded as issued in
        // the future.
        self.now_ms.div_euclid(1000)
    }

    /// The time of this transaction, in milliseconds since 1970 (UTC).
    pub(crate) fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Records what is about to be signed and returns its generation.
    ///
    /// # Errors
    /// [`Code::NameReserved`] when the device waits in a job; [`Code::Internal`] when the name has an unfinished
    /// generation, which must be voided first, and when the issuer has used the serial before.
    pub fn intend(&self, identity: &NewIdentity) -> Result<Generation> {
        self.intend_by(identity, self.generation_of(&identity.issuer)?)
    }

    /// As [`Transaction::intend`], for a certificate that this generation of the issuer signs; `None` for one that signs
    /// itself.
    ///
    /// # Errors
    /// As [`Transaction::intend`].
    pub fn intend_by(&self, identity: &NewIdentity, issuer: Option<Generation>) -> Result<Generation> {
        // Inside the transaction: a job could have been staged after the caller's own check.
        self.check_not_reserved(identity.kind, &identity.name)?;
        self.intend_free(identity, issuer)
    }

    /// The next generation of a name, to be recorded with [`Self::intend_all`]. The caller has found the name free in this
    /// transaction, and has read its generations. A renewal of a name that was taken from the platform stays away from there.
    ///
    /// # Errors
    /// As [`Transaction::intend`].
    pub fn plan_next(&self, identity: NewIdentity, history: &NameHistory) -> Result<NextIdentity> {
        let last = history.last().map(|last| (last.generation, last.state));
        Ok(NextIdentity {
            generation: self.next_generation(&identity, last)?,
            issuer: self.signing_generation(&identity.issuer)?,
            revoked: history.revoked(),
            unregistered_at: history.unregistered_at(),
            identity,
        })
    }

    /// Records identities of different names that are about to be signed.
    ///
    /// # Errors
    /// As [`Transaction::intend`].
    pub fn intend_all<'n>(&self, all: impl IntoIterator<Item = &'n NextIdentity>) -> Result<Vec<IntendedIdentity>> {
        let (mut intended, mut rows) = (Vec::new(), Vec::new());
        let station = host_name();
        for next in all {
            let NextIdentity { identity, generation, issuer, revoked, unregistered_at } = next;
            let key = Key { kind: identity.kind, name: identity.name.clone(), generation: *generation };
            intended.push((key, *revoked));
            rows.push(self.identity_values(identity, (*generation, *issuer), &station, *unregistered_at)?);
        }
        let rows = self.insert_rows(&INSERT_IDENTITY, &rows)?;
        if self.has_further_platforms() {
            intended.iter().zip(&rows).try_for_each(|((key, _), row)| self.stay_away_further(key, *row))?;
        }
        let recorded = intended.into_iter().zip(rows);
        Ok(recorded.map(|((key, revoked), row)| IntendedIdentity { key, row, revoked }).collect())
    }

    fn intend_free(&self, identity: &NewIdentity, issuer: Option<Generation>) -> Result<Generation> {
        let last = self.one(
            "SELECT generation, state FROM identity WHERE kind = ?1 AND name = ?2 ORDER BY generation DESC LIMIT 1",
            values![identity.kind.as_str(), &identity.name],
        )?;
        let state = |text: &String| one_of(&State::ALL, State::as_str, text).map_err(|error| error.at(self.path()));
        let last = last.map(|row| Ok::<_, Error>((Generation(row.get(0)?), state(&row.get(1)?)?))).transpose()?;
        let generation = self.next_generation(identity, last)?;
        self.insert_rows(
            &INSERT_IDENTITY,
            &[self.identity_values(identity, (generation, issuer), &host_name(), None)?],
        )?;
        Ok(generation)
    }

    /// The generation behind the last one of the name.
    fn next_generation(&self, identity: &NewIdentity, last: Option<(Generation, State)>) -> Result<Generation> {
        let what = || format!("{} {}", identity.kind, identity.name);
        match last {
            None => Ok(Generation(1)),
            // Two processes could reach this line only without the store's lock.
            Some((_, State::Intended)) => Err(self.bug(format!("{} is intended twice", what()))),
            Some((last, _)) => {
                let next = last.0.checked_add(1).map(Generation);
                next.ok_or_else(|| self.bug(format!("{} has used up its generations", what())))
            }
        }
    }

    /// The values of [`INSERT_IDENTITY`]. `unregistered_at` is in seconds since 1970 (UTC).
    fn identity_values<'i>(
        &self,
        identity: &'i NewIdentity,
        (generation, issuer): (Generation, Option<Generation>),
        station: &'i str,
        unregistered_at: Option<i64>,
    ) -> Result<[SqlValue<'i>; 16]> {
        Ok([
            identity.kind.as_str().into(),
            (&identity.name).into(),
            generation.0.into(),
            identity.serial.octets().into(),
            (&identity.profile).into(),
            (&identity.algorithm).into(),
            self.parameters(&identity.parameters)?.into(),
            (&identity.issuer).into(),
            identity.not_before.unix_timestamp().into(),
            identity.not_after.unix_timestamp().into(),
            State::Intended.as_str().into(),
            Role::Intended.as_str().into(),
            self.now().into(),
            issuer.map(Generation::number).into(),
            station.into(),
            unregistered_at.into(),
        ])
    }

    /// Records that an intended generation is signed and delivered: it is the current generation of its name from now on.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`] when there is no such row, [`Code::Internal`] when its state does not allow the
    /// step ([`State::may_become`]); so for every other step.
    pub fn issued(&self, key: &Key, issued: &IssuedRecord) -> Result<()> {
        self.signed(key, issued, Role::Current)
    }

    /// Records that a renewal is signed and delivered, and waits for its use: the current generation stays current. An
    /// earlier pending one is superseded.
    ///
    /// # Errors
    /// As [`Transaction::issued`].
    pub fn issued_pending(&self, key: &Key, issued: &IssuedRecord) -> Result<()> {
        self.signed(key, issued, Role::Pending)
    }

    fn signed(&self, key: &Key, issued: &IssuedRecord, role: Role) -> Result<()> {
        let row = self.row_for(key, State::Issued)?;
        // The old generation gives up its role first, because the index allows one current generation for each name.
        self.supersede(key, role)?;
        if role == Role::Current {
            // A renewal of the generation before this one is of no use any more.
            self.supersede(key, Role::Pending)?;
        }
        self.execute(
            "UPDATE identity SET state = 'issued', issued_at = ?2, last_error = NULL, fingerprint = ?3, \
             credentials_id = ?4, role = ?5 WHERE id = ?1",
            values![row, self.now(), &issued.fingerprint, issued.credentials_id.as_ref(), role.as_str()],
        )?;
        Ok(())
    }

    /// Records the directory outside of the store that got copies of the files.
    pub fn copied(&self, key: &Key, dir: &str) -> Result<()> {
        let (row, _) = self.view.locate(key)?;
        self.execute("UPDATE identity SET copies = ?2 WHERE id = ?1", values![row, dir])?;
        Ok(())
    }

    /// Records that the platform knows the credential, and that its name is not unregistered any more. May be repeated.
    pub fn registered(&self, key: &Key) -> Result<()> {
        self.mark_unregistered(key, None)?;
        self.step(key, State::Registered, None)
    }

    /// As [`Self::registered`], unless the identity was revoked while it was registered: then the step that takes its
    /// certificate from the platform is open. Returns whether it was registered.
    pub fn registered_unless_revoked(&self, key: &Key) -> Result<bool> {
        if self.role_of(key)?.1 == Role::Revoked {
            self.open_step(key, OpenStep::Platform)?;
            return Ok(false);
        }
        self.registered(key).map(|()| true)
    }

    /// Records that the credential is in a flash image. May be repeated.
    pub fn bundled(&self, key: &Key) -> Result<()> {
        self.step(key, State::Bundled, None)
    }

    /// Gives up a key that was never used, and records the reason.
    pub fn void(&self, key: &Key, reason: &str) -> Result<()> {
        self.step(key, State::Void, Some(reason))
    }

    /// Records what went wrong with the next step, in whatever state the row is. The text must hold no secret.
    pub fn failed(&self, key: &Key, error: &str) -> Result<()> {
        let (row, _) = self.view.locate(key)?;
        self.execute("UPDATE identity SET last_error = ?2 WHERE id = ?1", values![row, error])?;
        Ok(())
    }

    fn step(&self, key: &Key, next: State, reason: Option<&str>) -> Result<()> {
        let row = self.row_for(key, next)?;
        if next == State::Registered && self.registered_further(row)? {
            return Ok(());
        }
        // The time of a state stays in its own column, so that a device can be both registered and bundled.
        let also = match next {
            // A row that is registered again is no longer unregistered.
            State::Registered => ", unregistered_at = NULL",
            State::Void => ", role = 'void'",
            _ => "",
        };
        if next == State::Void {
            // The column has the state without the registrations at other platforms than the first.
            if self.is_registered_further(row)? {
                return Err(self.bug(format!("{key} is registered and cannot become {next}")));
            }
            self.end_steps(row)?;
        }
        let column = next.time_column();
        let sql = format!("UPDATE identity SET state = ?2, {column} = ?3, last_error = ?4{also} WHERE id = ?1");
        self.execute(&sql, values![row, next.as_str(), self.now(), reason])?;
        Ok(())
    }

    /// The row number of a key whose state may become `next`.
    fn row_for(&self, key: &Key, next: State) -> Result<i64> {
        let (row, state) = self.view.locate(key)?;
        if state.may_become(next) {
            Ok(row)
        } else {
            Err(self.bug(format!("{key} is {state} and cannot become {next}")))
        }
    }

    /// The number of the row that holds this text; a new one if it is the first to ask for this. Asked once in a transaction,
    /// because the identities that are recorded together share few texts.
    pub(crate) fn parameters(&self, parameters: &Parameters) -> Result<i64> {
        if let Some(row) = self.parameters.borrow().get(parameters) {
            return Ok(*row);
        }
        let row = self.row_of_parameters(parameters)?;
        self.parameters.borrow_mut().insert(parameters.clone(), row);
        Ok(row)
    }

    fn row_of_parameters(&self, parameters: &Parameters) -> Result<i64> {
        let text = values![parameters.as_str()];
        // Most identities share their parameters with earlier ones, and then nothing is written.
        if let Some(row) = self.one("SELECT id FROM parameters WHERE text = ?1", text)? {
            return row.get(0);
        }
        if let Some(row) = self.insert("INSERT INTO parameters (text) VALUES (?1) ON CONFLICT DO NOTHING", text)? {
            return Ok(row);
        }
        // Another station came to the same at the same time.
        let row = self.one("SELECT id FROM parameters WHERE text = ?1", text)?;
        row.ok_or_else(|| self.bug("a new row is not there".to_owned()))?.get(0)
    }

    /// The generation of the CA that signs now; `None` if the ledger has no CA of this name.
    ///
    /// # Errors
    /// [`Code::CaRevoked`] if it was revoked and none has taken its place: a process that has its key open must not
    /// issue with it.
    pub(crate) fn generation_of(&self, issuer: &str) -> Result<Option<Generation>> {
        // Not the whole row: this is asked for each certificate.
        let sql = "SELECT generation FROM identity WHERE kind = 'ca' AND name = ?1 AND role = 'current'";
        if let Some(ca) = self.one(sql, values![issuer])? {
            return Ok(Some(Generation(ca.get(0)?)));
        }
        if self.is_revoked_ca(issuer)? { Err(ca_revoked(issuer)) } else { Ok(None) }
    }

    /// As [`Self::generation_of`], asked once in a transaction: for one that records many certificates and changes no CA.
    fn signing_generation(&self, issuer: &str) -> Result<Option<Generation>> {
        let mut known = self.signing.borrow_mut();
        if let Some((_, generation)) = known.iter().find(|(name, _)| name == issuer) {
            return Ok(*generation);
        }
        let generation = self.generation_of(issuer)?;
        known.push((issuer.to_owned(), generation));
        Ok(generation)
    }

    pub(crate) fn bug(&self, what: String) -> Error {
        Code::Internal.error(what).at(self.view.path())
    }
}

impl Deref for Transaction<'_> {
    type Target = View;

    fn deref(&self) -> &View {
        self.view
    }
}

impl Drop for Transaction<'_> {
    // A transaction that is dropped by an error or a panic must not leave the connection inside of it.
    fn drop(&mut self) {
        if self.open {
            self.view.roll_back();
            self.view.set_focus(self.focus_before);
        }
    }
}
