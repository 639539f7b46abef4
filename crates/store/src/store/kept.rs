//! A store that one process opens again and again, as a service does for each batch of requests. Other verbs have its
//! lock in between; the connection to the ledger stays open.

use std::ops::{Deref, DerefMut};

use base::Result;
use base::file::Lock;
use ledger::{SeenLedger, SinceSeen};

use super::{PATIENCE, Store, check_exists, check_is_not_moved, check_may_write};
use crate::location::StoreLocation;
use crate::rollback;

/// A store between two openings: not locked, and with a connection to its ledger once it was open.
#[derive(Default)]
pub struct KeptStore {
    store: Option<Store>,
    /// The ledger as the last opening has left it; `None` if its connection must not be used again.
    seen: Option<SeenLedger>,
}

impl KeptStore {
    /// Locks and opens the store for `verb`, as [`Store::open`] does. If the ledger is a file and no other process has
    /// written to it since the last opening, what that has checked and finished still holds, and is not done again.
    pub(crate) fn open(&mut self, location: &StoreLocation, verb: &str) -> Result<ReopenedStore<'_>> {
        let left = self.store.take().zip(self.seen.take());
        // If it fails, the connection is closed, and the next opening makes another one.
        let again = left.map(|(store, seen)| reopen(store, &seen, location, verb)).transpose()?.flatten();
        let store = match again {
            Some(store) => store,
            None => {
                let mut store = Store::open(location, verb)?;
                store.ledger.stay_open()?;
                store
            }
        };
        Ok(ReopenedStore { store: self.store.insert(store), seen: &mut self.seen, is_usable: true })
    }
}

/// `None` if the ledger has to be opened again. The connection is closed then: SQLite shares what it knows of a file among
/// the connections of a process, so another one would not see a file that took its place.
fn reopen(mut store: Store, seen: &SeenLedger, location: &StoreLocation, verb: &str) -> Result<Option<Store>> {
    // Of what `Store::open` checks, this needs no ledger: the store may have been moved away.
    check_exists(location.dir())?;
    let lock = Lock::acquire(location.dir(), verb, PATIENCE)?;
    // Under the lock, so that nothing changes between the comparison and the use.
    match store.ledger.since(seen) {
        SinceSeen::Unknown => return Ok(None),
        // What the opening before has checked still holds. A verb that closes the ledger or makes another layout of it
        // writes to it, and an older copy of it is another file or a changed one. What a verb that was killed has left
        // in files without a trace in the ledger waits for the next `Store::open`.
        SinceSeen::Nothing => store.lock = Some(lock),
        // All that `Store::open` does with an open ledger: other stations write without the lock of this store.
        SinceSeen::Changes => {
            // The comparison of the opening before does not hold any more. If this one fails, the notes are the proof that
            // the ledger is an older copy, and must stay as they are.
            store.is_compared = false;
            store.lock = Some(lock);
            store.ledger.look_at_platforms()?;
            location.check_is_same(&store.ledger)?;
            check_is_not_moved(&store.ledger)?;
            check_may_write(&store.dir, &store.ledger)?;
            store.is_compared = true;
            store.settle()?;
        }
    }
    Ok(Some(store))
}

/// An open store. Dropped, it releases the lock and keeps the connection to the ledger.
pub struct ReopenedStore<'a> {
    store: &'a mut Store,
    seen: &'a mut Option<SeenLedger>,
    is_usable: bool,
}

impl ReopenedStore<'_> {
    /// Releases the lock. The connection is not used again, for example after an error whose extent is unknown.
    pub fn give_up(mut self) {
        self.is_usable = false;
    }
}

impl Deref for ReopenedStore<'_> {
    type Target = Store;

    fn deref(&self) -> &Store {
        self.store
    }
}

impl DerefMut for ReopenedStore<'_> {
    fn deref_mut(&mut self) -> &mut Store {
        self.store
    }
}

impl Drop for ReopenedStore<'_> {
    fn drop(&mut self) {
        // A note may be behind. After an error it would ask a server that may be gone, and wait for it.
        if self.is_usable {
            rollback::note_checked(&self.store.dir, &self.store.ledger);
            // Before the lock is released: from then on, others change the files.
            *self.seen = Some(self.store.ledger.seen());
        }
        self.store.lock = None;
    }
}
