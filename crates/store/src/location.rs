//! The places of the store and of its ledger.

use std::path::{Path, PathBuf};

use base::file::{self, Mode};
use base::text::shell_word;
use base::{Code, Error, Result};
use config::{Config, FilePath, PlatformKind};
use ledger::{Filter, Kind, Ledger, LedgerBefore, LedgerUid, PlatformUrl, PostgresServer, View};

use crate::paths::FILE_LIMIT;
use crate::rollback;
use crate::roots::roots;
use crate::secrets::Secrets;

/// A store with its ledger: a file in it, or a server that other stations use too.
#[derive(Debug, Clone)]
pub struct StoreLocation {
    dir: PathBuf,
    server: Option<PostgresServer>,
    /// The URL of the server as it is configured; empty if the ledger is a file.
    url: String,
    /// The platform that the configuration names: what is read and recorded of registrations is about that one.
    platform: Option<PlatformUrl>,
    /// The only ledger that is opened; `None` for the one that is there.
    only: Option<LedgerUid>,
}

/// The file in a store that names the server to which its ledger was moved.
pub(crate) const MOVED: &str = "ledger.moved";

impl StoreLocation {
    /// The store that the configuration names. Nothing is opened yet, and nothing sent. `system_roots` yields the DER of
    /// what this system trusts, for a ledger on a server whose root the configuration does not name.
    ///
    /// # Errors
    /// What the address, the roots and the password of a server can be wrong about.
    pub fn of(
        config: &Config,
        secrets: &mut Secrets<'_>,
        system_roots: impl FnOnce() -> Result<Vec<Vec<u8>>>,
    ) -> Result<Self> {
        let settings = &config.ledger;
        let dir = config.general.store.resolved().to_owned();
        // ActorCloud takes no certificates of ours, so that nothing is registered there.
        let of_ours = config.platform.kind.value == PlatformKind::ThingsBoard;
        let platform = config.platform.url.value.as_ref().filter(|_| of_ours);
        let platform = platform.map(|url| url.as_str().parse()).transpose()?;
        let Some(url) = &settings.url.value else {
            return match (&settings.password.value, &settings.ca.value) {
                (None, None) => Ok(Self { dir, server: None, url: String::new(), platform, only: None }),
                // These settings are for a server. Without this check they would be ignored and a file used.
                _ => Err(Code::BadValue
                    .error("there is something about a ledger's server, and no ledger.url")
                    .fix("set ledger.url to its address, or remove ledger.password and ledger.ca")),
            };
        };
        let password = secrets.optional(&settings.password, "ledger.password")?;
        let ca = settings.ca.value.as_ref().map(FilePath::resolved);
        let anchors = || match ca {
            Some(path) => Ok(roots(path, "the ledger's server")?.iter().map(|root| root.der().to_vec()).collect()),
            None => system_roots(),
        };
        // A configured root is checked on this machine as well, because the user asked for it.
        let server = PostgresServer::new(url.as_str(), password.as_ref(), ca.is_some(), anchors)?;
        Ok(Self { dir, server: Some(server), url: url.as_str().to_owned(), platform, only: None })
    }

    /// Refuses another ledger from now on: a process that stays must not go on with one that took the place of its own.
    pub fn stay_with(&mut self, ledger: LedgerUid) {
        self.only = Some(ledger);
    }

    /// Limits the time of each question to a ledger on a server from now on: a service has clients of its own, and must not
    /// hang with the server.
    pub fn for_service(&mut self) {
        self.server = self.server.take().map(PostgresServer::for_service);
    }

    /// Fails unless a ledger is the one of [`Self::stay_with`].
    ///
    /// # Errors
    /// [`Code::LedgerReplaced`].
    pub(crate) fn check_is_same(&self, ledger: &View) -> Result<()> {
        match self.only {
            Some(only) => is_same(only, ledger.status()?.uid).map_err(|error| error.at(ledger.path())),
            None => Ok(()),
        }
    }

    /// Another store with the same ledger, if that is a server; else with one of its own.
    pub fn moved_to(&self, dir: PathBuf) -> Self {
        Self { dir, ..self.clone() }
    }

    /// The directory of the store.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The platform that the configuration names; `None` if it names none that takes our certificates.
    pub fn platform(&self) -> Option<&PlatformUrl> {
        self.platform.as_ref()
    }

    /// True if other stations use the ledger too.
    pub fn is_shared(&self) -> bool {
        self.server.is_some()
    }

    /// The address of the server with the ledger, without a password; `None` if the ledger is a file.
    pub(crate) fn server_address(&self) -> Option<String> {
        self.server.as_ref().map(PostgresServer::address)
    }

    /// Moves the ledger from the file in the store to the server. The caller holds the store's lock. Returns the number of
    /// rows, and the address of the new ledger.
    ///
    /// # Errors
    /// [`Code::StoreMissing`] if there is no file, [`Code::LedgerNotEmpty`], [`Code::LedgerMoved`] if the ledger was moved
    /// to another server, and those of both ledgers.
    pub fn move_ledger(&self) -> Result<(u64, String)> {
        let server = self.server_to_move_to()?;
        let mut source = Self { server: None, ..self.clone() }.ledger()?;
        let mut target = Ledger::connect(server)?;
        let address = target.path().to_string_lossy().into_owned();
        check_not_moved_elsewhere(&source, &address)?;
        // An older copy must not become the ledger of all stations.
        rollback::check(&self.dir, &source)?;
        let rows = source.move_to(&mut target)?;
        rollback::note(&self.dir, &target);
        // The closed file names the server too, and may be removed later.
        file::replace(&self.dir.join(MOVED), address.as_bytes(), Mode::Public, FILE_LIMIT, |_| true)?;
        Ok((rows, address))
    }

    /// The server that the ledger is moved to. Fails if there is no file with a ledger to move.
    fn server_to_move_to(&self) -> Result<&PostgresServer> {
        let Some(server) = &self.server else {
            return Err(Code::Usage.error("the other ledger has no address").argument("--to"));
        };
        if !self.ledger_path().exists() {
            return Err(Code::StoreMissing.error("the store has no file with a ledger").at(self.ledger_path()));
        }
        Ok(server)
    }

    /// What [`Self::move_ledger`] would do: the number of rows, and the address. Nothing is written.
    ///
    /// # Errors
    /// Those of [`Self::move_ledger`].
    pub fn check_move_ledger(&self) -> Result<(u64, String)> {
        let server = self.server_to_move_to()?;
        let source = Ledger::open_read_only(self.ledger_path())?;
        let address = server.address();
        check_not_moved_elsewhere(&source, &address)?;
        rollback::check(&self.dir, &source)?;
        let target = match Ledger::connect_read_only(server) {
            // An empty database is what the ledger is moved to.
            Err(error) if error.code() == Code::StoreMissing => None,
            other => Some(other?),
        };
        Ok((source.check_move(target.as_ref())?, address))
    }

    /// The ledger, for reading and writing.
    ///
    /// # Errors
    /// Those of the ledger; [`Code::LedgerUnreadable`] if the ledger of this store is lost; [`Code::LedgerInFile`];
    /// [`Code::LedgerReplaced`]; [`Code::LedgerOlder`] if it has the layout of an older version and the store has had a later
    /// one. It is then not brought up to date.
    pub fn ledger(&self) -> Result<Ledger> {
        self.check_is_moved()?;
        let store = self.clone();
        let before = move |found: LedgerBefore| match found {
            // A new ledger would hide that the one of this store is lost.
            LedgerBefore::Nothing if rollback::has_lost_ledger(&store.dir) => Err(store.gone()),
            LedgerBefore::Nothing => Ok(()),
            LedgerBefore::Older(status) => {
                if let (Some(only), Some(status)) = (store.only, &status) {
                    is_same(only, status.uid).map_err(|error| error.at(&store.dir))?;
                }
                rollback::check_older_layout(&store.dir, status.as_ref())
            }
        };
        let ledger = match &self.server {
            Some(server) => Ledger::connect_if(server, before),
            None => Ledger::open_if(self.file_in_use()?, before),
        };
        let ledger = ledger?;
        self.check_is_same(&ledger)?;
        ledger.focused(self.platform.clone())
    }

    /// The ledger, for reading and writing, also if it is older than the store: to be repaired.
    ///
    /// # Errors
    /// Those of the ledger; [`Code::LedgerInFile`].
    pub(crate) fn ledger_to_repair(&self) -> Result<Ledger> {
        self.check_is_moved()?;
        let ledger = match &self.server {
            Some(server) => Ledger::connect(server),
            None => Ledger::open(self.file_in_use()?),
        };
        ledger?.focused(self.platform.clone())
    }

    /// The ledger, for reading.
    ///
    /// # Errors
    /// Those of the ledger; [`Code::LedgerInFile`]; [`Code::LedgerReplaced`].
    pub fn ledger_read_only(&self) -> Result<View> {
        self.check_is_moved()?;
        let view = match &self.server {
            Some(server) => Ledger::connect_read_only(server),
            None => Ledger::open_read_only(self.file_in_use()?),
        };
        let view = view?;
        self.check_is_same(&view)?;
        view.focused(self.platform.clone())
    }

    /// Fails if a server is configured and the ledger of this store is still the file: the server knows nothing of its
    /// identities, and what a repair rebuilds there lacks all that only the file has, for example unregistered devices.
    fn check_is_moved(&self) -> Result<()> {
        let path = self.ledger_path();
        // The note is the proof of a complete move, after which the closed file need not be looked into.
        if !self.is_shared() || self.dir.join(MOVED).exists() || !path.exists() {
            return Ok(());
        }
        let file = match Ledger::open_read_only(&path) {
            Ok(file) => file,
            // A store of an earlier version, or a damaged file. The comparison with the notes finds another ledger.
            Err(error) => {
                tracing::debug!(%error, "the file with a ledger cannot be read");
                return Ok(());
            }
        };
        let status = file.status()?;
        let is_noted = rollback::note_in_store(&self.dir).is_none_or(|note| note.uid == status.uid);
        if !is_noted || status.moved_to.is_some() {
            return Ok(());
        }
        let has = |kind| Ok(file.count(&Filter { kind: Some(kind), ..Filter::default() })? > 0);
        // `init` makes a file with CAs alone, and a server that is configured after it takes them over. Later changes, for
        // example one-time passwords, are in the file alone.
        if status.changes <= rollback::OF_INIT && !has(Kind::Device)? && !has(Kind::Server)? {
            return Ok(());
        }
        Err(Code::LedgerInFile
            .error("the ledger of this store is still a file, and another one is configured")
            .at(&path)
            .because(format!("`[ledger] url` is {}, and the file was not moved there", self.url))
            .fix(format!(
                "move it to an empty database: `tbpki ledger move --to {}`; to keep the file, remove `[ledger] url` and \
                 `[ledger] password` from keygen.toml",
                shell_word(&self.url)
            )))
    }

    /// The path of the ledger in a file, unless the ledger was moved to a server and the file is gone: a new file would be a
    /// second ledger of the same CAs.
    ///
    /// # Errors
    /// [`Code::LedgerMoved`], [`Code::FileUnreadable`].
    pub(crate) fn file_in_use(&self) -> Result<PathBuf> {
        let path = self.ledger_path();
        if path.exists() {
            return Ok(path);
        }
        let note = self.dir.join(MOVED);
        match file::read_optional(&note, FILE_LIMIT)? {
            None => Ok(path),
            Some(address) => {
                let fix = format!(
                    "set `[ledger] url` in keygen.toml to that address; if that database is lost for good, remove {} and \
                     run `tbpki store repair`",
                    note.display()
                );
                Err(moved(&path, &String::from_utf8_lossy(&address)).fix(fix))
            }
        }
    }

    /// The error for a store whose ledger is lost.
    pub(crate) fn gone(&self) -> Error {
        if self.is_shared() {
            return Code::LedgerUnreadable
                .error("the ledger on the server knows nothing of this store any more")
                .at(&self.dir)
                .fix("restore the database from its backup; if it is lost, run `tbpki store repair`");
        }
        Code::LedgerUnreadable
            .error("the ledger of this store is gone")
            .at(self.ledger_path())
            .fix("put ledger.db and ledger.db-wal back; if they are lost, run `tbpki store repair`")
    }

    /// The path of the ledger, if it is a file.
    pub fn ledger_path(&self) -> PathBuf {
        self.dir.join("ledger.db")
    }
}

/// Fails if a ledger is another one than the only one that is opened.
fn is_same(only: LedgerUid, there: LedgerUid) -> Result<()> {
    if there == only {
        return Ok(());
    }
    Err(Code::LedgerReplaced
        .error("another ledger was put in the place of this one while the service ran")
        .because(format!("the service began with the ledger {only}, and this is {there}"))
        .fix("put the ledger of this store back, then start the service again"))
}

/// The error for a ledger in a file that was moved to a server.
pub(crate) fn moved(path: &Path, to: &str) -> Error {
    Code::LedgerMoved
        .error("this ledger is closed: another one has taken its place")
        .at(path)
        .because(format!("it was moved to {to}"))
        .fix("set `[ledger] url` in keygen.toml to that address, with the user and `@` before the host")
}

/// Fails if a ledger was moved to another address. The same one means that an interrupted run is repeated.
fn check_not_moved_elsewhere(source: &View, address: &str) -> Result<()> {
    match source.status()?.moved_to.filter(|to| to != address) {
        Some(to) => Err(Code::LedgerMoved
            .error("this ledger was moved before")
            .at(source.path())
            .because(format!("it was moved to {to}"))
            .fix(format!(
                "set `[ledger] url` to {to}, with the user and `@` before the host; to bring the ledger from there to \
                 {address}, use pg_dump and pg_restore"
            ))),
        None => Ok(()),
    }
}
