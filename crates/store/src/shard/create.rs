//! Making the place of a job, and refusing one that belongs to another job or another ledger.

use std::path::Path;

use base::file::{self, BulkDir, FileSet, Lock, Mode};
use base::{Code, Result};
use ledger::{Job, View};
use pki::serial::Serial;

use super::layout::{Attempt, Layout, Packing};
use super::shard_store::{MARK, ShardStore, ShardStoreFile, VERSION, absolute, archive_of, check_recordable, remember};
use super::{join, read};
use crate::paths::is_inside;
use crate::rollback;

/// The job that a place is asked for, and the ledger that has it.
#[derive(Clone, Copy)]
pub struct OwningJob<'a> {
    /// The job that asks for the place.
    pub job: &'a Job,
    /// The ledger.
    pub view: &'a View,
}

impl ShardStore {
    /// The place for `job` in `dir`, made if it is not there yet, and remembered in the store.
    ///
    /// # Errors
    /// [`Code::PlaceTaken`] where it belongs to another job or holds something else, and what the disk can refuse.
    pub fn make(store: &Path, dir: &Path, layout: Layout, packing: Packing, owner: &OwningJob<'_>) -> Result<Self> {
        let of_job = (layout != Layout::Directories).then_some(owner);
        if let Some(owner) = of_job {
            rollback::check_place(dir, owner.view)?;
        }
        let known = Self::open(dir)?;
        // Checked before anything is created, so that a refused directory stays as it was.
        match &known {
            Some(place) => place.check_is_for(store, of_job, layout, packing)?,
            None => {
                if of_job.is_some() {
                    Self::check_outside(store, dir)?;
                }
                check_archive_is_new(dir, layout)?;
            }
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
        let mark = |place| ShardStoreFile {
            version: VERSION,
            place,
            layout,
            packing,
            job: of_job.map(|owner| owner.job.id.number()),
            job_uid: of_job.map(|owner| owner.job.uid.to_string()),
        };
        let place = match known {
            // The mark of a later version was refused above. An older one is replaced, and its file is kept as
            // `fleet.json.v1`.
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
                // A place that was here before has been moved away, and would be looked for in vain.
                if let Some(owner) = of_job {
                    Self::forget_unused(store, &place.dir, owner.view, None)?;
                }
                place
            }
        };
        place.remember(store)?;
        if let Some(owner) = of_job {
            place.note(owner.view);
        }
        Ok(place)
    }

    /// Marks a place as that of another job, which has its shards in the ledger already, and remembers it in the store.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn assign(&self, store: &Path, job: &Job, view: &View) -> Result<()> {
        let dir = absolute(&self.dir)?;
        remember(store, &format!("job-{}", job.id), &dir)?;
        let mut place = Self { dir, mark: self.mark.clone() };
        place.mark.version = VERSION;
        place.mark.job = Some(job.id.number());
        place.mark.job_uid = Some(job.uid.to_string());
        if place.mark != self.mark {
            place.write_mark(FileSet::new(&place.dir).replacing("earlier"))?;
        }
        place.remember(store)?;
        place.note(view);
        Ok(())
    }

    /// True if [`assign`](Self::assign) has marked the place as that of this job, and the store knows where it is.
    pub fn is_assigned(&self, store: &Path, job: &Job) -> bool {
        self.mark.job_uid == Some(job.uid.to_string()) && Self::find(store, self.id()).is_ok()
    }

    /// Notes in the place how far the ledger is, so that an older copy of it is noticed here.
    pub fn note(&self, view: &View) {
        if self.mark.layout != Layout::Directories {
            rollback::note_in_place(&self.dir, view);
        }
    }

    /// Fails if the directory of shards is inside of the store, which has its own layout: shards there would be taken for
    /// identities. `dir` is the directory of the parts for an archive.
    ///
    /// # Errors
    /// [`Code::PlaceTaken`]; [`Code::FileUnreadable`] if one of the paths cannot be followed.
    pub fn check_outside(store: &Path, dir: &Path) -> Result<()> {
        if !is_inside(store, dir)? {
            return Ok(());
        }
        Err(Code::PlaceTaken
            .error("this is inside of the store, and shards cannot be there")
            .at(dir)
            .because("the store has files of its own in its directories")
            .fix("name a directory or an archive outside of the store; `--layout directories` writes into the store"))
    }

    /// Fails if the ledger is older than the place, as the note there tells.
    ///
    /// # Errors
    /// [`Code::LedgerOlder`], and those of the ledger.
    pub fn check_ledger(&self, view: &View) -> Result<()> {
        rollback::check_place(&self.dir, view)
    }

    /// Fails if a new job of the ledger `view` of a store cannot have its place in `dir`. Writes nothing.
    ///
    /// # Errors
    /// [`Code::PlaceTaken`], [`Code::TargetExists`] for an archive, and those of the disk.
    pub fn check_new(store: &Path, dir: &Path, layout: Layout, view: &View) -> Result<()> {
        // The store has its own layout, and shards in it would be mixed with identities.
        if layout == Layout::Directories {
            return Ok(());
        }
        if let Some(place) = Self::open(dir)? {
            let owner = place.owner_in(view)?;
            let what = match place.mark.job {
                Some(job) if owner.is_some() => format!("the directory belongs to job {job}"),
                Some(job) => format!("the directory belongs to job {job} of another store"),
                None => "the directory is a store".to_owned(),
            };
            return Err(Code::PlaceTaken.error(what).at(&place.dir).fix(way_out(owner.as_ref())));
        }
        Self::check_outside(store, dir)?;
        check_archive_is_new(dir, layout)?;
        if dir.is_dir() { check_is_empty(dir) } else { Ok(()) }
    }

    /// Tries that the directory of a new job can be made, written, locked and recorded.
    ///
    /// # Errors
    /// [`Code::BadValue`] for a path that is not UTF-8, [`Code::UnsafeFile`] for another file in the place of the lock, and
    /// those of the disk.
    pub fn try_new(dir: &Path, layout: Layout) -> Result<()> {
        // The store is open, so it can be written, and it has its lock.
        if layout == Layout::Directories {
            return Ok(());
        }
        check_recordable(dir)?;
        file::check_writable_dir(dir)?;
        Lock::check(dir)
    }

    /// The job of the ledger that the directory belongs to. A mark of version 1 has only the number of the job.
    fn owner_in(&self, view: &View) -> Result<Option<Job>> {
        let is_it = |job: &Job| match &self.mark.job_uid {
            Some(uid) => *uid == job.uid.to_string(),
            None => self.mark.job == Some(job.id.number()),
        };
        Ok(view.jobs()?.into_iter().find(is_it))
    }

    fn write_mark(&self, mut set: FileSet) -> Result<()> {
        let text = serde_json::to_vec_pretty(&self.mark).map_err(unwritable)?;
        set.add(MARK, text, Mode::Private)?;
        set.commit().map(drop)
    }

    fn check_is_for(
        &self,
        store: &Path,
        owner: Option<&OwningJob<'_>>,
        layout: Layout,
        packing: Packing,
    ) -> Result<()> {
        let of_this_store = owner.map_or(Ok(None), |owner| self.owner_in(owner.view))?;
        let taken = |what: String| Err(Code::PlaceTaken.error(what).at(&self.dir).fix(way_out(of_this_store.as_ref())));
        match (self.mark.job, owner) {
            // The order of the arms matters: the job's number is compared before its random identifier, because the
            // message can name it.
            (Some(there), None) => taken(format!("the directory belongs to job {there}")),
            (None, Some(_)) => taken("the directory is a store".to_owned()),
            (Some(there), Some(owner)) if there != owner.job.id.number() => {
                taken(format!("the directory belongs to job {there}, not to job {}", owner.job.id))
            }
            (Some(there), Some(owner)) if !self.is_of(store, owner)? => {
                taken(format!("the directory belongs to job {there} of another store"))
            }
            _ if (self.mark.layout, self.mark.packing) != (layout, packing) => {
                taken(format!("the job is written here as {}, and in another way", self.mark.layout))
            }
            _ => Ok(()),
        }
    }

    /// Whether the place was made for this very job, and not for one of the same number in another ledger. A mark of
    /// version 1 names no ledger: there the ledger must have a shard in this place, and the shard must be in it.
    fn is_of(&self, store: &Path, owner: &OwningJob<'_>) -> Result<bool> {
        if let Some(uid) = &self.mark.job_uid {
            return Ok(*uid == owner.job.uid.to_string());
        }
        let Some((shard, fence)) = owner.view.shard_in(owner.job.id, self.id())? else { return Ok(false) };
        read::holds_shard(store, owner.view, self, owner.job.id, Attempt { shard, fence })
    }
}

/// What helps if a directory belongs to a job, or to none of this ledger. A canceled job issues nothing more, and one that is
/// done has nothing left.
fn way_out(owner: Option<&Job>) -> String {
    match owner.filter(|job| !job.done && job.canceled_at.is_none()) {
        Some(job) => format!("name another directory, or go on with that job: `tbpki fleet issue --resume {}`", job.id),
        None => "name another directory".to_owned(),
    }
}

/// Fails if an archive is there that no parts belong to: it would be in the way when parts are joined.
fn check_archive_is_new(dir: &Path, layout: Layout) -> Result<()> {
    let Some(archive) = archive_of(dir, layout) else { return Ok(()) };
    // A dangling link counts as well: writing through it would create a file elsewhere.
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

/// Fails where a directory holds something: what is removed later as a leftover has to be ours.
fn check_is_empty(dir: &Path) -> Result<()> {
    // The lock and staging directories of tbpki itself may be there from an earlier attempt.
    match BulkDir::open(dir)?.foreign_name()? {
        None => Ok(()),
        Some(name) => Err(Code::PlaceTaken
            .error("the directory is not empty, and no job of a fleet has made it")
            .at(dir)
            .because(format!("it holds {name:?}"))
            .fix("name a directory that is empty or not there yet")),
    }
}

fn unwritable(error: serde_json::Error) -> base::Error {
    Code::Internal.error("what marks a directory cannot be written as JSON").caused_by(error)
}

#[cfg(test)]
mod tests {
    use ledger::{Ledger, NewJob, Parameters, StagedName, StagingOutcome};
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
            let new = NewJob { parameters: Parameters::of(&[("days", 1)]).unwrap(), shard_size: 1000, renews: false };
            let stage = |line| {
                let mut staging = ledger.stage(&new).unwrap();
                staging.add(&StagedName { line, name: format!("n{line}"), ..StagedName::default() }).unwrap();
                match staging.keep().unwrap() {
                    StagingOutcome::New(job) | StagingOutcome::Known(job) => job,
                }
            };
            let jobs = (1..=count).map(stage).collect();
            Self { store, out: tempfile::tempdir().unwrap(), ledger, jobs }
        }

        fn make(&self, dir: &Path, layout: Layout, job: usize) -> Result<ShardStore> {
            let packing = Packing::of_name(&dir.file_stem().unwrap_or_default().to_string_lossy());
            let owner = OwningJob { job: &self.jobs[job - 1], view: &self.ledger };
            ShardStore::make(self.store.path(), dir, layout, packing, &owner)
        }
    }

    #[test]
    fn a_directory_in_which_a_run_was_killed_while_it_tried_to_write_is_new() {
        let scene = Scene::with_jobs(1);
        let dir = scene.out.path().join("fleet");
        file::create_writable_dir(&dir).unwrap();
        BulkDir::open(&dir).unwrap().write(".tbpki-tried", b"", Mode::Private).unwrap();
        ShardStore::check_new(scene.store.path(), &dir, Layout::Shards, &scene.ledger).unwrap();
        ShardStore::try_new(&dir, Layout::Shards).unwrap();
        assert_eq!(BulkDir::open(&dir).unwrap().names().unwrap(), Vec::<String>::new());
        scene.make(&dir, Layout::Shards, 1).unwrap();
    }

    #[test]
    fn a_place_is_found_again_and_belongs_to_one_job() {
        let scene = Scene::with_jobs(4);
        let dir = scene.out.path().join("fleet");
        let made = scene.make(&dir, Layout::Shards, 3).unwrap();
        assert_eq!(scene.make(&dir, Layout::Shards, 3).unwrap(), made);
        assert_eq!(ShardStore::find(scene.store.path(), made.id()).unwrap(), made);
        // Another job, and the same job in another layout.
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
        assert!(ShardStore::wished(two.store.path(), 1).unwrap().is_none(), "nothing was remembered");
        assert_eq!(one.make(&dir, Layout::Shards, 1).unwrap(), made);
    }

    #[test]
    fn a_mark_of_version_1_belongs_to_no_ledger_that_has_no_shard_there() {
        let scene = Scene::with_jobs(1);
        let dir = scene.out.path().join("fleet");
        let mut mark = scene.make(&dir, Layout::Shards, 1).unwrap().mark;
        // Version 1 had only the number of the job, and every store counts its jobs from 1.
        (mark.version, mark.job_uid) = (1, None);
        BulkDir::open(&dir).unwrap().remove(MARK).unwrap();
        BulkDir::open(&dir).unwrap().write(MARK, &serde_json::to_vec(&mark).unwrap(), Mode::Private).unwrap();
        assert_eq!(scene.make(&dir, Layout::Shards, 1).unwrap_err().code(), Code::PlaceTaken);
        mark.version = 3;
        BulkDir::open(&dir).unwrap().remove(MARK).unwrap();
        BulkDir::open(&dir).unwrap().write(MARK, &serde_json::to_vec(&mark).unwrap(), Mode::Private).unwrap();
        assert_eq!(ShardStore::open(&dir).unwrap_err().code(), Code::FileUnreadable, "of a version to come");
    }

    #[test]
    fn an_archive_of_another_store_is_noticed_before_anything_is_made() {
        let scene = Scene::with_jobs(1);
        let archive = scene.out.path().join("f.tar");
        // Either of the two would be in the way only at the end of the job, hours later.
        for name in ["f.tar", "f.tar.index.csv"] {
            let dir = BulkDir::open(scene.out.path()).unwrap();
            dir.write(name, b"keys", Mode::Private).unwrap();
            let error = scene.make(&ShardStore::parts_of(&archive), Layout::Archive, 1).unwrap_err();
            assert_eq!(error.code(), Code::TargetExists, "{name}");
            dir.remove(name).unwrap();
        }
        scene.make(&ShardStore::parts_of(&archive), Layout::Archive, 1).unwrap();
    }

    #[test]
    fn a_place_that_has_moved_is_missing_until_it_is_named() {
        let scene = Scene::with_jobs(1);
        let made = scene.make(&scene.out.path().join("a"), Layout::Shards, 1).unwrap();
        let Scene { store, out, .. } = scene;
        #[allow(clippy::disallowed_methods, reason = "the test moves it behind our back")]
        std::fs::rename(out.path().join("a"), out.path().join("b")).unwrap();
        assert_eq!(ShardStore::find(store.path(), made.id()).unwrap_err().code(), Code::PlaceMissing);
        let moved = ShardStore::open(&out.path().join("b")).unwrap().unwrap();
        moved.remember(store.path()).unwrap();
        assert_eq!(ShardStore::find(store.path(), made.id()).unwrap().dir, moved.dir);
        // Ids become file names, so that none may lead elsewhere.
        for id in ["", "../ledger.db", "00"] {
            assert_eq!(ShardStore::find(store.path(), id).unwrap_err().code(), Code::PlaceMissing, "{id:?}");
        }
    }

    #[test]
    fn a_directory_with_other_things_in_it_is_left_alone() {
        let scene = Scene::with_jobs(1);
        BulkDir::open(scene.out.path()).unwrap().write("shard-000000", b"holiday pictures", Mode::Private).unwrap();
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
        assert_eq!(ShardStore::find(store, one.id()).unwrap().id(), one.id());
    }

    #[test]
    fn parts_are_in_the_directory_of_their_archive() {
        let scene = Scene::with_jobs(1);
        let archive = scene.out.path().canonicalize().unwrap().join("factory.tar.zst");
        let place = scene.make(&ShardStore::parts_of(&archive), Layout::Archive, 1).unwrap();
        assert_eq!(place.archive().unwrap(), archive);
    }

    #[test]
    fn shards_are_never_inside_of_the_store() {
        let scene = Scene::with_jobs(1);
        let store = scene.store.path();
        for (dir, layout) in [
            (store.join("devices"), Layout::Shards),
            (scene.out.path().join("..").join(store.file_name().unwrap()), Layout::Shards),
            (ShardStore::parts_of(&store.join("f.tar")), Layout::Archive),
        ] {
            assert_eq!(scene.make(&dir, layout, 1).unwrap_err().code(), Code::PlaceTaken, "{}", dir.display());
            let refused = ShardStore::check_new(store, &dir, layout, &scene.ledger).unwrap_err();
            assert_eq!(refused.code(), Code::PlaceTaken, "{}", dir.display());
        }
        assert!(ShardStore::wishes(store).unwrap().is_empty(), "nothing was remembered");
    }
}
