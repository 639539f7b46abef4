//! Noticing a ledger that is older than the files: a restored backup, or a file that was copied back.
//!
//! A ledger counts its changes. The count is also noted outside of it: in the store, in the state directory of this
//! user on this machine, and in each place that shards are written to. A note with a higher count than the ledger's
//! means that the ledger is an older copy. Notes are written at the end of a verb and may be behind, never ahead.
//!
//! A service notes which ledger it works with, in its own directory in the store: the files of another station bundle that are
//! copied over a store bring a ledger with its note, and leave that directory.

use std::path::{Path, PathBuf};
use std::sync::Once;

use base::{Code, Result, file};
use ledger::{LedgerStatus, LedgerUid, View};

use crate::file_names::{AUDIT_LOG, DEVICES_LISTS, SERVERS_LISTS, SERVICE};
use crate::paths::{PLACES, holds_identities};

/// The note in a store.
pub(crate) const IN_STORE: &str = "ledger.note";
/// The note in a place.
const IN_PLACE: &str = "ledger.note";
/// The changes of a ledger that has only the CAs of an `init`: they are entered in one transaction.
pub(crate) const OF_INIT: u64 = 1;
/// The digits of a count. They hold every count, so that a later note overwrites an earlier one completely.
const DIGITS: usize = 20;
/// The way out if a ledger is an older copy.
const PUT_BACK: &str =
    "put the newest ledger back; if it is lost, run `tbpki store repair`, which takes over what the files show";
/// The largest note that is read.
const LIMIT: usize = 1 << 10;

/// A note about a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// The ledger.
    pub uid: LedgerUid,
    /// The number of its changes at that time.
    pub changes: u64,
}

impl Note {
    fn of(status: &LedgerStatus) -> Self {
        Self { uid: status.uid, changes: status.changes }
    }

    fn text(&self) -> String {
        format!("{} {:0DIGITS$}\n", self.uid, self.changes)
    }

    /// `None` for a note that was damaged.
    fn parse(text: &[u8]) -> Option<Self> {
        let (uid, changes) = std::str::from_utf8(text).ok()?.trim_end().split_once(' ')?;
        // A count that was cut would be a lower one.
        let is_whole = changes.len() == DIGITS;
        is_whole.then_some(Self { uid: uid.parse().ok()?, changes: changes.parse().ok()? })
    }

    fn read(path: &Path) -> Option<Self> {
        match file::read_optional(path, LIMIT) {
            Ok(bytes) => bytes.and_then(|bytes| Self::parse(&bytes)),
            Err(error) => {
                tracing::debug!(%error, "a note about the ledger cannot be read");
                None
            }
        }
    }
}

/// The note in the store in `dir`.
pub fn note_in_store(dir: &Path) -> Option<Note> {
    Note::read(&dir.join(IN_STORE))
}

/// The state directories of this user: what systemd gives a service, and the one of the XDG base directory specification. Both,
/// so that a service and the verbs that its user runs see each other's notes: the second is the same for both.
fn state_dirs() -> Vec<PathBuf> {
    // The XDG specification wants relative paths ignored: they would be another directory for each working directory.
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let of_user = absolute("XDG_STATE_HOME")
        .map(|dir| dir.join("tbpki"))
        .or_else(|| absolute("HOME").map(|dir| dir.join(".local/state/tbpki")));
    // Several directories of a unit are separated by colons (systemd.exec(5)).
    let of_unit = std::env::var_os("STATE_DIRECTORY");
    let of_unit = of_unit.iter().flat_map(std::env::split_paths).find(|path| path.is_absolute());
    of_unit.into_iter().chain(of_user).collect()
}

/// The highest number of changes that the notes about a ledger name, and the path of that note.
pub fn highest_note(store: &Path, uid: LedgerUid) -> Option<(u64, PathBuf)> {
    highest_with(note_in_store(store), store, uid)
}

/// As [`highest_note`], with the note in the store, which is read once.
fn highest_with(of_store: Option<Note>, store: &Path, uid: LedgerUid) -> Option<(u64, PathBuf)> {
    let of_user = state_dirs().into_iter().map(|dir| dir.join(uid.to_string()));
    let of_user = of_user.filter_map(|path| Some((Note::read(&path)?, path)));
    let notes = of_store.map(|note| (note, store.join(IN_STORE))).into_iter().chain(of_user);
    notes
        .filter(|(note, _)| note.uid == uid)
        .map(|(note, path)| (note.changes, path))
        .max_by_key(|(changes, _)| *changes)
}

/// Fails if a ledger is older than the notes about it, or not the ledger of this store.
///
/// # Errors
/// [`Code::LedgerOlder`], and those of the ledger.
pub fn check(store: &Path, view: &View) -> Result<()> {
    let uid = view.status()?.uid;
    // The notes first: another verb may count and note a change between the two.
    let of_store = note_in_store(store);
    let highest = highest_with(of_store, store, uid);
    compare(store, &view.status()?, of_store, highest)
}

/// Fails if a ledger of an older layout is older than the notes about it, or not the ledger of this store. `status` is
/// `None` for a layout that did not count changes.
///
/// # Errors
/// [`Code::LedgerOlder`].
pub(crate) fn check_older_layout(store: &Path, status: Option<&LedgerStatus>) -> Result<()> {
    let of_store = note_in_store(store);
    if let Some(status) = status {
        return compare(store, status, of_store, highest_with(of_store, store, status.uid));
    }
    // Versions that did not count changes wrote no notes, so the ledger of this store has had a later layout.
    match of_store.filter(|_| has_issued(store)) {
        None => Ok(()),
        Some(note) => Err(Code::LedgerOlder
            .error("the ledger is older than the files: it has the layout of an earlier version")
            .at(store)
            .because(format!(
                "the store was last written with the ledger {} of a later layout, which had seen {} changes",
                note.uid, note.changes
            ))
            .fix(PUT_BACK)),
    }
}

fn compare(store: &Path, status: &LedgerStatus, of_store: Option<Note>, highest: Option<(u64, PathBuf)>) -> Result<()> {
    let of_service = Note::read(&store.join(SERVICE).join(IN_STORE)).filter(|note| note.uid != status.uid);
    // A store of CAs alone may get another ledger, for example if a server is configured after `init`.
    let of_store = of_store.filter(|note| note.uid != status.uid && has_issued(store));
    if let Some(note) = of_store.or(of_service) {
        return Err(Code::LedgerOlder
            .error("the ledger is not the one of this store")
            .at(store)
            .because(format!("the store was last written with the ledger {}, and this is {}", note.uid, status.uid))
            .fix("put the ledger of this store back; if it is lost, run `tbpki store repair`"));
    }
    match highest {
        Some((changes, path)) if changes > status.changes => Err(older(status, changes, &path)),
        _ => Ok(()),
    }
}

/// Fails if a ledger is older than the note in a place.
///
/// # Errors
/// [`Code::LedgerOlder`].
pub(crate) fn check_place(place: &Path, view: &View) -> Result<()> {
    let path = place.join(IN_PLACE);
    let Some(note) = Note::read(&path) else { return Ok(()) };
    let status = view.status()?;
    if note.uid == status.uid && note.changes > status.changes {
        return Err(older(&status, note.changes, &path));
    }
    Ok(())
}

/// Whether a store without a ledger has had one: it was noted, and something was issued with it.
pub(crate) fn has_lost_ledger(store: &Path) -> bool {
    note_in_store(store).is_some() && has_issued(store)
}

/// Whether a store was used since its CAs were made, so that another ledger would know less of it: it has identities, or
/// knows of shards, or its ledger had later changes, or files that a service or revocations leave are there. What a service
/// issues has no file in the store.
pub(crate) fn has_issued(store: &Path) -> bool {
    holds_identities(store)
        || store.join(PLACES).is_dir()
        || note_in_store(store).is_some_and(|note| note.changes > OF_INIT)
        || [DEVICES_LISTS, SERVERS_LISTS].iter().any(|file| store.join(file).exists())
        // Empty before the first request.
        || store.join(SERVICE).join(AUDIT_LOG).metadata().is_ok_and(|log| log.len() > 0)
}

fn older(status: &LedgerStatus, changes: u64, note: &Path) -> base::Error {
    Code::LedgerOlder
        .error("the ledger is older than the files: it has lost changes that were made with it")
        .at(note)
        .because(format!("it has seen {} changes, and this note names {changes}", status.changes))
        .fix(PUT_BACK)
}

/// Notes the count of changes in the store and in the state directory, unless a note there is ahead or about another
/// ledger. A note that cannot be written is no error.
pub(crate) fn note(store: &Path, view: &View) {
    // A verb that was refused because of the notes must leave them as they are.
    match check(store, view) {
        Ok(()) => note_checked(store, view),
        Err(error) => not_noted(&error),
    }
}

/// As [`note`], for a ledger that was compared with the notes when the store was locked. Other verbs write notes under the lock.
pub(crate) fn note_checked(store: &Path, view: &View) {
    match view.status() {
        Ok(status) => write_notes(store, &status),
        Err(error) => not_noted(&error),
    }
}

fn not_noted(error: &base::Error) {
    tracing::debug!(%error, "the changes of the ledger were not noted");
}

/// Notes the count of changes whatever was noted before: this ledger is the one of the store from now on.
///
/// # Errors
/// Those of the ledger.
pub fn note_repaired(store: &Path, view: &View) -> Result<()> {
    let status = view.status()?;
    write_notes(store, &status);
    let of_service = store.join(SERVICE);
    if of_service.join(IN_STORE).exists() {
        write(&of_service, IN_STORE, &Note::of(&status).text());
    }
    Ok(())
}

/// Notes that a service works with a ledger. A note that cannot be written is no error.
///
/// # Errors
/// Those of the ledger.
pub fn note_of_service(store: &Path, view: &View) -> Result<()> {
    write(&store.join(SERVICE), IN_STORE, &Note::of(&view.status()?).text());
    Ok(())
}

fn write_notes(store: &Path, status: &LedgerStatus) {
    let text = Note::of(status).text();
    write(store, IN_STORE, &text);
    let in_dir = |dir: PathBuf| {
        if !dir.is_dir()
            && let Err(error) = file::create_dir(&dir)
        {
            tracing::debug!(%error, "there is no state directory");
            return false;
        }
        write(&dir, &status.uid.to_string(), &text)
    };
    // All of them, and not only the first one that can be written.
    let written = state_dirs().into_iter().filter(|dir| in_dir(dir.clone())).count();
    if written == 0 {
        // Once: a service would tell it for each batch of requests.
        static TOLD: Once = Once::new();
        TOLD.call_once(|| {
            tracing::warn!(
                store = %store.display(),
                help = "set StateDirectory= in the unit of the service, or XDG_STATE_HOME",
                "no note about the ledger can be written outside of the store: an older copy of the whole store is not noticed"
            );
        });
    }
}

/// Notes the count of changes in a place. A note that cannot be written is no error.
pub(crate) fn note_in_place(place: &Path, view: &View) {
    match view.status() {
        Ok(status) => {
            write(place, IN_PLACE, &Note::of(&status).text());
        }
        Err(error) => tracing::debug!(%error, "the changes of the ledger were not noted"),
    }
}

/// Returns whether the note was written.
fn write(dir: &Path, name: &str, text: &str) -> bool {
    let written = file::write_note(dir, name, text.as_bytes());
    if let Err(error) = &written {
        tracing::debug!(%error, "the changes of the ledger were not noted");
    }
    written.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_reads_back_and_a_damaged_one_is_ignored() {
        let note = Note { uid: "a5".repeat(16).parse().unwrap(), changes: u64::MAX };
        assert_eq!(Note::parse(note.text().as_bytes()), Some(note));
        assert_eq!(Note { changes: 7, ..note }.text().len(), note.text().len());
        for text in ["", "a5 1", "x", &note.text()[..40]] {
            assert_eq!(Note::parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
