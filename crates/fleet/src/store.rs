//! The store: CAs, identities, secrets and the ledger, each in its place.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ledger::{Issued, Key, Kind, Ledger, NewIdentity, Parameters, Serial, Transaction};
use pki::file::{self, Lock};
use pki::profile::Profile;
use pki::{Code, Result};

use crate::ca::CaName;
use crate::unfinished::knows_cas;

/// How long a verb waits for another one to finish with the store.
const PATIENCE: Duration = Duration::from_secs(5);

/// The largest file in a store: an identity's keystore with long chains stays far below.
pub(crate) const FILE_LIMIT: usize = 1 << 20;

/// The store, locked for one verb that writes.
pub struct Store {
    dir: PathBuf,
    /// What was intended, issued, registered and bundled.
    pub ledger: Ledger,
    _lock: Lock,
}

impl Store {
    /// Locks and opens the store in `dir` for `verb`.
    ///
    /// # Errors
    /// [`Code::StoreMissing`], [`Code::StoreLocked`] naming who holds it, and the ledger's own.
    pub fn open(dir: &Path, verb: &str) -> Result<Self> {
        check_exists(dir)?;
        let lock = Lock::acquire(dir, verb, PATIENCE)?;
        file::recover(dir)?;
        for kind in [Kind::Server, Kind::Device] {
            let dir = kind_dir(dir, kind);
            file::create_dir(&dir)?;
            file::recover(&dir)?;
        }
        let mut store = Self { dir: dir.to_owned(), ledger: Ledger::open(ledger_path(dir))?, _lock: lock };
        store.record_cas()?;
        tracing::debug!(store = %dir.display(), "locked and opened the store");
        Ok(store)
    }

    /// Enters CAs that the ledger does not know yet, as after `init`: all of them, or none where that is interrupted.
    fn record_cas(&mut self) -> Result<()> {
        let unknown = CaName::ALL
            .into_iter()
            .filter_map(|name| match self.ledger.current(Kind::Ca, name.name()) {
                Ok(entry) => entry.is_none().then_some(Ok(name)),
                Err(error) => Some(Err(error)),
            })
            .collect::<Result<Vec<_>>>()?;
        if unknown.is_empty() {
            return Ok(());
        }
        let dir = &self.dir;
        self.ledger.transaction(|transaction| unknown.iter().try_for_each(|name| record(transaction, *name, dir)))
    }

    /// The directory that the store is in.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

/// Enters a CA that is in the store.
fn record(transaction: &Transaction<'_>, name: CaName, dir: &Path) -> Result<()> {
    let certificates = name.certificates(dir)?;
    let Some(certificate) = certificates.first() else { return Ok(()) };
    let generation = transaction.intend(&NewIdentity {
        kind: Kind::Ca,
        name: name.name().to_owned(),
        serial: Serial::new(certificate.serial())?,
        profile: if name.is_root() { Profile::Root } else { Profile::IssuingCa }.name().to_owned(),
        algorithm: certificate.algorithm_name(),
        parameters: Parameters::of(&certificate.subject())?,
        issuer: name.hierarchy().root().name().to_owned(),
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
    })?;
    let key = Key { kind: Kind::Ca, name: name.name().to_owned(), generation };
    transaction.issued(&key, &Issued { fingerprint: certificate.fingerprint(), credentials_id: None })
}

/// The ledger of the store in `dir`, to be looked at only.
///
/// # Errors
/// [`Code::StoreMissing`], also where an `init` was interrupted, and the ledger's own.
pub fn view(dir: &Path) -> Result<Ledger> {
    check_exists(dir)?;
    match Ledger::open_read_only(ledger_path(dir)) {
        Ok(ledger) if knows_cas(&ledger)? => return Ok(ledger),
        Ok(_) => {}
        Err(error) if error.code() == Code::StoreMissing => {}
        Err(error) => return Err(error),
    }
    Err(if holds_identities(dir) {
        let error = Code::LedgerUnreadable.error("the ledger of this store is gone").at(ledger_path(dir));
        error.fix("restore ledger.db and ledger.db-wal from a backup")
    } else {
        let error = Code::StoreMissing.error("the store is not complete: `tbpki init` was interrupted").at(dir);
        error.fix("run the same `tbpki init` again, which does the rest")
    })
}

fn holds_identities(dir: &Path) -> bool {
    let is_used = |kind| kind_dir(dir, kind).read_dir().is_ok_and(|mut entries| entries.next().is_some());
    is_used(Kind::Server) || is_used(Kind::Device)
}

/// Where the files of an identity are.
pub(crate) fn identity_dir(store: &Path, kind: Kind, name: &str) -> PathBuf {
    kind_dir(store, kind).join(name)
}

fn kind_dir(store: &Path, kind: Kind) -> PathBuf {
    store.join(match kind {
        Kind::Ca => "ca",
        Kind::Server => "servers",
        Kind::Device => "devices",
    })
}

/// Where the secrets are that tbpki made itself.
pub(crate) fn secrets_dir(store: &Path) -> PathBuf {
    store.join("secrets")
}

fn ledger_path(store: &Path) -> PathBuf {
    store.join("ledger.db")
}

/// Fails with [`Code::StoreMissing`] where there is no store.
pub(crate) fn check_exists(dir: &Path) -> Result<()> {
    match dir.join("ca").try_exists() {
        Ok(true) => Ok(()),
        Ok(false) => Err(Code::StoreMissing.error("there is no store here").at(dir).fix("make one with `tbpki init`")),
        Err(error) => Err(Code::FileUnreadable
            .error("the store cannot be looked into")
            .at(dir)
            .because(error)
            .fix("run tbpki as the user who made the store")),
    }
}
