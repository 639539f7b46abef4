//! A store in one file, and back.
//!
//! The file is a tar: first a description, then the files of the store with the ledger, then their SHA-256. The ledger is
//! a copy that SQLite makes, so that it is consistent while other processes read and write; the store's lock keeps other
//! verbs from changing files meanwhile. Shards and archives outside of the store are not in it.

mod restore;
mod walk;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base::file::{self, BulkDir, Mode};
use base::{Code, Error, Result, digest};
use ledger::LedgerUid;
use pki::age::{Recipient, Sealer};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::paths::is_inside;
use crate::shard::tar;
use crate::store::Store;

pub use restore::{Restored, check, restore};

/// The description, the first file.
const DESCRIPTION: &str = "tbpki-backup.json";
/// The checksums, the last file.
const CHECKSUMS: &str = "tbpki-backup.sha256";
/// What the names of the store's files begin with.
const PREFIX: &str = "store/";
/// The ledger.
const LEDGER: &str = "ledger.db";
/// The version of the format.
const VERSION: u32 = 1;
/// The largest file of a store: the ledger of some ten million identities.
const LARGEST: usize = 8 << 30;
/// The copy of the ledger while the backup is written.
const COPY: &str = "ledger.copy";

/// The description of a backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Description {
    version: u32,
    /// The version of tbpki that wrote it.
    tbpki: String,
    /// The identifier of the ledger, in hexadecimal.
    ledger: String,
    /// The number of changes that the ledger had seen.
    changes: u64,
    /// The time in seconds since 1970.
    made_at: i64,
    /// Whether the ledger is in it: one on a server is not.
    has_ledger: bool,
}

/// A file that is to be written.
#[derive(Debug, Clone)]
pub struct BackupRequest {
    /// The file.
    pub out: PathBuf,
    /// The recipients that can open it; empty if it is not encrypted.
    pub recipients: Vec<Recipient>,
    /// Replace a file that is there. It is kept as FILE.TIME.
    pub force: bool,
    /// The present time.
    pub now: OffsetDateTime,
}

/// What was written.
#[derive(Debug, Clone)]
pub struct BackedUp {
    /// The number of files.
    pub files: u64,
    /// The unique id of the ledger that was backed up.
    pub ledger: LedgerUid,
    /// The number of changes that it had seen.
    pub changes: u64,
    /// Whether the ledger is in the backup.
    pub has_ledger: bool,
    /// The name under which a file that was replaced is kept.
    pub kept: Option<PathBuf>,
}

/// Writes a backup of an open store. Nothing of that name is there before it is complete and on disk.
///
/// # Errors
/// [`Code::TargetExists`], also if the name is that of a pipe, a device, a link or a directory; [`Code::DiskFull`], and those of the ledger and of the files.
pub fn write(store: &Store, request: &BackupRequest) -> Result<BackedUp> {
    let (dir, name) = parent_of(&request.out)?;
    let out = BulkDir::open(&dir)?;
    check_outside(store.dir(), &dir, &request.out)?;
    // Also with `force`: a pipe or a device in the way would be renamed, and programs that use it would lose it.
    if out.holds_special(&name)? {
        return Err(Code::TargetExists
            .error("this is not a regular file")
            .at(&request.out)
            .because("a backup gets its name when it is complete, so it is not written into a pipe, a device or a link")
            .fix("name a file that does not exist"));
    }
    if !request.force && out.holds(&name)? {
        return Err(Code::TargetExists
            .error("this file exists")
            .at(&request.out)
            .fix("name another file, or use --force: the file is then kept as FILE.TIME"));
    }
    let partial = format!(".tbpki-backup-{name}");
    // A run that was killed may have left one.
    out.remove(&partial)?;
    let written = fill(store, request, out.create(&partial)?);
    // Also after a failure: the copy is a whole ledger.
    let copy_removed = file::remove(store.dir(), COPY);
    let written = written.and_then(|done| copy_removed.map(|_| done));
    let publish = |mut done: BackedUp| {
        if out.holds(&name)? {
            let kept = format!("{name}.{}", request.now.unix_timestamp());
            // `publish` replaces nothing, so the earlier backup moves out of the way first.
            out.publish(&name, &out, &kept)?;
            done.kept = Some(dir.join(kept));
        }
        out.publish(&partial, &out, &name)?;
        out.sync_names()?;
        Ok(done)
    };
    written.and_then(publish).inspect_err(|_| {
        // What stays is overwritten by the next backup of that name.
        out.remove(&partial).unwrap_or_else(|error| tracing::warn!(%error, "a part of a backup stays"));
    })
}

/// Fails if a backup would be a file of the store.
fn check_outside(store: &Path, dir: &Path, out: &Path) -> Result<()> {
    if !is_inside(store, dir)? {
        return Ok(());
    }
    Err(Code::BadValue
        .error("a backup cannot be inside of the store")
        .at(out)
        .because("the next backup would contain it, and with the store it would be lost")
        .fix("name a file on another disk or machine"))
}

fn fill(store: &Store, request: &BackupRequest, file: File) -> Result<BackedUp> {
    let unwritable = |error: io::Error| unwritable(&request.out, &error);
    let sync = |file: File| file.sync_all().map_err(unwritable);
    if request.recipients.is_empty() {
        let mut file = io::BufWriter::new(file);
        let done = archive(store, request, &mut file)?;
        // `into_inner` writes the rest and reports its error, which a dropped `BufWriter` would hide.
        sync(file.into_inner().map_err(|error| unwritable(error.into_error()))?)?;
        return Ok(done);
    }
    let mut sealer = Sealer::new(&request.recipients, io::BufWriter::new(file))?;
    let done = archive(store, request, &mut sealer)?;
    let file = sealer.finish().map_err(unwritable)?;
    sync(file.into_inner().map_err(|error| unwritable(error.into_error()))?)?;
    Ok(done)
}

/// Writes the tar.
fn archive(store: &Store, request: &BackupRequest, out: &mut dyn Write) -> Result<BackedUp> {
    let status = store.ledger.status()?;
    // A server's ledger belongs to the backups of that server (`pg_dump`).
    let has_ledger = !store.ledger.is_shared();
    let mut tar =
        Tar { writer: tar::TarWriter::new(request.now.unix_timestamp()), out, path: &request.out, sums: String::new() };
    let description = Description {
        version: VERSION,
        tbpki: env!("CARGO_PKG_VERSION").to_owned(),
        ledger: status.uid.to_string(),
        changes: status.changes,
        made_at: request.now.unix_timestamp(),
        has_ledger,
    };
    let text = serde_json::to_vec_pretty(&description)
        .map_err(|error| Code::Internal.error("a backup cannot be described").caused_by(error))?;
    tar.add(DESCRIPTION, Mode::Private, &text)?;
    let mut files = 0;
    if has_ledger {
        let copy = store.dir().join(COPY);
        file::remove(store.dir(), COPY)?;
        file::create_empty(&copy)?;
        store.ledger.back_up(&copy)?;
        tar.add(&format!("{PREFIX}{LEDGER}"), Mode::Private, &file::read(&copy, LARGEST)?)?;
        files += 1;
    }
    walk::files(store.dir(), &mut |name, mode, path| {
        files += 1;
        tar.add(&format!("{PREFIX}{name}"), mode, &file::read_secret(path, LARGEST)?)
    })?;
    tar.end()?;
    Ok(BackedUp { files, ledger: status.uid, changes: status.changes, has_ledger, kept: None })
}

/// The tar of a backup.
struct Tar<'a> {
    writer: tar::TarWriter,
    out: &'a mut dyn Write,
    path: &'a Path,
    /// A line for each file: its SHA-256, its mode and its name.
    sums: String,
}

impl Tar<'_> {
    fn add(&mut self, name: &str, mode: Mode, contents: &[u8]) -> Result<()> {
        self.sums.push_str(&line(name, mode, contents));
        self.append(name, contents)
    }

    fn append(&mut self, name: &str, contents: &[u8]) -> Result<()> {
        let mut octets = Zeroizing::new(Vec::with_capacity(tar::TarWriter::room(name, contents.len())));
        self.writer.append(name, contents, &mut octets);
        self.out.write_all(&octets).map_err(|error| unwritable(self.path, &error))
    }

    fn end(&mut self) -> Result<()> {
        let sums = std::mem::take(&mut self.sums);
        self.append(CHECKSUMS, sums.as_bytes())?;
        self.out.write_all(&tar::END).map_err(|error| unwritable(self.path, &error))
    }
}

/// The line of a file among the checksums.
fn line(name: &str, mode: Mode, contents: &[u8]) -> String {
    // Each header in the tar has 0600, so that a file is private however it is unpacked. The true mode is only here.
    let mode = if mode == Mode::Public { "0644" } else { "0600" };
    format!("{} {mode} {name}\n", base::hex::lower(&digest::sha256(contents)))
}

/// The directory of a file and its name.
fn parent_of(path: &Path) -> Result<(PathBuf, String)> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Code::BadValue.error("this is not the name of a file").at(path))?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((parent.to_owned(), name.to_owned()))
}

fn unwritable(path: &Path, error: &io::Error) -> Error {
    file::code_of_write(error).error("the backup cannot be written").at(path).because(error)
}
