//! The bundles of a fleet: next to its shards, its archive, or in its devices' directories. They are written next to
//! their names, made durable together, and only then given them, as shards are.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use base::csv_writer::{Cell, CsvWriter};
use base::file::{self, BulkDir, FileSet, Mode};
use base::{Code, Error, Result};
use devkit::image::{self, CREDENTIALS, FLASH, Image};
use ledger::{Job, JobId};
use zeroize::Zeroizing;

use super::bundler::{BundleDescription, Bundler};
use store::FILE_LIMIT;
use store::shard::Packer;
use store::shard::ShardStore;
use store::shard::tar;
use store::shard::{Attempt, Layout, Packing};

/// The reason why bundles do not go together.
pub(super) const DIFFERENT: &str = "chip, flash, partitions, bootloader, application or its partition, the kind or length \
    of the files, broker, network or trust anchors differ from this file";
/// The suffix of the directory with the bundles of an archive.
const BUNDLES: &str = ".bundles";
/// The name of the directory with the parts that all devices share.
const FIRMWARE: &str = "firmware";
/// The name of the file that describes these parts.
const COMMON: &str = "bundle.json";
/// The suffix of the index of a part.
const PART_INDEX: &str = ".index.csv";
/// The most bytes of the index of a part: 1,000 devices with names of 255 characters are far below.
const INDEX_LIMIT: usize = 16 << 20;
/// The index of all parts.
const INDEX: &str = "index.csv";
/// The suffix of a whole image.
const FLASHED: &str = ".flash.bin";
/// The suffix of bundles that make room.
const EARLIER: &str = "earlier";
/// The prefix of incomplete files.
const PARTIAL: &str = ".partial-";

/// The destination of the bundles of a job.
pub(crate) struct BundleOutput {
    layout: Layout,
    /// The directory with the bundles; that of all devices for [`Layout::Directories`].
    dir: BulkDir,
    /// The directory with what all have alike.
    firmware: PathBuf,
    packer: Packer,
    tar: tar::TarWriter,
    chip: String,
    merged: bool,
    /// The number of bytes in the file of each device.
    length: u64,
    /// The random identifier of the job; none for devices without certificates.
    job: Option<String>,
}

/// Bundles of a shard that are written and that nothing looks for yet.
#[derive(Default)]
pub(crate) struct WrittenBundles {
    /// The present names, their directory, and the final names.
    moves: Vec<Move>,
}

struct Move {
    /// The device's directory; none for the one with all bundles.
    device: Option<String>,
    partial: String,
    name: String,
}

/// The job whose bundles share a directory with their common parts.
pub(crate) struct FirmwareOwner {
    job: JobId,
    /// Random, because the numbers of jobs repeat from store to store.
    uid: String,
    /// True if the job has bundles already.
    has_bundles: bool,
    /// True if all of its bundles are made again.
    again: bool,
}

impl FirmwareOwner {
    /// The owner for a job.
    pub(crate) fn of(job: &Job, has_bundles: bool, again: bool) -> Self {
        Self { job: job.id, uid: job.uid.to_string(), has_bundles, again }
    }

    /// The directory of what all devices in the store have alike: that of the chip, or one of the job's own if another
    /// job has it.
    fn directory(&self, store: &Path, chip: &str) -> Result<PathBuf> {
        let own = store.join(FIRMWARE).join(format!("{chip}-job-{}", self.job));
        if own.join(COMMON).exists() {
            return Ok(own);
        }
        let shared = store.join(FIRMWARE).join(chip);
        let Some(bytes) = file::read_optional(shared.join(COMMON), FILE_LIMIT)? else { return Ok(shared) };
        let there: Option<BundleDescription> = serde_json::from_slice(&bytes).ok();
        let is_ours = match there.and_then(|there| there.job) {
            Some(job) => job == self.uid,
            // Earlier versions kept the jobs of a store in one directory.
            None => self.has_bundles && !self.again,
        };
        Ok(if is_ours { shared } else { own })
    }
}

/// The directory with the bundles of a job, and that of what all devices have alike.
fn directories(store: &Path, place: &ShardStore, chip: &str, owner: &FirmwareOwner) -> Result<(PathBuf, PathBuf)> {
    let dir = match place.layout() {
        Layout::Directories => return Ok((store.join("devices"), owner.directory(store, chip)?)),
        Layout::Shards => place.dir.clone(),
        Layout::Archive => {
            let archive = place.archive();
            bundles_of(&archive.ok_or_else(|| Code::Internal.error("a place without an archive has its bundles"))?)
        }
    };
    let firmware = dir.join(FIRMWARE);
    Ok((dir, firmware))
}

fn check_same(firmware: &Path, bytes: &[u8], wanted: &BundleDescription, fix: &str) -> Result<()> {
    let there: Result<BundleDescription, _> = serde_json::from_slice(bytes);
    if there.as_ref().is_ok_and(|there| there.goes_with(wanted)) {
        return Ok(());
    }
    Err(Code::OtherBundles
        .error("these bundles were made with other parameters")
        .at(firmware.join(COMMON))
        .because(DIFFERENT)
        .fix(fix))
}

impl BundleOutput {
    /// The bundles of the job whose shards lie in `place`, which carry the time `now` in an archive.
    ///
    /// # Errors
    /// What the disk can refuse.
    pub(crate) fn new(
        store: &Path,
        place: &ShardStore,
        packer: Packer,
        bundler: &Bundler,
        owner: &FirmwareOwner,
        now: i64,
    ) -> Result<Self> {
        let chip = bundler.firmware().board().chip.name().to_owned();
        let (dir, firmware) = directories(store, place, &chip, owner)?;
        if place.layout() == Layout::Archive {
            file::create_dir(&dir)?;
        }
        let (merged, length) = (bundler.is_merged(), bundler.length() as u64);
        let (layout, dir) = (place.layout(), BulkDir::open(dir)?);
        let job = Some(owner.uid.clone());
        Ok(Self { layout, dir, firmware, packer, tar: tar::TarWriter::new(now), chip, merged, length, job })
    }

    /// As [`new`](Self::new), to look at what is there; none if the directory with the bundles is not there.
    ///
    /// # Errors
    /// Those of reading the disk.
    pub(crate) fn existing(
        store: &Path,
        place: &ShardStore,
        bundler: &Bundler,
        owner: &FirmwareOwner,
    ) -> Result<Option<Self>> {
        let (dir, _) = directories(store, place, bundler.firmware().board().chip.name(), owner)?;
        let packer = Packer::new(place.packing(), Vec::new());
        if dir.is_dir() { Self::new(store, place, packer, bundler, owner, 0).map(Some) } else { Ok(None) }
    }

    /// The bundles of devices without certificates, in a directory that exists. There is no job.
    ///
    /// # Errors
    /// What the disk can refuse.
    pub(super) fn of_keyless(layout: Layout, dir: &Path, packer: Packer, bundler: &Bundler, now: i64) -> Result<Self> {
        let chip = bundler.firmware().board().chip.name().to_owned();
        let (merged, length, firmware) = (bundler.is_merged(), bundler.length() as u64, dir.join(FIRMWARE));
        let dir = BulkDir::open(dir)?;
        Ok(Self { layout, dir, firmware, packer, tar: tar::TarWriter::new(now), chip, merged, length, job: None })
    }

    /// The name of the directory or the part with the bundles of an attempt.
    pub(super) fn published(layout: Layout, attempt: Attempt, packing: Packing) -> String {
        match layout {
            Layout::Archive => attempt.part(packing),
            Layout::Shards | Layout::Directories => format!("bundle-{attempt}"),
        }
    }

    /// The directory with what all devices have alike.
    pub(crate) fn firmware(&self) -> &Path {
        &self.firmware
    }

    /// The directory with the bundles.
    pub(crate) fn dir(&self) -> &BulkDir {
        &self.dir
    }

    /// Completes or throws away what a killed run has left of the common files.
    ///
    /// # Errors
    /// Those of the disk.
    pub(crate) fn recover(&self) -> Result<()> {
        file::recover(&self.firmware).map(drop)
    }

    /// Fails with [`Code::OtherBundles`] where bundles were made with something else. `fix` is the way out.
    pub(crate) fn check_common(&self, bundler: &Bundler, fix: &str) -> Result<()> {
        match file::read_optional(self.firmware.join(COMMON), FILE_LIMIT)? {
            Some(bytes) => check_same(&self.firmware, &bytes, &bundler.common()?, fix),
            None => Ok(()),
        }
    }

    /// Fails if new bundles would leave out the enrolment service that those before have: `--again` without `--enroll`
    /// would make images of devices that never renew their certificates.
    ///
    /// # Errors
    /// [`Code::OtherBundles`], and those of the disk.
    pub(super) fn check_keeps_enrolment(&self, bundler: &Bundler) -> Result<()> {
        if bundler.wanted().enrolment.is_some() {
            return Ok(());
        }
        let path = self.firmware.join(COMMON);
        let bytes = file::read_optional(&path, FILE_LIMIT)?.unwrap_or_default();
        let there: Option<BundleDescription> = serde_json::from_slice(&bytes).ok();
        match there.and_then(|there| there.enrolment) {
            None => Ok(()),
            Some(service) => Err(Code::OtherBundles
                .error("the earlier bundles have an enrolment service, and the new ones would have none")
                .at(&path)
                .because(format!("it was {service}"))
                .fix(
                    "add --enroll URL, and the options of the enrolment as before; for devices that no longer enrol, \
                     move the file away first",
                )),
        }
    }

    /// True if the description of what all devices have alike is there.
    pub(crate) fn has_common(&self) -> Result<bool> {
        Ok(file::read_optional(self.firmware.join(COMMON), FILE_LIMIT)?.is_some())
    }

    /// True if all files that devices share are there, as a run writes them.
    pub(crate) fn has_common_files(&self, bundler: &Bundler) -> Result<bool> {
        if !self.has_common()? {
            return Ok(false);
        }
        let (dir, image) = (BulkDir::open(&self.firmware)?, Image::without_credentials(bundler.firmware()));
        for (file, bytes, _) in common_files(&image)? {
            // The length first: a file of any size may be in the place.
            let is_same = dir.size(file)? == Some(bytes.len() as u64)
                && file::read_optional(dir.path().join(file), bytes.len())?.is_some_and(|there| *there == bytes);
            if !is_same {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// True if the bundles of an attempt are there with those of these devices, of a layout that has them together.
    pub(crate) fn has_shard<'n>(&self, attempt: Attempt, names: impl Iterator<Item = &'n str>) -> Result<bool> {
        match self.layout {
            Layout::Archive => self.has_part(attempt, names.count()),
            Layout::Shards | Layout::Directories => {
                Ok(self.lacking(attempt, names)?.is_some_and(|names| names.is_empty()))
            }
        }
    }

    /// The devices whose bundles the directory of an attempt lacks, of these; none if there is no such directory.
    pub(crate) fn lacking<'n>(
        &self,
        attempt: Attempt,
        names: impl Iterator<Item = &'n str>,
    ) -> Result<Option<Vec<&'n str>>> {
        let dir = self.dir.dir(&Self::published(self.layout, attempt, self.packer.packing()))?;
        let Some(dir) = dir else { return Ok(None) };
        let mut lacking = Vec::new();
        for name in names {
            if dir.size(&self.file_of(name))? != Some(self.length) {
                lacking.push(name);
            }
        }
        Ok(Some(lacking))
    }

    /// As [`lacking`](Self::lacking), in every layout: a part of an archive that is there lacks none or all.
    pub(super) fn lacking_of<'n>(
        &self,
        attempt: Attempt,
        names: impl Iterator<Item = &'n str>,
    ) -> Result<Option<Vec<&'n str>>> {
        if self.layout != Layout::Archive {
            return self.lacking(attempt, names);
        }
        if !self.has_published(attempt)? {
            return Ok(None);
        }
        let names: Vec<&str> = names.collect();
        Ok(Some(if self.has_part(attempt, names.len())? { Vec::new() } else { names }))
    }

    /// True if something has the name of the bundles of an attempt.
    pub(super) fn has_published(&self, attempt: Attempt) -> Result<bool> {
        self.dir.holds(&Self::published(self.layout, attempt, self.packer.packing()))
    }

    /// Moves the bundles of an attempt away, so that new ones can take their names. They are leftovers from then on.
    pub(super) fn set_aside(&self, attempt: Attempt) -> Result<WrittenBundles> {
        let mut names = vec![Self::published(self.layout, attempt, self.packer.packing())];
        if self.layout == Layout::Archive {
            names.push(format!("{attempt}{PART_INDEX}"));
        }
        let mut earlier = WrittenBundles::default();
        for name in names {
            let partial = format!("{PARTIAL}{name}.{EARLIER}");
            if self.dir.holds(&name)? {
                self.dir.remove(&partial)?;
                self.dir.publish(&name, &self.dir, &partial)?;
                earlier.moves.push(Move { device: None, partial, name });
            }
        }
        if !earlier.moves.is_empty() {
            // After a power cut they must not have their names again.
            self.dir.sync_names()?;
        }
        Ok(earlier)
    }

    /// Gives bundles that were moved away their names back.
    pub(super) fn put_back(&self, earlier: &WrittenBundles) {
        for one in &earlier.moves {
            if let Err(error) = self.dir.publish(&one.partial, &self.dir, &one.name) {
                tracing::warn!(name = one.name, %error, "an earlier bundle is not in its place");
            }
        }
    }

    /// True if a part of an archive is there, with its index, in which so many devices have lines. Its contents are compressed
    /// or sealed, so that only the length of a plain part can be compared.
    pub(crate) fn has_part(&self, attempt: Attempt, devices: usize) -> Result<bool> {
        let packing = self.packer.packing();
        let Some(length) = self.dir.size(&attempt.part(packing))?.filter(|length| *length > 0) else {
            return Ok(false);
        };
        let index = self.dir.path().join(format!("{attempt}{PART_INDEX}"));
        let Some(index) = file::read_optional(index, INDEX_LIMIT)? else { return Ok(false) };
        let Ok(index) = std::str::from_utf8(&index) else { return Ok(false) };
        // NAME,OFFSET,LENGTH,PART, where only the name can have a comma.
        let end = index.lines().last().and_then(|line| {
            let mut fields = line.rsplit(',').skip(1).map(str::parse::<u64>);
            let (bytes, offset) = (fields.next()?.ok()?, fields.next()?.ok()?);
            offset.checked_add(bytes)
        });
        let is_plain = !packing.zstd && !packing.sealed;
        Ok(index.lines().count() >= devices && end.is_some_and(|end| !is_plain || end <= length))
    }

    /// True if each of these devices has a bundle in its directory.
    pub(crate) fn has_devices<'n>(&self, names: impl Iterator<Item = &'n str>) -> Result<bool> {
        let file = if self.merged { FLASH } else { CREDENTIALS };
        for name in names {
            let Some(dir) = self.dir.dir(name)? else { return Ok(false) };
            let size = dir.dir(&self.chip)?.map_or(Ok(None), |dir| dir.size(file))?;
            if size != Some(self.length) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes what all devices have alike, once: bootloader, partition table, application, and the description of where
    /// they and the credentials go.
    pub(crate) fn write_common(&self, bundler: &Bundler) -> Result<()> {
        let mut common = bundler.common()?;
        common.job.clone_from(&self.job);
        if let Some(parent) = self.firmware.parent() {
            file::create_dir(parent)?;
        }
        let image = Image::without_credentials(bundler.firmware());
        let text = serde_json::to_string_pretty(&common)
            .map_err(|error| Code::Internal.error("what bundles have in common cannot be JSON").caused_by(error))?;
        let mut set = FileSet::new(&self.firmware).replacing("old");
        for (file, bytes, mode) in common_files(&image)? {
            set.add(file, bytes, mode)?;
        }
        set.add(COMMON, (text + "\n").into_bytes(), Mode::Public)?;
        set.commit().map(drop)
    }

    /// Removes what dead runs have left, which counts for nothing.
    pub(crate) fn remove_leftovers(&self) -> Result<()> {
        if self.layout == Layout::Directories {
            return Ok(());
        }
        for name in self.dir.names()? {
            if name.strip_prefix(PARTIAL).is_some_and(|rest| is_ours(self.layout, rest)) {
                self.dir.remove(&name)?;
            }
        }
        Ok(())
    }

    /// Begins the bundles of a shard, next to their names. Nothing is waited for. `turn` tells apart who writes those
    /// of the same attempt.
    pub(crate) fn begin(&self, attempt: Attempt, turn: u32) -> Result<ShardBundles<'_>> {
        let mut writing = ShardBundles {
            output: self,
            attempt,
            turn,
            written: WrittenBundles::default(),
            shard: None,
            files: Zeroizing::new(Vec::new()),
            index: CsvWriter::new(Vec::new()),
            scratch: Zeroizing::new(Vec::new()),
        };
        if self.layout == Layout::Shards {
            let name = Self::published(self.layout, attempt, self.packer.packing());
            let partial = format!("{PARTIAL}{name}.{turn}");
            // A killed process may have left the same turn of the same attempt.
            self.dir.remove(&partial)?;
            writing.shard = Some(self.dir.create_dir(&partial)?);
            writing.written.moves.push(Move { device: None, partial, name });
        }
        Ok(writing)
    }

    /// Waits until bundles are on the disk, and gives them their names. Those of an earlier run make room: they follow
    /// from what is asked for, and were the same or are wanted no more.
    pub(crate) fn settle(&self, written: &WrittenBundles) -> Result<()> {
        // The contents before the names: after a power cut a name must not lead to an empty file.
        self.dir.sync_all()?;
        for one in &written.moves {
            let device = one.device.as_ref().map(|name| self.dir.dir(name)).transpose()?.flatten();
            let dir = device.as_ref().unwrap_or(&self.dir);
            // A directory cannot be renamed over one that is not empty.
            dir.remove(&one.name)?;
            dir.publish(&one.partial, dir, &one.name)?;
            if device.is_some() {
                dir.sync_names()?;
            }
        }
        self.dir.sync_names()
    }

    /// Removes what counts for nothing.
    pub(crate) fn discard(&self, written: &WrittenBundles) {
        for one in &written.moves {
            let device = one.device.as_ref().map(|name| self.dir.dir(name)).transpose().ok().flatten().flatten();
            // What stays is a leftover for the next run.
            if let Err(error) = device.as_ref().unwrap_or(&self.dir).remove(&one.partial) {
                tracing::warn!(name = one.partial, %error, "a leftover stays");
            }
        }
    }

    /// Writes which bundle is where, once all are there; none where each has a file of its own.
    pub(crate) fn write_index(&self, attempts: impl Iterator<Item = Result<Attempt>>) -> Result<Option<PathBuf>> {
        if self.layout != Layout::Archive {
            return Ok(None);
        }
        let path = self.dir.path().join(INDEX);
        let failed = |error: std::io::Error| {
            Code::FileUnwritable.error("the index cannot be written").at(&path).caused_by(error)
        };
        let partial = format!("{PARTIAL}{INDEX}");
        self.dir.remove(&partial)?;
        let mut whole = CsvWriter::new(self.dir.create(&partial)?);
        whole.line(["name", "offset", "length", "part"].map(Cell::from)).map_err(failed)?;
        let mut whole = BufWriter::new(whole.finish().map_err(failed)?);
        for attempt in attempts {
            let name = format!("{}{PART_INDEX}", attempt?);
            // The parts are appended in the order of the shards, and none is kept in memory.
            std::io::copy(&mut self.dir.open_file(&name)?, &mut whole).map_err(failed)?;
        }
        whole.flush().and_then(|()| whole.get_ref().sync_all()).map_err(failed)?;
        // `publish` never replaces a file.
        self.dir.remove(INDEX)?;
        self.dir.publish(&partial, &self.dir, INDEX)?;
        self.dir.sync_names()?;
        Ok(Some(path))
    }

    /// Whether the bundles of an attempt are there.
    ///
    /// # Errors
    /// What the disk can refuse.
    pub(crate) fn holds(&self, attempt: Attempt) -> Result<bool> {
        self.dir.holds(&attempt.part(self.packer.packing()))
    }

    /// Removes the parts of attempts that do not count.
    ///
    /// # Errors
    /// What the disk can refuse.
    pub(crate) fn keep_only(&self, counts: impl Fn(Attempt) -> Result<bool>) -> Result<()> {
        for name in self.dir.names()? {
            if let Some(attempt) = Attempt::of_file(&name)
                && !counts(attempt)?
            {
                self.dir.remove(&name)?;
            }
        }
        Ok(())
    }

    fn file_of(&self, device: &str) -> String {
        if self.merged { format!("{device}{FLASHED}") } else { format!("{device}.bin") }
    }
}

/// Bundles of a shard on their way.
pub(crate) struct ShardBundles<'a> {
    output: &'a BundleOutput,
    attempt: Attempt,
    turn: u32,
    written: WrittenBundles,
    /// The directory of the shard, where it has one.
    shard: Option<BulkDir>,
    /// The files of an archive's part, and which is where.
    files: Zeroizing<Vec<u8>>,
    index: CsvWriter<Vec<u8>>,
    scratch: Zeroizing<Vec<u8>>,
}

impl ShardBundles<'_> {
    /// The destination.
    pub(crate) fn output(&self) -> &BundleOutput {
        self.output
    }

    /// Writes the bundle of a device. An error of this device alone is returned.
    pub(crate) fn add(&mut self, name: &str, bytes: &[u8]) -> Result<Option<Error>> {
        match self.output.layout {
            Layout::Directories => self.add_to_directory(name, bytes),
            Layout::Shards => {
                let dir = self.shard.as_ref().ok_or_else(|| Code::Internal.error("a shard has no directory"))?;
                let file = self.output.file_of(name);
                dir.write(&file, bytes, Mode::Private)?;
                // Read back at once: the images leave this machine, and a fault would surface only in the devices.
                dir.check(&file, bytes, &mut self.scratch).map(|()| None)
            }
            Layout::Archive => {
                let offset = self.output.tar.append(&self.output.file_of(name), bytes, &mut self.files);
                let part = self.attempt.part(self.output.packer.packing());
                let number = |number: usize| Cell::from(u64::try_from(number).ok());
                let line = [name.into(), number(offset), number(bytes.len()), (&part).into()];
                self.index.line(line).map_err(no_index)?;
                Ok(None)
            }
        }
    }

    fn add_to_directory(&mut self, device: &str, bytes: &[u8]) -> Result<Option<Error>> {
        let Some(dir) = self.output.dir.dir(device)? else {
            return Ok(Some(gone(self.output.dir.path(), device)));
        };
        let file = if self.output.merged { FLASH } else { CREDENTIALS };
        let (name, partial) = (self.output.chip.clone(), format!("{PARTIAL}{}", self.output.chip));
        dir.remove(&partial)?;
        if let Some(there) = dir.dir(&name)? {
            match there.names()?.as_slice() {
                // Only an earlier image of this command is replaced; the files of others are not touched.
                [only] if only == CREDENTIALS || only == FLASH => {}
                _ => return Ok(Some(taken(there.path()))),
            }
        }
        let inner = dir.create_dir(&partial)?;
        self.written.moves.push(Move { device: Some(device.to_owned()), partial, name });
        inner.write(file, bytes, Mode::Private)?;
        inner.check(file, bytes, &mut self.scratch).map(|()| None)
    }

    /// Ends the bundles of a shard, which are still next to their names.
    pub(crate) fn finish(mut self) -> Result<WrittenBundles> {
        if self.output.layout == Layout::Archive
            && let Err(error) = self.pack()
        {
            self.discard();
            return Err(error);
        }
        Ok(self.written)
    }

    fn pack(&mut self) -> Result<()> {
        let packed = self.output.packer.pack(&mut self.files)?;
        let part = self.attempt.part(self.output.packer.packing());
        let index = std::mem::replace(&mut self.index, CsvWriter::new(Vec::new()));
        let index = index.finish().map_err(no_index)?;
        let dir = &self.output.dir;
        for (name, bytes) in [(format!("{}{PART_INDEX}", self.attempt), index.as_slice()), (part, packed.bytes())] {
            let partial = format!("{PARTIAL}{name}.{}", self.turn);
            dir.remove(&partial)?;
            self.written.moves.push(Move { device: None, partial: partial.clone(), name });
            dir.write_large(&partial, bytes, Mode::Private)?;
            dir.check(&partial, bytes, &mut self.scratch)?;
        }
        Ok(())
    }

    /// Removes what has been written.
    pub(crate) fn discard(self) {
        self.output.discard(&self.written);
    }
}

/// The files that all devices share, without their description.
fn common_files(image: &Image<'_>) -> Result<Vec<(&'static str, Vec<u8>, Mode)>> {
    let mut files: Vec<_> = image.parts().iter().map(|part| (part.file, part.bytes.to_vec(), part.mode)).collect();
    files.push(("flash_args", image::flash_args(image).into_bytes(), Mode::Public));
    files.push(("flasher_args.json", image::flasher_args(image)?.into_bytes(), Mode::Public));
    Ok(files)
}

/// The directory with the bundles of an archive.
pub(super) fn bundles_of(archive: &Path) -> PathBuf {
    let mut name = archive.as_os_str().to_owned();
    name.push(BUNDLES);
    name.into()
}

/// True if an incomplete file is a bundle: incomplete files of shards belong to the issuing run.
fn is_ours(layout: Layout, name: &str) -> bool {
    layout == Layout::Archive || name.starts_with("bundle-")
}

fn gone(devices: &Path, name: &str) -> Error {
    Code::ShardDamaged
        .error("the directory of the device is gone")
        .at(devices.join(name))
        .fix("restore it from a backup")
}

fn no_index(error: std::io::Error) -> Error {
    Code::Internal.error("the line of an index cannot be written").caused_by(error)
}

fn taken(path: &Path) -> Error {
    Code::TargetExists
        .error("bundle-firmware has made an image of this device here already")
        .at(path)
        .fix("move it away, and run the same command again: it makes the bundle of this device")
}
