//! The directory that the shards of a job lie in, known by a file in it, so that whoever sees it can tell.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base::file::{self, Bulk, FileSet, Lock, Mode};
use base::{Code, Result};
use ledger::{Job, JobId, View};
use pki::serial::Serial;
use serde::{Deserialize, Serialize};

use super::layout::{Attempt, Layout, Packing};
use super::{join, read};
use crate::store::FILE_LIMIT;

/// What says to which job a directory belongs.
const MARK: &str = "fleet.json";
/// The version of that file. Version 1, of tbpki 0.1.0, knew the job by its number alone.
const VERSION: u32 = 2;
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
    /// The number of the job that it belongs to; none for the store itself, which takes all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    job: Option<u64>,
    /// The random identifier of that job, in hexadecimal; none in version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    job_uid: Option<String>,
}

/// The job that a place is asked for, and the ledger that has it.
#[derive(Clone, Copy)]
pub(crate) struct Owner<'a> {
    pub(crate) job: &'a Job,
    pub(crate) view: &'a View,
}

fn is_plain(packing: &Packing) -> bool {
    *packing == Packing::default()
}

impl Place {
    /// The place for `job` in `dir`, made if it is not there yet, and remembered in the store.
    ///
    /// # Errors
    /// [`Code::PlaceTaken`] where it belongs to another job or holds something else, and what the disk can refuse.
    pub(crate) fn make(store: &Path, dir: &Path, layout: Layout, packing: Packing, owner: &Owner<'_>) -> Result<Self> {
        let of_job = (layout != Layout::Directories).then_some(owner);
        let known = Self::open(dir)?;
        match &known {
            Some(place) => place.check_is_for(store, of_job, layout, packing)?,
            None => check_archive_is_new(dir, layout)?,
        }
        file::create_dir(dir)?;
        let dir = absolute(dir)?;
        if known.is_none() && of_job.is_some() {
            check_is_empty(&dir)?;
        }
        // Before the mark is there: a run that is killed in between finds the directory again.
        if let Some(owner) = of_job {
            remember(store, &format!("job-{}", owner.job.id), &dir)?;
        }
        let mark = |place| Mark {
            version: VERSION,
            place,
            layout,
            packing,
            job: of_job.map(|owner| owner.job.id.number()),
            job_uid: of_job.map(|owner| owner.job.uid.to_string()),
        };
        let place = match known {
            Some(Self { mark: there, .. }) if there.version == VERSION => Self { dir, mark: there },
            Some(Self { mark: there, .. }) => {
                let place = Self { dir, mark: mark(there.place) };
                place.write_mark(FileSet::new(&place.dir).replacing("v1"))?;
                place
            }
            None => {
                // Random octets in hexadecimal, whatever they are the number of.
                let place = Self { dir, mark: mark(Serial::random()?.to_string()) };
                place.write_mark(FileSet::new(&place.dir))?;
                place
            }
        };
        place.remember(store)?;
        Ok(place)
    }

    fn write_mark(&self, mut set: FileSet) -> Result<()> {
        let text = serde_json::to_vec_pretty(&self.mark).map_err(|error| unwritable(&error))?;
        set.add(MARK, text, Mode::Private)?;
        set.commit().map(drop)
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
        if mark.version > VERSION {
            return Err(Code::FileUnreadable
                .error(format!("the file has version {}, and this tbpki knows versions up to {VERSION}", mark.version))
                .at(&path)
                .fix("use the version of tbpki that wrote it, or a later one"));
        }
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
    pub(crate) fn attempt(&self, view: &View, job: JobId, shard: u32) -> Result<Option<Attempt>> {
        let committed = view.committed(job, shard)?.filter(|committed| committed.place == self.id());
        Ok(committed.map(|committed| Attempt { shard, fence: committed.fence }))
    }

    /// The directory, open.
    pub(crate) fn bulk(&self) -> Result<Bulk> {
        match self.mark.layout {
            Layout::Directories => Bulk::open(self.dir_of_devices()),
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

    fn check_is_for(&self, store: &Path, owner: Option<&Owner<'_>>, layout: Layout, packing: Packing) -> Result<()> {
        let taken = |what: String| {
            Err(Code::PlaceTaken
                .error(what)
                .at(&self.dir)
                .fix("name another directory, or go on with the job that is there"))
        };
        match (self.mark.job, owner) {
            (Some(there), None) => taken(format!("this belongs to job {there}")),
            (None, Some(_)) => taken("this is a store".to_owned()),
            (Some(there), Some(owner)) if there != owner.job.id.number() => {
                taken(format!("this belongs to job {there}, not to job {}", owner.job.id))
            }
            (Some(there), Some(owner)) if !self.is_of(store, owner)? => {
                taken(format!("this belongs to job {there} of another store"))
            }
            _ if (self.mark.layout, self.mark.packing) != (layout, packing) => {
                taken(format!("the job is written here as {}, and in another way", self.mark.layout))
            }
            _ => Ok(()),
        }
    }
}

impl Place {
    /// Whether the place was made for this very job, and not for one of the same number in another ledger. A mark of
    /// version 1 names no ledger: there the ledger must have a shard in this place, and the shard must be in it.
    fn is_of(&self, store: &Path, owner: &Owner<'_>) -> Result<bool> {
        if let Some(uid) = &self.mark.job_uid {
            return Ok(*uid == owner.job.uid.to_string());
        }
        let Some((shard, fence)) = owner.view.shard_in(owner.job.id, self.id())? else { return Ok(false) };
        read::holds_shard(store, owner.view, self, owner.job.id, Attempt { shard, fence })
    }

    /// The directory with the directories of devices, for [`Layout::Directories`].
    pub(crate) fn dir_of_devices(&self) -> PathBuf {
        self.dir.join("devices")
    }
}

/// The archive that the parts in `dir` become; none for other layouts.
fn archive_of(dir: &Path, layout: Layout) -> Option<PathBuf> {
    let dir = dir.to_str().filter(|_| layout == Layout::Archive)?;
    dir.strip_suffix(PARTS).map(PathBuf::from)
}

/// Fails if an archive is there that no parts belong to: it would be in the way when parts are joined.
fn check_archive_is_new(dir: &Path, layout: Layout) -> Result<()> {
    let Some(archive) = archive_of(dir, layout) else { return Ok(()) };
    for path in [join::index_of(&archive), archive] {
        if path.symlink_metadata().is_ok() {
            return Err(Code::TargetExists
                .error("this archive was not made by this job")
                .at(path)
                .fix("name another file, or move this one away"));
        }
    }
    Ok(())
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
    use ledger::{Ledger, NewJob, Parameters, Staged, StagedName};
    use tempfile::TempDir;

    use super::*;

    /// A store whose ledger has jobs of one name each.
    struct Scene {
        store: TempDir,
        out: TempDir,
        ledger: Ledger,
        jobs: Vec<Job>,
    }

    impl Scene {
        fn with_jobs(count: u64) -> Self {
            let store = tempfile::tempdir().unwrap();
            let mut ledger = Ledger::open(store.path().join("ledger.db")).unwrap();
            let new = NewJob { parameters: Parameters::of(&[("days", 1)]).unwrap(), shard_size: 1000 };
            let stage = |line| {
                let mut staging = ledger.stage(&new).unwrap();
                staging.add(&StagedName { line, name: format!("n{line}"), ..StagedName::default() }).unwrap();
                match staging.keep().unwrap() {
                    Staged::New(job) | Staged::Known(job) => job,
                }
            };
            let jobs = (1..=count).map(stage).collect();
            Self { store, out: tempfile::tempdir().unwrap(), ledger, jobs }
        }

        fn make(&self, dir: &Path, layout: Layout, job: usize) -> Result<Place> {
            let packing = Packing::of_name(&dir.file_stem().unwrap_or_default().to_string_lossy());
            let owner = Owner { job: &self.jobs[job - 1], view: &self.ledger };
            Place::make(self.store.path(), dir, layout, packing, &owner)
        }
    }

    #[test]
    fn a_place_is_found_again_and_belongs_to_one_job() {
        let scene = Scene::with_jobs(4);
        let dir = scene.out.path().join("fleet");
        let made = scene.make(&dir, Layout::Shards, 3).unwrap();
        assert_eq!(scene.make(&dir, Layout::Shards, 3).unwrap(), made);
        assert_eq!(Place::find(scene.store.path(), made.id()).unwrap(), made);
        for (layout, job) in [(Layout::Shards, 4), (Layout::Archive, 3), (Layout::Directories, 3)] {
            let error = scene.make(&dir, layout, job).unwrap_err();
            assert_eq!(error.code(), Code::PlaceTaken, "{layout} {job}");
        }
    }

    #[test]
    fn a_place_of_another_store_is_taken_although_its_job_has_the_same_number() {
        let (one, two) = (Scene::with_jobs(1), Scene::with_jobs(1));
        let dir = one.out.path().join("fleet");
        let made = one.make(&dir, Layout::Shards, 1).unwrap();
        let error = two.make(&dir, Layout::Shards, 1).unwrap_err();
        assert_eq!(error.code(), Code::PlaceTaken);
        assert!(error.to_string().contains("another store"), "{error}");
        assert!(Place::wished(two.store.path(), 1).unwrap().is_none(), "nothing was remembered");
        assert_eq!(one.make(&dir, Layout::Shards, 1).unwrap(), made);
    }

    #[test]
    fn a_mark_of_version_1_belongs_to_no_ledger_that_has_no_shard_there() {
        let scene = Scene::with_jobs(1);
        let dir = scene.out.path().join("fleet");
        let mut mark = scene.make(&dir, Layout::Shards, 1).unwrap().mark;
        (mark.version, mark.job_uid) = (1, None);
        Bulk::open(&dir).unwrap().remove(MARK).unwrap();
        Bulk::open(&dir).unwrap().write(MARK, &serde_json::to_vec(&mark).unwrap(), Mode::Private).unwrap();
        assert_eq!(scene.make(&dir, Layout::Shards, 1).unwrap_err().code(), Code::PlaceTaken);
        mark.version = 3;
        Bulk::open(&dir).unwrap().remove(MARK).unwrap();
        Bulk::open(&dir).unwrap().write(MARK, &serde_json::to_vec(&mark).unwrap(), Mode::Private).unwrap();
        assert_eq!(Place::open(&dir).unwrap_err().code(), Code::FileUnreadable, "of a version to come");
    }

    #[test]
    fn an_archive_of_somebody_else_is_noticed_before_anything_is_made() {
        let scene = Scene::with_jobs(1);
        let archive = scene.out.path().join("f.tar");
        for name in ["f.tar", "f.tar.index.csv"] {
            let dir = Bulk::open(scene.out.path()).unwrap();
            dir.write(name, b"keys", Mode::Private).unwrap();
            let error = scene.make(&Place::parts_of(&archive), Layout::Archive, 1).unwrap_err();
            assert_eq!(error.code(), Code::TargetExists, "{name}");
            dir.remove(name).unwrap();
        }
        scene.make(&Place::parts_of(&archive), Layout::Archive, 1).unwrap();
    }

    #[test]
    fn a_place_that_has_moved_is_missing_until_it_is_named() {
        let scene = Scene::with_jobs(1);
        let made = scene.make(&scene.out.path().join("a"), Layout::Shards, 1).unwrap();
        let Scene { store, out, .. } = scene;
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
        let scene = Scene::with_jobs(1);
        Bulk::open(scene.out.path()).unwrap().write("shard-000000", b"holiday pictures", Mode::Private).unwrap();
        let error = scene.make(scene.out.path(), Layout::Shards, 1).unwrap_err();
        assert_eq!(error.code(), Code::PlaceTaken);
    }

    #[test]
    fn the_store_is_a_place_for_every_job_and_may_move() {
        let scene = Scene::with_jobs(2);
        let store = scene.store.path();
        let one = scene.make(store, Layout::Directories, 1).unwrap();
        let two = scene.make(store, Layout::Directories, 2).unwrap();
        assert_eq!((one.id(), one.job()), (two.id(), None));
        assert_eq!(Place::find(store, one.id()).unwrap().id(), one.id());
    }

    #[test]
    fn parts_are_beside_their_archive() {
        let scene = Scene::with_jobs(1);
        let archive = scene.store.path().canonicalize().unwrap().join("factory.tar.zst");
        let place = scene.make(&Place::parts_of(&archive), Layout::Archive, 1).unwrap();
        assert_eq!(place.archive().unwrap(), archive);
    }
}
