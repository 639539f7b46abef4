//! The directory of the shards of a job. A file in it identifies the job.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base::file::{self, BulkDir, FileSet, Lock, Mode};
use base::text::quote;
use base::{Code, Result};
use ledger::{JobId, View};
use serde::{Deserialize, Serialize};

use super::layout::{Attempt, Layout, Packing};
use crate::paths::{FILE_LIMIT, PLACES};

/// The file that identifies the job of a directory.
pub(super) const MARK: &str = "fleet.json";
/// The version of that file. Version 1, of tbpki 0.1.0, knew the job by its number alone.
pub(super) const VERSION: u32 = 2;
/// The suffix of the directory with the parts of an archive.
const PARTS: &str = ".parts";
/// The longest wait for another process that works in the same place.
const PATIENCE: Duration = Duration::from_secs(5);

/// A directory with shards of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardStore {
    /// The directory: the store for [`Layout::Directories`], the one with the parts for an archive.
    pub dir: PathBuf,
    pub(super) mark: ShardStoreFile,
}

/// The content of `fleet.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ShardStoreFile {
    pub(super) version: u32,
    /// By what the ledger knows it.
    pub(super) place: String,
    pub(super) layout: Layout,
    #[serde(default, skip_serializing_if = "is_plain")]
    pub(super) packing: Packing,
    /// The number of the job that it belongs to; none for the store itself, which takes all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) job: Option<u64>,
    /// The random identifier of that job, in hexadecimal; none in version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) job_uid: Option<String>,
}

impl ShardStoreFile {
    /// Fails if a name in it is not one that tbpki makes: it becomes the name of a file in the store.
    fn check(&self) -> Result<()> {
        let ids = [Some(&self.place), self.job_uid.as_ref()];
        match ids.into_iter().flatten().find(|id| !is_id(id)) {
            None => Ok(()),
            Some(id) => Err(Code::FileUnreadable
                .error(format!("{} is not the identifier of a place or job", quote(id)))
                .fix("restore the file from a backup")),
        }
    }
}

/// True if a text is an identifier as tbpki makes them: hexadecimal digits.
pub(super) fn is_id(text: &str) -> bool {
    // The bound keeps a file name below the limit of the file system.
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_plain(packing: &Packing) -> bool {
    *packing == Packing::default()
}

impl ShardStore {
    /// The place in `dir`; none where it is none.
    ///
    /// # Errors
    /// [`Code::FileUnreadable`]; [`Code::NotADirectory`] for a file.
    pub fn open(dir: &Path) -> Result<Option<Self>> {
        if dir.is_file() {
            let parts = Self::parts_of(dir);
            return Err(Code::NotADirectory.error("this is a file and not a directory of shards").at(dir).fix(
                match parts.is_dir() {
                    true => format!("name {}, the directory of the archive's parts", parts.display()),
                    false => "name a directory".to_owned(),
                },
            ));
        }
        if dir.exists() && !dir.is_dir() {
            return Err(Code::NotADirectory.error("this is not a directory").at(dir).fix("name a directory"));
        }
        let path = dir.join(MARK);
        let Some(bytes) = file::read_optional(&path, FILE_LIMIT)? else { return Ok(None) };
        Self::parse(dir, &bytes).map(Some)
    }

    /// The place in `dir` that this `fleet.json` describes.
    ///
    /// # Errors
    /// [`Code::FileUnreadable`], also if an identifier in it could lead to another file.
    pub fn parse(dir: &Path, bytes: &[u8]) -> Result<Self> {
        let path = dir.join(MARK);
        let mark: ShardStoreFile = serde_json::from_slice(bytes).map_err(|error| {
            Code::FileUnreadable
                .error("the file does not name the job of the directory")
                .at(&path)
                .caused_by(error)
                .fix("restore the file from a backup")
        })?;
        // A later version may have fields that change the meaning of this one.
        if mark.version > VERSION {
            return Err(Code::FileUnreadable
                .error(format!("the file has version {}, and this tbpki knows versions up to {VERSION}", mark.version))
                .at(&path)
                .fix("use the version of tbpki that wrote it, or a later one"));
        }
        // Identifiers become parts of paths, so nothing of them is believed that could contain a slash.
        mark.check().map_err(|error| error.at(&path))?;
        Ok(Self { dir: dir.to_owned(), mark })
    }

    /// The place that the ledger knows as `id`, where the store last saw it.
    ///
    /// # Errors
    /// [`Code::PlaceMissing`].
    pub fn find(store: &Path, id: &str) -> Result<Self> {
        let missing = || {
            Code::PlaceMissing
                .error("the directory or archive with these identities is not known here")
                .fix("name where it is with `--out DIR` or `--archive FILE`")
        };
        // An id from a ledger names a file: nothing but our own form will do.
        if !is_id(id) {
            return Err(missing());
        }
        let way = file::read_optional(store.join(PLACES).join(id), FILE_LIMIT)?.ok_or_else(missing)?;
        let dir =
            std::str::from_utf8(&way).map(|text| store.join(text.trim_end_matches('\n'))).map_err(|_| missing())?;
        // The directory may have been exchanged for that of another job since the store recorded its path.
        match Self::open(&dir)?.filter(|place| place.mark.place == id) {
            Some(place) => Ok(place),
            None => Err(missing().at(dir)),
        }
    }

    /// Lets the store know where this place is now.
    pub fn remember(&self, store: &Path) -> Result<()> {
        remember(store, &self.mark.place, &self.dir)
    }

    /// The place that the user last gave for the shards of a job. The shards need not exist yet.
    ///
    /// # Errors
    /// [`Code::FileUnreadable`].
    pub fn wished(store: &Path, job: u64) -> Result<Option<PathBuf>> {
        let way = file::read_optional(store.join(PLACES).join(format!("job-{job}")), FILE_LIMIT)?;
        // A path with a line break cannot be recorded, so the first line is all of it.
        Ok(way.and_then(|way| std::str::from_utf8(&way).ok().map(|text| store.join(text.trim_end_matches('\n')))))
    }

    /// By what the ledger knows it.
    pub fn id(&self) -> &str {
        &self.mark.place
    }

    /// The layout of its shards.
    pub fn layout(&self) -> Layout {
        self.mark.layout
    }

    /// The compression and encryption of its archive.
    pub fn packing(&self) -> Packing {
        self.mark.packing
    }

    /// The job that it belongs to; none for the store itself.
    pub fn job(&self) -> Option<u64> {
        self.mark.job
    }

    /// The archive that its parts become; none for other layouts.
    pub fn archive(&self) -> Option<PathBuf> {
        archive_of(&self.dir, self.mark.layout)
    }

    /// The directory in which the parts of an archive are made.
    pub fn parts_of(archive: &Path) -> PathBuf {
        let mut name = archive.as_os_str().to_owned();
        name.push(PARTS);
        name.into()
    }

    /// The attempt that counts for a shard; none where it is not issued, or lies in another place.
    ///
    /// # Errors
    /// Those of the ledger.
    pub fn attempt(&self, view: &View, job: JobId, shard: u32) -> Result<Option<Attempt>> {
        let committed = view.committed(job, shard)?.filter(|committed| committed.place == self.id());
        Ok(committed.map(|committed| Attempt { shard, fence: committed.fence }))
    }

    /// The directory, open.
    pub fn bulk(&self) -> Result<BulkDir> {
        match self.mark.layout {
            Layout::Directories => BulkDir::open(self.dir_of_devices()),
            Layout::Shards | Layout::Archive => BulkDir::open(&self.dir),
        }
    }

    /// Keeps other processes from working here. The store has its lock already.
    pub fn lock(&self, verb: &str) -> Result<Option<Lock>> {
        match self.mark.layout {
            Layout::Directories => Ok(None),
            Layout::Shards | Layout::Archive => Lock::acquire(&self.dir, verb, PATIENCE).map(Some),
        }
    }
}

impl ShardStore {
    /// The directory with the directories of devices, for [`Layout::Directories`].
    pub fn dir_of_devices(&self) -> PathBuf {
        self.dir.join("devices")
    }
}

/// The archive that the parts in `dir` become; none for other layouts.
pub(super) fn archive_of(dir: &Path, layout: Layout) -> Option<PathBuf> {
    let dir = dir.to_str().filter(|_| layout == Layout::Archive)?;
    // Only the suffix is removed: `fleet.tar.parts` belongs to `fleet.tar`.
    dir.strip_suffix(PARTS).map(PathBuf::from)
}

/// The text of a path that a store records.
///
/// # Errors
/// [`Code::BadValue`] for a path that is not one line of UTF-8.
fn recorded(dir: &Path) -> Result<&str> {
    dir.to_str()
        // The record is one line, and a line break in it would read as the end.
        .filter(|text| !text.contains('\n'))
        .ok_or_else(|| {
            Code::BadValue
                .error("the path of this directory is not one line of UTF-8 text")
                .at(dir)
                .because("the store records where the identities of a job are")
                .fix("use a directory whose whole path is UTF-8 and has no line breaks")
        })
}

/// Fails if [`remember`] would refuse the path of a directory, which need not exist yet.
pub(super) fn check_recordable(dir: &Path) -> Result<()> {
    let whole = std::path::absolute(dir)
        .map_err(|error| Code::FileUnreadable.error("the working directory is unknown").at(dir).caused_by(error))?;
    recorded(&whole)?;
    // Links on the way lead elsewhere, and the record has the real path.
    whole.ancestors().find_map(|dir| dir.canonicalize().ok()).map_or(Ok(()), |real| recorded(&real).map(drop))
}

/// Writes down a way in the store.
pub(super) fn remember(store: &Path, name: &str, dir: &Path) -> Result<()> {
    // The store may move as a whole, and its own path may be any.
    let text = if dir == absolute(store)? { "." } else { recorded(dir)? };
    keep(store, &format!("{PLACES}/{name}"), format!("{text}\n").into_bytes())
}

/// Keeps a small private file of the store, which has this path there. It is replaced only if it changes, because some
/// verbs call this for each run.
pub(super) fn keep(store: &Path, path: &str, bytes: Vec<u8>) -> Result<()> {
    if file::read_optional(store.join(path), FILE_LIMIT)?.is_some_and(|known| *known == bytes) {
        return Ok(());
    }
    file::remove(store, path)?;
    let mut set = FileSet::new(store);
    set.add(path, bytes, Mode::Private)?;
    set.commit().map(drop)
}

pub(super) fn absolute(path: &Path) -> Result<PathBuf> {
    path.canonicalize()
        .map_err(|error| Code::FileUnreadable.error("this directory cannot be found").at(path).caused_by(error))
}
