//! The ledger: opened, and written to.

pub(crate) mod layout;
pub(crate) mod ledger_status;
pub(crate) mod seen;
mod status;

use std::ops::Deref;
use std::path::Path;

use base::{Code, Result};

use crate::entry::{IssuedRecord, NewIdentity};
use crate::key::{Generation, Key};
use crate::ledger::layout::LedgerBefore;
use crate::platform::url::PlatformUrl;
use crate::postgres::{self, PostgresServer, TableLock};
use crate::sqlite;
use crate::transaction::Transaction;
use crate::view::View;

/// The record of what was intended, issued, registered and bundled.
///
/// Reading methods are those of [`View`]. Every writing method is a transaction of its own and on disk when it
/// returns; [`Ledger::transaction`] takes several steps as one.
pub struct Ledger {
    view: View,
    for_fleets: bool,
}

/// The number of times that a transaction begins again after a lost connection. Each time it waits for the server.
const RETRIES: u32 = 3;

impl Ledger {
    /// Opens the ledger at `path` for reading and writing; makes it, with mode 0600, if there is none; brings the
    /// layout of an older one up to date.
    ///
    /// # Errors
    /// [`Code::LedgerUnreadable`] when the file is something else or damaged, [`Code::LedgerVersion`] when a newer
    /// tbpki has written it, [`Code::StoreLocked`] when another process does not stop writing,
    /// [`Code::FileUnwritable`] or [`Code::FileUnreadable`] when the system refuses.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_if(path, |_| Ok(()))
    }

    /// As [`open`](Self::open). Before a ledger is made, or the layout of an older one is brought up to date, `before` receives
    /// what is there; if it fails, that stays as it is.
    ///
    /// # Errors
    /// Those of [`open`](Self::open) and of `before`.
    pub fn open_if(
        path: impl AsRef<Path>,
        before: impl FnOnce(LedgerBefore) -> Result<()> + Send + 'static,
    ) -> Result<Self> {
        Ok(Self::of(View::of_file(sqlite::open(path.as_ref(), Box::new(before))?)))
    }

    /// Opens the ledger at `path` for reading, while another process may be writing to it.
    ///
    /// # Errors
    /// As [`Ledger::open`]; [`Code::StoreMissing`] when there is none, or one that was never filled.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<View> {
        Ok(View::of_file(sqlite::open_read_only(path.as_ref())?))
    }

    /// Connects to the ledger that a server keeps; makes it in the schema `tbpki` if there is none; brings the layout of
    /// an older one up to date.
    ///
    /// # Errors
    /// [`Code::LedgerUnreachable`], [`Code::LedgerRefused`] or [`Code::LedgerInsecure`] when there is no way to it;
    /// [`Code::LedgerVersion`] when a newer tbpki has written it. From then on every method waits for a server that goes
    /// away and comes back; with [`Code::LedgerLost`] a transaction ends that lost its connection in the middle.
    pub fn connect(server: &PostgresServer) -> Result<Self> {
        Self::connect_if(server, |_| Ok(()))
    }

    /// As [`connect`](Self::connect), with the decision of [`open_if`](Self::open_if).
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect) and of `before`.
    pub fn connect_if(
        server: &PostgresServer,
        before: impl FnOnce(LedgerBefore) -> Result<()> + Send + 'static,
    ) -> Result<Self> {
        Ok(Self::of(View::of_server(postgres::open(server, Box::new(before))?, false)))
    }

    /// Connects to the ledger that a server keeps, for reading.
    ///
    /// # Errors
    /// As [`Ledger::connect`]; [`Code::StoreMissing`] when there is none.
    pub fn connect_read_only(server: &PostgresServer) -> Result<View> {
        Ok(View::of_server(postgres::open_read_only(server)?, true))
    }

    /// Names the generations of CAs that are out of service, retired or revoked, although a generation in service has the same
    /// key. What they have issued is on the list of that key, so that its revocations wait for a list. The ledger has no
    /// keys: who has the files of the CAs names these generations.
    pub fn set_listed(&mut self, listed: Vec<Key>) {
        self.view.set_listed(listed);
    }

    /// As [`View::focused`].
    ///
    /// # Errors
    /// Those of the database.
    pub fn focused(mut self, url: Option<PlatformUrl>) -> Result<Self> {
        self.view.set_focus_url(url);
        self.view.look_at_platforms()?;
        Ok(self)
    }

    fn of(view: View) -> Self {
        Self { view, for_fleets: false }
    }

    /// Does several steps as one: all of them are on disk when this returns well, none otherwise.
    ///
    /// # Errors
    /// Those of `work`, and those of SQLite as in [`Ledger::open`].
    pub fn transaction<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.within(TableLock::Exclusive, work)
    }

    fn within<T>(&self, lock: TableLock, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let transaction = Transaction::begin(&self.view, lock)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    /// A transaction during which others of its kind may go on, where the database can do that: what it relies on it
    /// has to hold by itself. If the connection is lost it is done again, so that it has to be one that finds out by
    /// itself that it was done already.
    pub(crate) fn shared_transaction<T>(&mut self, work: impl Fn(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut left = RETRIES;
        loop {
            match self.within(TableLock::Shared, &work) {
                Err(error) if error.code() == Code::LedgerLost && left > 0 => left -= 1,
                done => return done,
            }
        }
    }

    /// [`Transaction::intend`] by itself.
    pub fn intend(&mut self, identity: &NewIdentity) -> Result<Generation> {
        self.transaction(|transaction| transaction.intend(identity))
    }

    /// [`Transaction::intend_by`] by itself.
    pub fn intend_by(&mut self, identity: &NewIdentity, issuer: Option<Generation>) -> Result<Generation> {
        self.transaction(|transaction| transaction.intend_by(identity, issuer))
    }

    /// [`Transaction::issued`] by itself.
    pub fn issued(&mut self, key: &Key, issued: &IssuedRecord) -> Result<()> {
        self.transaction(|transaction| transaction.issued(key, issued))
    }

    /// [`Transaction::issued_pending`] by itself.
    pub fn issued_pending(&mut self, key: &Key, issued: &IssuedRecord) -> Result<()> {
        self.transaction(|transaction| transaction.issued_pending(key, issued))
    }

    /// [`Transaction::copied`] by itself.
    pub fn copied(&mut self, key: &Key, dir: &str) -> Result<()> {
        self.transaction(|transaction| transaction.copied(key, dir))
    }

    /// [`Transaction::registered`] by itself.
    pub fn registered(&mut self, key: &Key) -> Result<()> {
        self.transaction(|transaction| transaction.registered(key))
    }

    /// [`Transaction::unregistering`] by itself.
    pub fn unregistering(&mut self, key: &Key) -> Result<()> {
        self.transaction(|transaction| transaction.unregistering(key))
    }

    /// [`Transaction::not_unregistered`] by itself.
    pub fn not_unregistered(&mut self, key: &Key) -> Result<()> {
        self.transaction(|transaction| transaction.not_unregistered(key))
    }

    /// [`Transaction::unregistered`] by itself.
    pub fn unregistered(&mut self, key: &Key) -> Result<()> {
        self.transaction(|transaction| transaction.unregistered(key))
    }

    /// [`Transaction::bundled`] by itself.
    pub fn bundled(&mut self, key: &Key) -> Result<()> {
        self.transaction(|transaction| transaction.bundled(key))
    }

    /// [`Transaction::void`] by itself.
    pub fn void(&mut self, key: &Key, reason: &str) -> Result<()> {
        self.transaction(|transaction| transaction.void(key, reason))
    }

    /// [`Transaction::failed`] by itself.
    pub fn failed(&mut self, key: &Key, error: &str) -> Result<()> {
        self.transaction(|transaction| transaction.failed(key, error))
    }

    /// Sets the ledger up for many rows a commit; to be called outside of transactions.
    pub(crate) fn for_fleets(&mut self) -> Result<()> {
        match self.view.file() {
            Some(file) if !std::mem::replace(&mut self.for_fleets, true) => file.for_fleets(),
            _ => Ok(()),
        }
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        // What the next verbs would have to read. If it fails, they do.
        if let Some(file) = self.view.file().filter(|_| self.for_fleets) {
            file.fold().unwrap_or_else(|error| tracing::debug!(%error, "left the log of the ledger as it is"));
        }
    }
}

impl Deref for Ledger {
    type Target = View;

    fn deref(&self) -> &View {
        &self.view
    }
}
