//! A ledger that stays open while its user lets others write: whether they did, and whether the connection can go on.

use base::Result;

use crate::ledger::Ledger;
use crate::postgres;
use crate::sqlite::FileStamps;
use crate::view::View;

/// A ledger as its user has left it, before others could write. A ledger on a server is never left: its other users write at
/// any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenLedger(Option<FileStamps>);

/// What can have happened to a ledger since its user has left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinceSeen {
    /// Since this connection was opened, no other one has written.
    Nothing,
    /// Others may have written. This connection can go on.
    Changes,
    /// The ledger has to be opened again: another connection has written to its file, the file is another one or was
    /// changed behind the back of SQLite, the server is gone, or its ledger has another layout.
    Unknown,
}

impl Ledger {
    /// Sets the ledger up to stay open: for a service, in place of a verb that ends soon.
    ///
    /// # Errors
    /// Those of the database.
    pub fn stay_open(&mut self) -> Result<()> {
        match self.view().file() {
            Some(file) => file.stay_open(),
            // A session with a server is the same for all.
            None => Ok(()),
        }
    }

    /// The ledger as its user leaves it.
    pub fn seen(&self) -> SeenLedger {
        SeenLedger(self.view().file().map(|file| FileStamps::of(file.path())))
    }
}

impl View {
    /// Compares the ledger with how its user has left it. A server is not waited for.
    pub fn since(&self, seen: &SeenLedger) -> SinceSeen {
        let compared = match (self.file(), self.server(), &seen.0) {
            // The files first: the connection keeps pages in memory, and learns only of changes that were made by SQLite.
            // A file that was copied over this one would be mixed with these pages.
            (Some(file), _, Some(files)) if FileStamps::of(file.path()) == *files => {
                // After a commit of others little is gained by this connection, which reads all pages again.
                file.has_other_commits().map(|others| if others { SinceSeen::Unknown } else { SinceSeen::Nothing })
            }
            (_, Some(worker), None) => worker.call(postgres::check_goes_on).map(|()| SinceSeen::Changes),
            _ => return SinceSeen::Unknown,
        };
        compared.unwrap_or_else(|error| {
            tracing::debug!(%error, "the connection to the ledger cannot be used any more");
            SinceSeen::Unknown
        })
    }
}
