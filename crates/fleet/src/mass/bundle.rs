//! The bundles of a fleet: for each device its credentials partition, and once for all what they have alike.

mod bundled_passwords;
pub(crate) mod bundler;
mod enrolment_mark;
mod key_check;
mod keyless;
mod lost_shards;
pub(crate) mod output;
mod own_count;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use base::file::BulkDir;
use base::text::counted;
use base::{Code, Error, Finding, Result};
use ledger::{Job, JobId, Key, Ledger, Phase};
use schemars::JsonSchema;
use serde::Serialize;
use zeroize::Zeroizing;

use super::control::RunControl;
use super::expiry;
use super::job::{self, JobSelector};
use super::phase;
use super::progress::ProgressCounter;
use super::report::{FleetReport, PhaseName, PhaseReport, Rest};
use super::results;
use super::runner::{PhaseRunner, RunEnd, ShardEnd, ShardLease};
use crate::bundle::{BundleRequest, check_can, no_key, prepare};
use crate::job_order::{Destination, JobOrder};
use crate::stop::Stop;
use bundler::Bundler;
use identity::files::output::pem_of;
pub use keyless::{KeylessBundleRequest, bundle_keyless};
use lost_shards::LostShards;
use output::{BundleOutput, FirmwareOwner, ShardBundles};
use own_count::OwnCount;
use store::Workspace;
use store::shard::Packer;
use store::shard::Shard;
use store::shard::ShardStore;
use store::shard::{Attempt, Layout};
use store::{Store, identity_dir};

/// The verb, as locks name it.
const VERB: &str = "fleet bundle";
/// After how many devices it is looked whether the shard is still ours.
const STEP: usize = 64;
/// The help if bundles were made with other parameters.
const AGAIN: &str = "use the same parameters as before, or add --again to this command, which makes all of them again";
/// Devices that failed and are told. The files with a line for each device have all of them.
const LISTED: usize = 20;

/// A request for the bundles of a job.
#[derive(Debug, Clone)]
pub struct FleetBundleRequest {
    /// Of which job.
    pub which: JobSelector,
    /// Bundle renewals, for devices that are reflashed.
    pub pending: bool,
    /// The directory of its shards, if they have been moved.
    pub destination: Destination,
    /// Chip, application and the like, as for one device. The devices and the options of a single one are not used.
    pub firmware: BundleRequest,
    /// Whole images in place of credentials partitions.
    pub merged: bool,
    /// Make existing bundles again.
    pub again: bool,
    /// The directory for the files with a line for each device; unset, they are written into the job's place when some
    /// failed.
    pub results: Option<PathBuf>,
    /// Say what would happen and write nothing.
    pub dry_run: bool,
}

/// The place of the bundles of a job, and their target.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct BundlesReport {
    /// The chip, as Espressif's tools name it.
    pub chip: String,
    /// The directory with what all devices have alike: bootloader, partition table, application.
    pub firmware: PathBuf,
    /// The directory that the devices' own files are in, or the directories of shards with them.
    pub bundles: PathBuf,
    /// Which device is where, for those in an archive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<PathBuf>,
    /// The offset of a device's credentials in the flash.
    pub offset: String,
    /// The number of bytes in each device's file.
    pub bytes: usize,
    /// True if these files are whole images, to be written from the beginning of the flash on.
    pub merged: bool,
}

impl BundlesReport {
    /// Bundles that go to `output`, of which there is no index yet.
    pub(crate) fn of(bundler: &Bundler, output: &BundleOutput) -> Result<Self> {
        Ok(Self {
            chip: bundler.firmware().board().chip.name().to_owned(),
            firmware: output.firmware().to_owned(),
            bundles: output.dir().path().to_owned(),
            index: None,
            offset: bundler.common()?.credentials.offset,
            bytes: bundler.length(),
            merged: bundler.is_merged(),
        })
    }
}

/// Makes the bundles that a job lacks.
///
/// # Errors
/// What chip, application, partitions, network and the job's place can be wrong about, before anything is written;
/// [`Code::Sealed`] where the keys are out of reach. A later failure is part of the report, if something was
/// bundled by then.
pub fn bundle(
    workspace: &mut Workspace<'_>,
    request: &FleetBundleRequest,
    control: &mut RunControl<'_>,
) -> Result<FleetReport> {
    let mut store = workspace.open_store(VERB)?;
    let job = phase::find(&store, request.which, Phase::Bundle, request.pending)?;
    let expiry = expiry::finding(workspace, &store.ledger, &job)?;
    let mut report = bundle_job(workspace, &mut store, &job, request, None, control)?;
    report.findings.extend(expiry);
    Ok(report)
}

/// The same for a job that is at hand, with what makes its bundles where that is at hand too.
pub(crate) fn bundle_job(
    workspace: &mut Workspace<'_>,
    store: &mut Store,
    job: &Job,
    request: &FleetBundleRequest,
    ready: Option<(Bundler, Vec<Finding>)>,
    control: &mut RunControl<'_>,
) -> Result<FleetReport> {
    let begun = Instant::now();
    let order = JobOrder::kept(&job.parameters)?;
    if let Some(dir) = request.results.as_ref().filter(|_| !request.dry_run) {
        results::prepare(&store.ledger, job, dir)?;
    }
    let place = phase::place(store, job, &order, &request.destination, request.dry_run)?;
    check_not_sealed(&order, &place)?;
    // `fleet run` has prepared the bundler before it staged the job, with one question for each setting.
    let (bundler, findings) = match ready {
        Some(ready) => ready,
        None => bundler(workspace, &order, request, control)?,
    };
    let has_bundles = phase::count(&store.ledger, job.id, Phase::Bundle)?.done > 0;
    let owner = FirmwareOwner::of(job, has_bundles, request.again);
    let own_count = OwnCount { bundler: &bundler, place: &place, owner: &owner };
    let before = own_count.of(store, job)?;
    let mut whole = FleetReport { dry_run: request.dry_run, findings, ..FleetReport::of(job, &order, Some(&place)) };
    let others = phase::other_places(store, job, &place)?;
    let places: Vec<&ShardStore> = std::iter::once(&place).chain(&others.found).collect();
    let locks = places.iter().filter(|_| !request.dry_run).map(|place| place.lock(VERB));
    let _locks = locks.collect::<Result<Vec<_>>>()?;
    let mut lost = Vec::with_capacity(places.len());
    for place in &places {
        let at_place = survey(store, job, place, &bundler, &owner, request)?;
        whole.findings.extend(at_place.tell(place, request.dry_run, control));
        lost.push(at_place);
    }
    // With `--again`, devices that have a bundle are done once more.
    let left = match request.again {
        true => before.left + before.done,
        false => before.left + lost.iter().map(|lost| lost.devices).sum::<u64>(),
    };
    if request.merged && left > 0 {
        check_room(&bundler, &place.bulk()?, left, control)?;
    }
    let names = job::device_count(&store.ledger, job)?;
    let stop = Stop::on(control.stop);
    if request.dry_run {
        check_shards(store, job)?;
    }
    key_check::check(store, job, &to_make(store, job, &places, &lost, request.again)?, bundler.firmware(), &stop)?;
    let mut run = Run {
        bundler: &bundler,
        directories: (order.layout == Layout::Directories).then(|| store.dir().to_owned()),
        anchors: bundler.anchors()?,
        stop: &stop,
        progress: ProgressCounter::new("bundling", names.saturating_sub(left), names, control.tell),
        whole: order.layout != Layout::Directories,
        now: 0,
        findings: Vec::new(),
    };
    let mut end = RunEnd::default();
    for (number, (place, lost)) in places.iter().zip(&lost).filter(|_| !request.dry_run).enumerate() {
        if end.error.is_some() || stop.is_asked() {
            break;
        }
        // An archive of bundles is never sealed here: the keys come from an unsealed archive.
        let packer = Packer::new(order.packing, Vec::new());
        let output = BundleOutput::new(store.dir(), place, packer, &bundler, &owner, workspace.now.unix_timestamp())?;
        // Before the description of the new bundles: with it, a run without `--again` takes those that the ledger has for
        // new ones. The files of the last run stay until each shard replaces them.
        if request.again && number == 0 {
            store.ledger.redo(job.id, Phase::Bundle)?;
        }
        store.ledger.redo_shards(job.id, Phase::Bundle, &lost.shards)?;
        end.add(run.place(store, job, (place, &output), left > 0)?);
        if whole.bundles.is_none() {
            whole.bundles = Some(bundles_report(store, job, &bundler, &output)?);
        }
    }
    let counts = own_count.of(store, job)?;
    let Run { now, findings, .. } = run;
    whole.findings.extend(findings);
    whole.findings.append(&mut end.findings);
    whole.rest = Rest::of(job, counts, counts.failed, others.missing.is_some());
    whole.findings.extend(others.missing.filter(|_| counts.left > 0));
    let failed = counts.failed;
    whole.stopped = end.stopped_to_go_on(&stop, now == 0, "bundling")?;
    whole.names = names;
    whole.phases.push(PhaseReport::new(PhaseName::Bundle, whole.names, counts, now, failed, begun));
    whole.write_results(&store.ledger, job, request.results.as_deref(), failed);
    Ok(whole)
}

/// Fails for a job whose keys only others can read.
fn check_not_sealed(order: &JobOrder, place: &ShardStore) -> Result<()> {
    if !order.packing.sealed {
        return Ok(());
    }
    Err(Code::Sealed
        .error("these bundles would need the devices' keys, and those are in an archive for others to open")
        .at(place.archive().unwrap_or_else(|| place.dir.clone()))
        .fix("make bundles in the same pass that issues the keys: `tbpki fleet run`"))
}

/// The report about bundles that go to `output`. The index names the bundles of all shards, so it is written when the last
/// shard has its bundles.
fn bundles_report(store: &Store, job: &Job, bundler: &Bundler, output: &BundleOutput) -> Result<BundlesReport> {
    let mut report = BundlesReport::of(bundler, output)?;
    if is_whole(&store.ledger, job)? {
        report.index = output.write_index(attempts(&store.ledger, job)?)?;
    }
    Ok(report)
}

/// What a place has of the bundles of a job. New settings would give the job two kinds of images: `--again` allows them,
/// because it makes all of them.
///
/// # Errors
/// [`Code::OtherBundles`], and those of the ledger and of the disk.
fn survey(
    store: &Store,
    job: &Job,
    place: &ShardStore,
    bundler: &Bundler,
    owner: &FirmwareOwner,
    request: &FleetBundleRequest,
) -> Result<LostShards> {
    let output = BundleOutput::existing(store.dir(), place, bundler, owner)?;
    if let Some(output) = output.as_ref().filter(|_| !request.dry_run) {
        output.recover()?;
    }
    if request.again {
        if let Some(output) = &output {
            output.check_keeps_enrolment(bundler)?;
        }
        return Ok(LostShards::default());
    }
    if let Some(output) = &output {
        output.check_common(bundler, AGAIN)?;
    }
    LostShards::find(store, job, place, output.as_ref())
}

/// The shards at these places that get bundles.
fn to_make(store: &Store, job: &Job, places: &[&ShardStore], lost: &[LostShards], again: bool) -> Result<Vec<u32>> {
    let whole: BTreeSet<u32> = match again {
        true => BTreeSet::new(),
        false => store.ledger.whole_shards(job.id, Phase::Bundle)?.into_iter().collect(),
    };
    let mut shards = Vec::new();
    for shard in 0..job.shards {
        let is_lost = lost.iter().any(|lost| lost.shards.contains(&shard));
        if whole.contains(&shard) && !is_lost {
            continue;
        }
        let committed = store.ledger.committed(job.id, shard)?;
        if committed.is_some_and(|committed| places.iter().any(|place| place.id() == committed.place)) {
            shards.push(shard);
        }
    }
    Ok(shards)
}

/// Fails if a run would fail at one of its shards, because it is missing.
fn check_shards(store: &Store, job: &Job) -> Result<()> {
    for shard in 0..job.shards {
        if store.ledger.committed(job.id, shard)?.is_some() {
            Shard::open(store.dir(), &store.ledger, job.id, shard)?;
        }
    }
    Ok(())
}

/// The help of `fleet run` if bundles of a job were made with other parameters: `fleet run` has no --again.
pub(crate) fn again_fix(job: JobId) -> String {
    format!(
        "use the same parameters as before, or make all of them again with `tbpki fleet bundle --job {job} --again` \
         and the options of this command for chip, network and enrolment"
    )
}

/// The bundler of a job, checked as far as possible before the first device.
pub(crate) fn bundler(
    workspace: &mut Workspace<'_>,
    order: &JobOrder,
    request: &FleetBundleRequest,
    control: &mut RunControl<'_>,
) -> Result<(Bundler, Vec<Finding>)> {
    check_merged(request.merged, request.firmware.whole_flash, order.layout)?;
    let prepared = prepare(workspace, &request.firmware, request.merged, control.say)?;
    let findings = prepared.findings.clone();
    let bundler = Bundler::of(prepared, request.merged, request.firmware.whole_flash)?;
    bundler.anchors()?;
    Ok((bundler, findings))
}

fn check_merged(merged: bool, whole_flash: bool, layout: Layout) -> Result<()> {
    if whole_flash && !merged {
        return Err(Code::Usage
            .error("only whole images are filled up to the end of the flash")
            .argument("--whole-flash")
            .fix("add --merged, or leave out --whole-flash"));
    }
    if merged && layout == Layout::Archive {
        return Err(Code::FleetFormat
            // An archive is read as a stream, and images of several megabytes would make its index useless.
            .error("an archive cannot contain whole images")
            .argument("--merged")
            .fix("leave --merged out, or use the layouts shards or directories"));
    }
    Ok(())
}

/// Tells how much room whole images take, and fails where there is not so much.
fn check_room(bundler: &Bundler, dir: &BulkDir, devices: u64, control: &mut RunControl<'_>) -> Result<()> {
    let (room, _) = dir.room()?;
    let (text, fits) = room_for(devices, bundler.length() as u64, room);
    (control.say)(&text);
    if fits { Ok(()) } else { Err(no_room(text).at(dir.path())) }
}

/// The room for so many files of this size in words, and true if there is so much.
fn room_for(devices: u64, each: u64, room: u64) -> (String, bool) {
    // File systems allocate whole blocks.
    let needed = devices.saturating_mul(each.next_multiple_of(4096));
    let [takes, left] = [needed.div_ceil(1_000_000), room / 1_000_000];
    let images = counted(devices, "whole image takes", "whole images take");
    (format!("{images} {takes} MB, and there are {left} MB left"), needed <= room)
}

fn no_room(text: String) -> Error {
    Code::NoRoomForImages.error(text).fix("leave --merged out: a device needs no more than its credentials partition")
}

/// True if every shard of a job has its bundles, of some devices at least. A canceled job has the shards that it issued.
fn is_whole(ledger: &Ledger, job: &Job) -> Result<bool> {
    let shards = ledger.job_progress(job.id)?.phase(Phase::Bundle);
    Ok(shards.done + shards.partly == issued_shards(ledger, job)?.len() as u64)
}

/// The shards of a job that have devices, or will have.
fn issued_shards(ledger: &Ledger, job: &Job) -> Result<Vec<u32>> {
    let mut shards = Vec::new();
    for shard in 0..job.shards {
        if job.canceled_at.is_none() || ledger.committed(job.id, shard)?.is_some() {
            shards.push(shard);
        }
    }
    Ok(shards)
}

/// The attempts whose bundles count.
fn attempts(ledger: &Ledger, job: &Job) -> Result<impl Iterator<Item = Result<Attempt>>> {
    Ok(issued_shards(ledger, job)?.into_iter().map(move |shard| attempt(ledger, job, shard)))
}

/// Bundles are called after the attempt that issued their devices: made once more, they are the same.
fn attempt(ledger: &Ledger, job: &Job, shard: u32) -> Result<Attempt> {
    let committed = ledger.committed(job.id, shard)?;
    let committed = committed.ok_or_else(|| Code::Internal.error("a shard is bundled and was never issued"))?;
    Ok(Attempt { shard, fence: committed.fence })
}

/// A run over the shards of a job.
struct Run<'a> {
    bundler: &'a Bundler,
    /// The store, where devices have directories of their own and in them what they trust.
    directories: Option<PathBuf>,
    /// The trust anchors of all other devices, in PEM.
    anchors: String,
    stop: &'a Stop<'a>,
    progress: ProgressCounter<'a>,
    /// True if devices that have a bundle get another one, with the others of their shard.
    whole: bool,
    /// Devices that this run has bundled.
    now: u64,
    /// The first of those that it could not bundle.
    findings: Vec<Finding>,
}

impl Run<'_> {
    /// Makes the common files of a place, if they are missing or devices are left, and then the bundles of these devices.
    fn place(
        &mut self,
        store: &mut Store,
        job: &Job,
        (place, output): (&ShardStore, &BundleOutput),
        has_left: bool,
    ) -> Result<RunEnd> {
        if has_left || !output.has_common_files(self.bundler)? {
            output.remove_leftovers()?;
            output.write_common(self.bundler)?;
        }
        if has_left { self.all(store, job, place, output) } else { Ok(RunEnd::default()) }
    }

    fn all(&mut self, store: &mut Store, job: &Job, place: &ShardStore, output: &BundleOutput) -> Result<RunEnd> {
        let dir = store.dir().to_owned();
        let mut runner = PhaseRunner::new(&mut store.ledger, job.id, Phase::Bundle, place, self.stop)?;
        runner.run(|runner, lease| {
            let number = lease.claim.shard;
            let shard = Shard::open(&dir, runner.ledger, job.id, number)?;
            let attempt = attempt(runner.ledger, job, number)?;
            self.shard(&shard, attempt, lease, runner, output)
        });
        Ok(runner.into_end())
    }

    /// Bundles a shard, all of it: its bundles have one directory or one part, which is there or not.
    fn shard(
        &mut self,
        shard: &Shard,
        attempt: Attempt,
        lease: &mut ShardLease,
        runner: &mut PhaseRunner<'_>,
        output: &BundleOutput,
    ) -> Result<ShardEnd> {
        let mut writing = output.begin(attempt, lease.claim.fence)?;
        let keys = match self.fill(shard, &mut writing, lease, runner) {
            Ok(Some(keys)) => keys,
            other => {
                writing.discard();
                return other.map(|_| ShardEnd::Stopped);
            }
        };
        let written = writing.finish()?;
        // What took long has to be still ours: only now do others see it.
        // Another station may have taken over the shard, and its files must not be replaced by these.
        if let Err(error) = lease.keep(runner.ledger).and_then(|()| output.settle(&written)) {
            output.discard(&written);
            return Err(error);
        }
        let count = keys.len() as u64;
        keys.into_iter().for_each(|key| lease.done(key));
        self.now += count;
        self.progress.advance(count);
        Ok(ShardEnd::Done)
    }

    /// Writes bundles of all devices of a shard, and returns those that have one; none where a stop was asked for.
    fn fill(
        &mut self,
        shard: &Shard,
        writing: &mut ShardBundles<'_>,
        lease: &mut ShardLease,
        runner: &mut PhaseRunner<'_>,
    ) -> Result<Option<Vec<Key>>> {
        let mut keys: Vec<Key> = Vec::with_capacity(shard.entries.len());
        for (index, entry) in shard.entries.iter().enumerate() {
            // Every 64 devices: a check for each one would ask the ledger too often. Also where the device is skipped.
            if index.is_multiple_of(STEP) {
                if self.stop.is_asked() {
                    return Ok(None);
                }
                lease.keep(runner.ledger)?;
                self.progress.tick();
            }
            let key = &entry.key;
            // Bundles of a part of the shard are worth nothing where its directory is published as a whole. The ledger
            // also counts images of `bundle-firmware`, so that the file decides in directories.
            let is_wanted = |output: &BundleOutput| {
                Ok::<_, Error>(
                    self.whole
                        || phase::lacks(entry, Phase::Bundle)?
                        || !output.has_devices(std::iter::once(key.name.as_str()))?,
                )
            };
            if !entry.is_for_job() || !is_wanted(writing.output())? {
                continue;
            }
            let refused = match self.device(shard, index, &key.name) {
                Ok(bytes) => writing.add(&key.name, &bytes)?,
                // Every other bundle goes with the same application.
                Err(error) if error.code() == Code::ApplicationHoldsKey => return Err(error),
                Err(error) => Some(error),
            };
            match refused {
                // A single device that fails is reported, and its shard goes on.
                Some(error) => {
                    self.findings.extend((self.findings.len() < LISTED).then(|| told(&error, &key.name)));
                    lease.failed(key.clone(), &error);
                }
                None => keys.push(key.clone()),
            }
        }
        Ok(Some(keys))
    }

    fn device(&self, shard: &Shard, index: usize, name: &str) -> Result<Zeroizing<Vec<u8>>> {
        let located = shard.read(index)?;
        let chain: Vec<_> = located.chain().collect();
        // In directories of the store each device may have trust anchors of its own, from `client --anchors`.
        let own = match &self.directories {
            Some(store) => {
                let dir = identity_dir(store, ledger::Kind::Device, name);
                chain.iter().try_for_each(|certificate| check_can(certificate, &dir))?;
                Some(pem_of(&self.bundler.wanted().anchors(&dir)?))
            }
            None => {
                chain.iter().try_for_each(|certificate| check_can(certificate, Path::new(name)))?;
                None
            }
        };
        let key = located.key()?.ok_or_else(|| no_key(name))?;
        self.bundler.bundle_of(name, own.as_deref().unwrap_or(&self.anchors), &chain, &key)
    }
}

/// The finding about a device that failed, as a person reads it.
fn told(error: &Error, name: &str) -> Finding {
    error.finding().clone().item(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_images_are_refused_where_there_is_no_room_for_them() {
        let (text, fits) = room_for(1000, 16 << 20, 16_777_216_000);
        assert!(fits && text == "1000 whole images take 16778 MB, and there are 16777 MB left", "{text}");
        let (text, fits) = room_for(1001, 16 << 20, 16_777_216_000);
        assert!(!fits);
        let error = no_room(text);
        assert!(error.code() == Code::NoRoomForImages && error.to_string().contains("1001 whole images"), "{error}");
        assert!(!room_for(u64::MAX, 4097, u64::MAX - 1).1);
        assert!(room_for(1, 2 << 20, 1 << 30).0.starts_with("1 whole image takes 3 MB"));
    }
}
