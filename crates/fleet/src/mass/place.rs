//! The directory that the shards of a job lie in, known by a file in it, so that whoever sees it can tell.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base::file::{self, Bulk, FileSet, Lock, Mode};
use base::{Code, Result};
use ledger::{JobId, View};
use pki::serial::Serial;
use serde::{Deserialize, Serialize};

use super::layout::{Attempt, Layout, Packing};
use crate::store::FILE_LIMIT;

/// What says to which job a directory belongs.
const MARK: &str = "fleet.json";
/// Where a store keeps the ways to its places.
const PLACES: &str = "places";
/// What the directory with the parts of an archive ends with.
const PARTS: &str = ".parts";
/// How long to wait for another process that works in the same place.
const PATIENCE: Duration = Duration::from_secs(5);

/// A directory with shards of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The directory: the store for [`Layout::Directories`], the one with the parts for an archive.
    pub dir: PathBuf,
    mark: Mark,
}

/// What `fleet.json` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    version: u32,
    /// By what the ledger knows it.
    place: String,
    layout: Layout,
    #[serde(default, skip_serializing_if = "is_plain")]
    packing: Packing,
    /// The job that it belongs to; none for the store itself, which takes all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    job: Option<u64>,
}

fn is_plain(packing: &Packing) -> bool {
    *packing == Packing::default()
}

impl Place {
    /// The place for `job` in `dir`, made if it is not there yet, and remembered in the store.
    ///
    /// # Errors
    /// [`Code::PlaceTaken`] where it belongs to another job or holds something else, and what the disk can refuse.
    pub(crate) fn make(store: &Path, dir: &Path, layout: Layout, packing: Packing, job: u64) -> Result<Self> {
        file::create_dir(dir)?;
        let dir = absolute(dir)?;
        if layout != Layout::Directories {
            remember(store, &format!("job-{job}"), &dir)?;
        }
        let job = (layout != Layout::Directories).then_some(job);
        let place = match Self::open(&dir)? {
            Some(place) => {
                place.check_is_for(job, layout, packing)?;
                place
            }
            None => {
                if job.is_some() {
                    check_is_empty(&dir)?;
                }
                // Random octets in hexadecimal, whatever they are the number of.
                let place = Serial::random()?.to_string();
                let mark = Mark { version: 1, place, layout, packing, job };
                let text = serde_json::to_vec_pretty(&mark).map_err(|error| unwritable(&error))?;
                let mut set = FileSet::new(&dir);
                set.add(MARK, text, Mode::Private)?;
                set.commit()?;
                Self { dir, mark }
            }
        };
        place.remember(store)?;
        Ok(place)
    }

    /// The place in `dir`; none where it is none.
    ///
    /// # Errors
    /// [`Code::FileUnreadable`].
    pub fn open(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(MARK);
        let Some(bytes) = file::read_optional(&path, FILE_LIMIT)? else { return Ok(None) };
        let mark: Mark = serde_json::from_slice(&bytes).map_err(|error| {
            Code::FileUnreadable
                .error("this does not say to which job the directory belongs")
                .at(&path)
                .because(error)
                .fix("restore the file from a backup")
        })?;
        Ok(Some(Self { dir: dir.to_owned(), mark }))
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
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(missing());
        }
        let way = file::read_optional(store.join(PLACES).join(id), FILE_LIMIT)?.ok_or_else(missing)?;
        let dir =
            std::str::from_utf8(&way).map(|text| store.join(text.trim_end_matches('\n'))).map_err(|_| missing())?;
        match Self::open(&dir)?.filter(|place| place.mark.place == id) {
            Some(place) => Ok(place),
            None => Err(missing().at(dir)),
        }
    }

    /// Lets the store know where this place is now.
    pub(crate) fn remember(&self, store: &Path) -> Result<()> {
        remember(store, &self.mark.place, &self.dir)
    }

    /// Where a person last said that the shards of a job go, whether they are there yet or not.
    ///
    /// # Errors
    /// [`Code::FileUnreadable`].
    pub(crate) fn wished(store: &Path, job: u64) -> Result<Option<PathBuf>> {
        let way = file::read_optional(store.join(PLACES).join(format!("job-{job}")), FILE_LIMIT)?;
        Ok(way.and_then(|way| std::str::from_utf8(&way).ok().map(|text| store.join(text.trim_end_matches('\n')))))
    }

    /// By what the ledger knows it.
    pub fn id(&self) -> &str {
        &self.mark.place
    }

    /// How its shards are laid out.
    pub fn layout(&self) -> Layout {
        self.mark.layout
    }

    /// What became of the bytes of its archive.
    pub fn packing(&self) -> Packing {
        self.mark.packing
    }

    /// The job that it belongs to; none for the store itself.
    pub fn job(&self) -> Option<u64> {
        self.mark.job
    }

    /// The archive that its parts become; none for other layouts.
    pub fn archive(&self) -> Option<PathBuf> {
        let dir = self.dir.to_str().filter(|_| self.mark.layout == Layout::Archive)?;
        dir.strip_suffix(PARTS).map(PathBuf::from)
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
    pub(crate) fn attempt(&self, view: &View, job: JobId, shard: u32) -> Result<Option<Attempt>> {
        let committed = view.committed(job, shard)?.filter(|committed| committed.place == self.id());
        Ok(committed.map(|committed| Attempt { shard, fence: committed.fence }))
    }

    /// The directory, open.
    pub(crate) fn bulk(&self) -> Result<Bulk> {
        match self.mark.layout {
            Layout::Directories => Bulk::open(self.dir.join("devices")),
            Layout::Shards | Layout::Archive => Bulk::open(&self.dir),
        }
    }

    /// Keeps other processes from working here. The store has its lock already.
    pub(crate) fn lock(&self, verb: &str) -> Result<Option<Lock>> {
        match self.mark.layout {
            Layout::Directories => Ok(None),
            Layout::Shards | Layout::Archive => Lock::acquire(&self.dir, verb, PATIENCE).map(Some),
        }
    }

    fn check_is_for(&self, job: Option<u64>, layout: Layout, packing: Packing) -> Result<()> {
        let taken = |what: String| {
            Err(Code::PlaceTaken
                .error(what)
                .at(&self.dir)
                .fix("name another directory, or go on with the job that is there"))
        };
        match (self.mark.job, job) {
            (Some(there), Some(job)) if there != job => taken(format!("this belongs to job {there}, not to job {job}")),
            (Some(there), None) => taken(format!("this belongs to job {there}")),
            (None, Some(_)) => taken("this is a store".to_owned()),
            _ if (self.mark.layout, self.mark.packing) != (layout, packing) => {
                taken(format!("the job is written here as {}, and in another way", self.mark.layout))
            }
            _ => Ok(()),
        }
    }
}

/// Writes down a way in the store.
fn remember(store: &Path, name: &str, dir: &Path) -> Result<()> {
    let text = dir
        .to_str()
        .filter(|text| !text.contains('\n'))
        .ok_or_else(|| Code::BadValue.error("this path cannot be written down").at(dir))?;
    // The store may move as a whole.
    let text = if text == absolute(store)?.to_string_lossy() { "." } else { text };
    let bytes = format!("{text}\n").into_bytes();
    let name = format!("{PLACES}/{name}");
    if file::read_optional(store.join(&name), FILE_LIMIT)?.is_some_and(|known| *known == bytes) {
        return Ok(());
    }
    file::remove(store, &name)?;
    let mut set = FileSet::new(store);
    set.add(name, bytes, Mode::Private)?;
    set.commit().map(drop)
}

/// Fails where a directory holds something: what is removed later as a leftover has to be ours.
fn check_is_empty(dir: &Path) -> Result<()> {
    let names = Bulk::open(dir)?.names()?;
    match names.iter().find(|name| !name.starts_with(".tbpki-") && *name != ".lock") {
        None => Ok(()),
        Some(name) => Err(Code::PlaceTaken
            .error("the directory is not empty, and no job of a fleet has made it")
            .at(dir)
            .because(format!("it holds {name:?}"))
            .fix("name a directory that is empty or not there yet")),
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    path.canonicalize()
        .map_err(|error| Code::FileUnreadable.error("this directory cannot be found").at(path).because(error))
}

fn unwritable(error: &serde_json::Error) -> base::Error {
    Code::Internal.error("what marks a directory cannot be written as JSON").because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_again_and_belongs_to_one_job() {
        let store = tempfile::tempdir().unwrap();
        let out = tempfile::tempdir().unwrap();
        let dir = out.path().join("fleet");
        let made = Place::make(store.path(), &dir, Layout::Shards, Packing::default(), 3).unwrap();
        assert_eq!(Place::make(store.path(), &dir, Layout::Shards, Packing::default(), 3).unwrap(), made);
        assert_eq!(Place::find(store.path(), made.id()).unwrap(), made);
        for (layout, job) in [(Layout::Shards, 4), (Layout::Archive, 3), (Layout::Directories, 3)] {
            let error = Place::make(store.path(), &dir, layout, Packing::default(), job).unwrap_err();
            assert_eq!(error.code(), Code::PlaceTaken, "{layout} {job}");
        }
    }

    #[test]
    fn a_place_that_has_moved_is_missing_until_it_is_named() {
        let store = tempfile::tempdir().unwrap();
        let out = tempfile::tempdir().unwrap();
        let made = Place::make(store.path(), &out.path().join("a"), Layout::Shards, Packing::default(), 1).unwrap();
        #[allow(clippy::disallowed_methods, reason = "the test moves it behind our back")]
        std::fs::rename(out.path().join("a"), out.path().join("b")).unwrap();
        assert_eq!(Place::find(store.path(), made.id()).unwrap_err().code(), Code::PlaceMissing);
        let moved = Place::open(&out.path().join("b")).unwrap().unwrap();
        moved.remember(store.path()).unwrap();
        assert_eq!(Place::find(store.path(), made.id()).unwrap().dir, moved.dir);
        for id in ["", "../ledger.db", "00"] {
            assert_eq!(Place::find(store.path(), id).unwrap_err().code(), Code::PlaceMissing, "{id:?}");
        }
    }

    #[test]
    fn a_directory_with_other_things_in_it_is_left_alone() {
        let store = tempfile::tempdir().unwrap();
        let out = tempfile::tempdir().unwrap();
        Bulk::open(out.path()).unwrap().write("shard-000000", b"holiday pictures", Mode::Private).unwrap();
        let error = Place::make(store.path(), out.path(), Layout::Shards, Packing::default(), 1).unwrap_err();
        assert_eq!(error.code(), Code::PlaceTaken);
    }

    #[test]
    fn the_store_is_a_place_for_every_job_and_may_move() {
        let store = tempfile::tempdir().unwrap();
        let one = Place::make(store.path(), store.path(), Layout::Directories, Packing::default(), 1).unwrap();
        let two = Place::make(store.path(), store.path(), Layout::Directories, Packing::default(), 2).unwrap();
        assert_eq!((one.id(), one.job()), (two.id(), None));
        assert_eq!(Place::find(store.path(), one.id()).unwrap().id(), one.id());
    }

    #[test]
    fn parts_are_beside_their_archive() {
        let store = tempfile::tempdir().unwrap();
        let archive = store.path().canonicalize().unwrap().join("factory.tar.zst");
        let place = Place::make(
            store.path(),
            &Place::parts_of(&archive),
            Layout::Archive,
            Packing::of_name("factory.tar.zst"),
            1,
        )
        .unwrap();
        assert_eq!(place.archive().unwrap(), archive);
    }
}
