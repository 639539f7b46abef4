//! The store: CAs, identities, secrets and the ledger, each in its place.

pub(crate) mod issued_record;
pub(crate) mod kept;

use std::path::{Path, PathBuf};
use std::time::Duration;

use base::file::{self, Lock};
use base::{Code, Result};
use ledger::{Entry, Filter, IssuedRecord, Key, Kind, Ledger, Parameters, Transaction, View, cross_name};

use crate::ca::Ca;
use crate::ca::generations;
use crate::ca::recorded::{issuer_name, new_identity};
use crate::ca::recorded::{record_generations, was_rolled_over};
use crate::location::{StoreLocation, moved};
use crate::paths::kind_dir;
use crate::rollback;

/// The longest wait of a verb for another one that uses the store.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// The store, locked for one verb that writes.
pub struct Store {
    dir: PathBuf,
    /// The records of everything that was intended, issued, registered and bundled.
    pub ledger: Ledger,
    /// `None` only inside of [`kept::KeptStore`], while others may have it.
    lock: Option<Lock>,
    /// Whether the ledger was compared with the notes about it after the store was locked.
    is_compared: bool,
}

impl Store {
    /// Locks and opens the store for `verb`. The lock is the directory's: other stations that share the ledger have
    /// directories of their own.
    ///
    /// # Errors
    /// [`Code::StoreMissing`], [`Code::StoreLocked`] naming who holds it, and the ledger's own;
    /// [`Code::IdentityChanged`] where the stations that share a ledger have different CAs.
    pub fn open(location: &StoreLocation, verb: &str) -> Result<Self> {
        Self::open_if(location, verb, check_may_write)
    }

    /// As [`open`](Self::open), also with a ledger that was restored and not compared yet: for verbs that only take away, as a
    /// revocation does, because a stolen device must be out at once, and for the verb that takes over what files show.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn open_restored(location: &StoreLocation, verb: &str) -> Result<Self> {
        Self::open_if(location, verb, rollback::check)
    }

    fn open_if(location: &StoreLocation, verb: &str, check: fn(&Path, &View) -> Result<()>) -> Result<Self> {
        check_exists(location.dir())?;
        check_is_there(location)?;
        let mut store = Self::open_in_any_state(location, verb, StoreLocation::ledger)?;
        check(store.dir(), &store.ledger)?;
        store.is_compared = true;
        let store = store.complete()?;
        generations::check_not_behind(store.dir(), &store.ledger)?;
        Ok(store)
    }

    /// As [`open`](Self::open) for the verbs that check a store: also with a ledger that was restored, or that is older
    /// than the files, unless its layout is older too.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); [`Code::LedgerMoved`].
    pub fn open_to_check(location: &StoreLocation, verb: &str) -> Result<Self> {
        Self::open_in_any_state(location, verb, StoreLocation::ledger)?.complete()
    }

    /// As [`open_to_check`](Self::open_to_check) for the verb that repairs a store: a ledger of an older layout is brought
    /// up to date, also if it is older than the files.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); [`Code::LedgerMoved`].
    pub fn open_to_repair(location: &StoreLocation, verb: &str) -> Result<Self> {
        Self::open_in_any_state(location, verb, StoreLocation::ledger_to_repair)?.complete()
    }

    fn open_in_any_state(
        location: &StoreLocation,
        verb: &str,
        ledger: impl FnOnce(&StoreLocation) -> Result<Ledger>,
    ) -> Result<Self> {
        let dir = location.dir();
        check_exists(dir)?;
        // The lock comes first, because opening the ledger may bring its layout up to date.
        let lock = Lock::acquire(dir, verb, PATIENCE)?;
        let ledger = ledger(location)?;
        check_is_not_moved(&ledger)?;
        Ok(Self { dir: dir.to_owned(), ledger, lock: Some(lock), is_compared: false })
    }

    fn complete(mut self) -> Result<Self> {
        self.settle()?;
        Ok(self)
    }

    /// Finishes what earlier runs left, and enters CAs that the ledger does not know.
    fn settle(&mut self) -> Result<()> {
        let dir = self.dir.as_path();
        file::recover(dir)?;
        for kind in [Kind::Server, Kind::Device] {
            let dir = kind_dir(dir, kind);
            if !dir.is_dir() {
                file::create_dir(&dir)?;
            }
            file::recover(&dir)?;
        }
        // Read once for all three: none of them changes rows that the next one looks at.
        let cas = self.ledger.cas()?;
        generations::settle(&self.dir, &self.ledger, &cas)?;
        self.ledger.retire_crosses(&cas)?;
        let listed = generations::listed(&self.dir, &self.ledger, &cas, &[])?;
        self.ledger.set_listed(listed);
        self.ledger.count_change()?;
        self.record_cas()?;
        tracing::debug!(store = %self.dir.display(), "locked and opened the store");
        Ok(())
    }

    /// Enters CAs that the ledger does not know yet, as after `init`: all of them, or none where that is interrupted.
    fn record_cas(&mut self) -> Result<()> {
        let mut unknown = Vec::new();
        for ca in Ca::OF_INIT {
            match self.ledger.current(Kind::Ca, &ca.name())? {
                Some(entry) if self.ledger.is_shared() => is_the_same(&self.ledger, &entry, &ca, &self.dir)?,
                Some(_) => {}
                None if self.ledger.is_revoked_ca(&ca.name())? => {}
                None => unknown.push(ca),
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        let dir = &self.dir;
        self.ledger.transaction(|transaction| {
            unknown.iter().try_for_each(|ca| match transaction.current(Kind::Ca, &ca.name())? {
                // Another station was quicker.
                Some(entry) => is_the_same(transaction, &entry, ca, dir),
                None if was_rolled_over(dir, ca)? => record_generations(transaction, dir, ca),
                None => record(transaction, ca, dir),
            })
        })
    }

    /// The directory that the store is in.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // At the end, when everything is committed: a note must never be ahead of its ledger.
        match self.lock {
            // Other verbs write notes only under the lock.
            Some(_) if self.is_compared => rollback::note_checked(&self.dir, &self.ledger),
            Some(_) => rollback::note(&self.dir, &self.ledger),
            // Without the lock, another verb may write its own note now.
            None => {}
        }
    }
}

/// Fails if a ledger must be checked or repaired before anything is written.
pub(crate) fn check_may_write(dir: &Path, ledger: &View) -> Result<()> {
    rollback::check(dir, ledger)?;
    if ledger.status()?.restored_at.is_none() {
        return Ok(());
    }
    Err(Code::LedgerRestored
        .error("the ledger was restored from a backup, and not compared with the files yet")
        .at(dir)
        .fix("run `tbpki store check`; if verbs stay closed after it, run `tbpki store repair` and check again"))
}

/// Fails if a CA of this store is not the one that the other stations of a shared ledger know by its name.
pub(crate) fn check_cas(dir: &Path, view: &View) -> Result<()> {
    if !view.is_shared() {
        return Ok(());
    }
    Ca::OF_INIT.iter().try_for_each(|ca| match view.current(Kind::Ca, &ca.name())? {
        Some(entry) => is_the_same(view, &entry, ca, dir),
        None => Ok(()),
    })
}

/// Fails if another ledger has taken the place of this one.
fn check_is_not_moved(ledger: &View) -> Result<()> {
    match ledger.status()?.moved_to {
        None => Ok(()),
        Some(to) => Err(moved(ledger.path(), &to)),
    }
}

/// Fails where a CA of this store is not the one that other stations know by its name.
fn is_the_same(view: &View, entry: &Entry, ca: &Ca, dir: &Path) -> Result<()> {
    if !ca.cert_path(dir).exists() {
        // A station that makes devices alone need not have the servers' CAs.
        return Ok(());
    }
    let certificates = ca.certificates(dir)?;
    let Some(certificate) = certificates.first() else { return Ok(()) };
    let is_it = |entry: &Entry| entry.fingerprint == Some(certificate.fingerprint());
    if entry.fingerprint.is_none() || is_it(entry) {
        return Ok(());
    }
    // The same key, certified by another generation of the root.
    if view.history(Kind::Ca, &cross_name(&ca.name()))?.iter().any(is_it) {
        return Ok(());
    }
    let error =
        Code::IdentityChanged.error(format!("{} is another CA than the ledger and its other stations know", ca.name()));
    Err(match view.history(Kind::Ca, &ca.name())?.iter().find(|entry| is_it(entry)) {
        Some(earlier) => error
            .because(format!(
                "generation {} is here, and generation {} signs",
                earlier.generation(),
                entry.generation()
            ))
            .at(ca.cert_path(dir))
            .fix("bring the new station bundle: `tbpki ca export devices --out DIR` where the CA was replaced"),
        None => {
            error.at(ca.cert_path(dir)).fix("use the CA of the other stations here, or another database as the ledger")
        }
    })
}

/// Enters a CA that is in the store.
fn record(transaction: &Transaction<'_>, ca: &Ca, dir: &Path) -> Result<()> {
    let certificates = ca.certificates(dir)?;
    let Some(certificate) = certificates.first() else { return Ok(()) };
    let parameters = Parameters::of(&certificate.subject())?;
    let issuer = issuer_name(ca, &certificates);
    let generation = transaction.intend(&new_identity(ca, ca.name(), certificate, issuer, parameters)?)?;
    let key = Key { kind: Kind::Ca, name: ca.name(), generation };
    transaction.issued(&key, &IssuedRecord { fingerprint: certificate.fingerprint(), credentials_id: None })
}

/// The ledger of a store, to be looked at only.
///
/// # Errors
/// [`Code::StoreMissing`], also where an `init` was interrupted, and the ledger's own.
pub fn view(location: &StoreLocation) -> Result<View> {
    let dir = location.dir();
    check_exists(dir)?;
    let ledger = match location.ledger_read_only() {
        // Once: after it, the ledger is checked like every other one.
        Err(error) if error.code() == Code::LedgerOutdated => {
            upgrade(location)?;
            location.ledger_read_only()
        }
        other => other,
    };
    match ledger {
        Ok(ledger) if knows_cas(&ledger)? => {
            check_is_not_moved(&ledger)?;
            return Ok(ledger);
        }
        Ok(_) => {}
        Err(error) if error.code() == Code::StoreMissing => {}
        Err(error) => return Err(error),
    }
    Err(if location.is_shared() && rollback::has_lost_ledger(dir) {
        location.gone()
    } else if location.is_shared() {
        let error = Code::StoreMissing.error("the ledger on the server knows nothing of this store yet").at(dir);
        error.fix("any verb that writes to the store enters its CAs there")
    } else if rollback::has_issued(dir) {
        location.gone()
    } else {
        let error = Code::StoreMissing.error("the store is not complete: `tbpki init` was interrupted").at(dir);
        error.fix("run the same `tbpki init` again, which does the rest")
    })
}

/// Fails if the file with the ledger is gone: a new one would know nothing of the identities that are there.
fn check_is_there(location: &StoreLocation) -> Result<()> {
    // A server is asked when its ledger is opened, which makes none in the place of a lost one either.
    if location.is_shared() || location.file_in_use()?.exists() || !rollback::has_issued(location.dir()) {
        return Ok(());
    }
    Err(location.gone())
}

/// Brings a ledger of an older version up to date, so that verbs that only read can read it.
fn upgrade(location: &StoreLocation) -> Result<()> {
    let _lock = Lock::acquire(location.dir(), "upgrade", PATIENCE)?;
    location.ledger().map(drop)
}

/// Whether the ledger knows a CA: an `init` enters all of them at once.
///
/// # Errors
/// Those of the ledger.
pub fn knows_cas(ledger: &View) -> Result<bool> {
    Ok(ledger.count(&Filter { kind: Some(Kind::Ca), ..Filter::default() })? > 0)
}

/// Fails with [`Code::StoreMissing`] where there is no store.
pub fn check_exists(dir: &Path) -> Result<()> {
    match dir.join("ca").try_exists() {
        Ok(true) => Ok(()),
        Ok(false) => Err(Code::StoreMissing.error("there is no store here").at(dir).fix(
            "correct the path: `tbpki config show --origin` tells where it is set; for a new store, run `tbpki init`",
        )),
        Err(error) => Err(Code::FileUnreadable
            .error("the store cannot be looked into")
            .at(dir)
            .caused_by(error)
            .fix("run tbpki as the user who made the store")),
    }
}
