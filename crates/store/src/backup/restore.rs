//! A store from its backup.

use std::collections::HashSet;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use base::file::{self, BulkDir, Mode};
use base::{Code, Error, Result};
use ledger::{Ledger, LedgerUid};

use super::{CHECKSUMS, DESCRIPTION, Description, LARGEST, LEDGER, PREFIX, VERSION, line, parent_of};
use crate::location::{MOVED, StoreLocation};
use crate::rollback;
use crate::shard::tar;

/// The beginning of a file that age has encrypted.
const AGE: &[u8] = b"age-encryption.org/";

/// What was restored.
#[derive(Debug, Clone)]
pub struct Restored {
    /// The number of files.
    pub files: u64,
    /// The unique id of the ledger that was restored.
    pub ledger: LedgerUid,
    /// The number of changes that it had seen when the backup was made.
    pub changes: u64,
    /// The time of the backup, in seconds since 1970.
    pub made_at: i64,
    /// Whether the ledger is in it.
    pub has_ledger: bool,
    /// The number of changes that the ledger had seen after the backup, as far as a note on this machine tells.
    pub lost_changes: u64,
    /// One-time passwords that the backup has as not spent, and that end with the restore.
    pub ended_passwords: u64,
}

impl Restored {
    /// The same without the ledger of the backup, if a server has the ledger: the backup is from before the move. As after the
    /// move, a note names the server, so that no new ledger is made if its setting is lost.
    fn without_ledger_of_file(self, location: &StoreLocation, dir: &BulkDir) -> Result<Self> {
        let Some(address) = location.server_address().filter(|_| self.has_ledger) else {
            return Ok(self);
        };
        dir.remove(LEDGER)?;
        dir.remove(MOVED)?;
        dir.write(MOVED, address.as_bytes(), Mode::Public)?;
        Ok(Self { has_ledger: false, ..self })
    }

    /// The same with what the notes about the lost ledger tell.
    fn compared(self, target: &Path) -> Self {
        let noted = rollback::highest_note(target, self.ledger).map_or(0, |(changes, _)| changes);
        Self { lost_changes: if self.has_ledger { noted.saturating_sub(self.changes) } else { 0 }, ..self }
    }
}

/// Restores a store from a backup into a directory that is empty or not there. The store appears as a whole, and its
/// ledger is marked as restored.
///
/// # Errors
/// [`Code::StoreExists`], [`Code::OtherStore`], [`Code::BackupUnreadable`]: nothing is restored then.
pub fn restore(location: &StoreLocation, backup: &mut dyn Read) -> Result<Restored> {
    let target = target(location)?;
    let (parent, name) = parent_of(&target)?;
    file::create_dir(&parent)?;
    let parent = BulkDir::open(&parent)?;
    let hidden = format!(".tbpki-restored-{name}");
    parent.remove(&hidden)?;
    let dir = parent.create_dir(&hidden)?;
    let restored = unpack(Some(&dir), backup).and_then(|restored| {
        let restored = restored.without_ledger_of_file(location, &dir)?;
        let mut restored = restored.compared(&target);
        // After unpacking, because the message depends on whose ledger is in the backup.
        check_is_empty(&target, restored.ledger)?;
        if restored.has_ledger {
            restored.ended_passwords = mark(&dir, &restored)?;
        }
        // The contents are on the disk before they have the name that counts.
        dir.sync_all()?;
        if target.symlink_metadata().is_ok() {
            parent.remove(&name)?;
        }
        parent.publish(&hidden, &parent, &name)?;
        parent.sync_names()?;
        Ok(restored)
    });
    restored.inspect_err(|_| {
        parent.remove(&hidden).unwrap_or_else(|error| tracing::warn!(%error, "a part of a restored store stays"));
    })
}

/// Reads a backup to its end, and compares its checksums, as [`restore`] does. Nothing is written.
///
/// # Errors
/// Those of [`restore`], as far as they do not come from the ledger.
pub fn check(location: &StoreLocation, backup: &mut dyn Read) -> Result<Restored> {
    let target = target(location)?;
    let restored = unpack(None, backup)?;
    check_is_empty(&target, restored.ledger)?;
    let has_ledger = restored.has_ledger && !location.is_shared();
    Ok(Restored { has_ledger, ..restored }.compared(&target))
}

/// The absolute path of the store.
fn target(location: &StoreLocation) -> Result<PathBuf> {
    std::path::absolute(location.dir()).map_err(|error| {
        Code::BadValue.error("the path of the store is not usable").at(location.dir()).caused_by(error)
    })
}

/// Fails if the store has contents.
fn check_is_empty(target: &Path, uid: LedgerUid) -> Result<()> {
    if target.symlink_metadata().is_err() {
        return Ok(());
    }
    let names = BulkDir::open(target)?.names()?;
    if names.iter().all(|name| name == ".lock") {
        return Ok(());
    }
    if rollback::note_in_store(target).is_some_and(|note| note.uid != uid) {
        return Err(Code::OtherStore.error("the store here is another one than that of the backup").at(target));
    }
    Err(Code::StoreExists
        .error("there is a store here, or something else")
        .at(target)
        .fix("move the directory away, then restore again"))
}

/// Reads a backup, into a directory if there is one.
fn unpack(dir: Option<&BulkDir>, backup: &mut dyn Read) -> Result<Restored> {
    let mut description: Option<Description> = None;
    let mut sums = String::new();
    let mut expected: Option<HashSet<String>> = None;
    let mut modes = Vec::new();
    // As many octets as `AGE` has: an encrypted backup gets a message of its own.
    let mut start = [0; 19];
    backup.read_exact(&mut start).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => unreadable("it is too short"),
        _ => unreadable("it cannot be read").caused_by(error),
    })?;
    if start == AGE {
        return Err(Code::BackupUnreadable
            .error("the backup is encrypted")
            .fix("run `age --decrypt --identity KEY FILE.age | tbpki store restore -`"));
    }
    let mut all = start.chain(backup);
    let damaged = tar::each(&mut all, LARGEST, &mut |entry| {
        if expected.is_some() {
            return Err(unreadable("something follows its end"));
        }
        match entry.name {
            CHECKSUMS => {
                let text = std::str::from_utf8(entry.contents).map_err(|_| unreadable("its checksums are no text"))?;
                expected = Some(text.split_inclusive('\n').map(str::to_owned).collect());
            }
            DESCRIPTION => {
                description = Some(describe(entry.contents)?);
                sums.push_str(&line(entry.name, Mode::Private, entry.contents));
            }
            name => {
                // Each backup begins with its description, so a tar without one was not made here.
                let inner = name.strip_prefix(PREFIX).filter(|_| description.is_some());
                let inner = inner.ok_or_else(|| unreadable("it holds something else than a store"))?;
                write(dir, inner, entry.contents)?;
                modes.push((inner.to_owned(), line(name, Mode::Public, entry.contents)));
                sums.push_str(&line(name, Mode::Private, entry.contents));
            }
        }
        Ok(())
    });
    damaged.map_err(|error| match error.code() {
        // The reader of tars was made for shards, and its own words would mislead here.
        Code::ShardDamaged => unreadable("it is damaged").caused_by(error),
        _ => error,
    })?;
    let (Some(description), Some(expected)) = (description, expected) else { return Err(unreadable("it has no end")) };
    // All files are private until here, because the modes come with the checksums.
    check_sums(&sums, &modes, &expected)?;
    for (name, public) in modes.iter().filter(|(_, public)| expected.contains(public)) {
        let Some(dir) = dir else { break };
        make_public(dir, name).map_err(|error| error.item(public.trim_end()))?;
    }
    Ok(Restored {
        files: modes.len().try_into().unwrap_or(u64::MAX),
        ledger: description.ledger.parse()?,
        changes: description.changes,
        made_at: description.made_at,
        has_ledger: description.has_ledger,
        lost_changes: 0,
        ended_passwords: 0,
    })
}

fn describe(bytes: &[u8]) -> Result<Description> {
    let description: Description =
        serde_json::from_slice(bytes).map_err(|error| unreadable("its description cannot be read").caused_by(error))?;
    if description.version > VERSION {
        return Err(unreadable(&format!("it has version {}", description.version))
            .fix("use the version of tbpki that wrote it, or a later one"));
    }
    Ok(description)
}

/// Fails unless each file has its checksum, with one of the two modes, and no file is missing.
fn check_sums(private: &str, public: &[(String, String)], expected: &HashSet<String>) -> Result<()> {
    let public: HashSet<&str> = public.iter().map(|(_, line)| line.as_str()).collect();
    let lines: Vec<&str> = private.split_inclusive('\n').collect();
    let name_of = |line: &str| line.splitn(3, ' ').nth(2).map(str::to_owned).unwrap_or_default();
    let public_of: std::collections::HashMap<String, &str> = public.iter().map(|line| (name_of(line), *line)).collect();
    for line in &lines {
        let other = public_of.get(&name_of(line));
        if !expected.contains(*line) && !other.is_some_and(|other| expected.contains(*other)) {
            return Err(unreadable("a file in it has another SHA-256").item(name_of(line).trim_end()));
        }
    }
    if lines.len() == expected.len() { Ok(()) } else { Err(unreadable("a file in it is missing")) }
}

/// Writes a file of the store, and the directories above it.
fn write(dir: Option<&BulkDir>, name: &str, contents: &[u8]) -> Result<()> {
    let path = Path::new(name);
    let is_plain = path.components().all(|part| matches!(part, Component::Normal(_))) && !name.ends_with('/');
    let mut parts: Vec<&str> = name.split('/').collect();
    let Some(last) = parts.pop().filter(|last| is_plain && !last.is_empty()) else {
        return Err(unreadable("a file in it has a name that leads elsewhere").item(name));
    };
    let Some(dir) = dir else { return Ok(()) };
    let mut inner: Option<BulkDir> = None;
    for part in parts {
        let above = inner.as_ref().unwrap_or(dir);
        inner = Some(match above.dir(part)? {
            Some(there) => there,
            None => above.create_dir(part)?,
        });
    }
    inner.as_ref().unwrap_or(dir).write(last, contents, Mode::Private)
}

/// Lets everybody read a file that everybody could read.
fn make_public(dir: &BulkDir, name: &str) -> Result<()> {
    let path = dir.path().join(name);
    let bytes = file::read(&path, LARGEST)?;
    let (parent, name) = parent_of(&path)?;
    let parent = BulkDir::open(parent)?;
    parent.remove(&name)?;
    parent.write(&name, &bytes, Mode::Public)
}

/// Checks the ledger and marks it as restored.
fn mark(dir: &BulkDir, restored: &Restored) -> Result<u64> {
    let mut ledger = Ledger::open(dir.path().join(LEDGER))?;
    ledger.check()?;
    if ledger.status()?.uid != restored.ledger {
        return Err(unreadable("its ledger is another one than its description states"));
    }
    // A password that was spent since the backup would lead to a certificate once more.
    let ended = ledger.end_enrolments()?;
    ledger.mark_restored()?;
    // From now on this is the newest ledger, whatever the notes about the lost one say.
    ledger.raise_changes(restored.changes.saturating_add(restored.lost_changes).saturating_add(1))?;
    Ok(ended)
}

fn unreadable(why: &str) -> Error {
    Code::BackupUnreadable.error("this is not a backup that can be restored").because(why)
}
