//! The end of an archive: its parts become one tar, and their indexes one index.
//!
//! Parts are appended one behind the other, without what ends each of them. What has been appended is written down
//! every [`STRIDE`] parts, once it is on the disk; only then do these parts go. So it can be interrupted at any time,
//! and needs no more space than these parts, in addition to the archive.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use base::csv_writer::CsvWriter;
use base::file::{self, BulkDir, FileSet, Mode};
use base::{Code, Error, Result};
use csv::ReaderBuilder;
use serde::{Deserialize, Serialize};

use super::index;
use super::layout::{Attempt, Sidecar};
use super::pack;
use super::shard_store::ShardStore;
use crate::paths::FILE_LIMIT;

/// What files begin with that say how far the joining is. Each is written under a name of its own before the last one
/// goes, so that there is always one.
const STATE: &str = "joined-";
/// The archive while it grows.
const GROWING: &str = ".partial-archive";
/// The index while it grows.
pub(super) const GROWING_INDEX: &str = ".partial-index";
/// The suffix of an archive's index.
const INDEX: &str = ".index.csv";
/// Parts that are appended before they go.
const STRIDE: usize = 64;
/// The largest state that is read: millions of shards.
const STATE_LIMIT: usize = 64 * FILE_LIMIT;

/// The progress of joining the parts of an archive.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct JoinProgress {
    /// The offset of each appended part, and after them the offset of the next one.
    starts: Vec<u64>,
    /// The present length of the index, in bytes.
    index: u64,
    /// True if all is done.
    done: bool,
}

impl JoinProgress {
    pub(super) fn read(place: &ShardStore) -> Result<Self> {
        // The names sort by the number of parts, and `joined-done` sorts after all of them: the last name is the newest
        // state.
        let Some(name) = states(&BulkDir::open(&place.dir)?)?.pop() else { return Ok(Self::default()) };
        let path = place.dir.join(name);
        serde_json::from_slice(&file::read(&path, STATE_LIMIT)?).map_err(|error| {
            Code::FileUnreadable
                .error("the file does not contain how far the archive is joined")
                .at(&path)
                .caused_by(error)
                .fix("restore the file from a backup")
        })
    }

    fn write(&self, place: &ShardStore) -> Result<()> {
        let text = serde_json::to_vec(self).map_err(|error| {
            Code::Internal.error("how far an archive is cannot be written as JSON").caused_by(error)
        })?;
        let step = if self.done { "done".to_owned() } else { format!("{:08}", self.starts.len()) };
        let name = format!("{STATE}{step}.json");
        let mut set = FileSet::new(&place.dir);
        set.add(name, text, Mode::Private)?;
        set.commit()?;
        // Only after the new state is on the disk. In between there are two, and the reader takes the later one.
        remove_earlier_states(&BulkDir::open(&place.dir)?)
    }

    /// True if the archive and its index are whole.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// The offset of the part of a shard.
    ///
    /// # Errors
    /// [`Code::Internal`] for a shard that is not appended.
    pub(super) fn start(&self, shard: u32) -> Result<u64> {
        let start = usize::try_from(shard).ok().and_then(|shard| self.starts.get(shard));
        start.copied().ok_or_else(|| Code::Internal.error("an archive does not have the part of a shard"))
    }

    /// The position of an appended part: its file, and its range of bytes.
    pub(crate) fn find(place: &ShardStore, shard: u32) -> Result<Option<(PathBuf, Range<u64>)>> {
        let joined = Self::read(place)?;
        let at = |index: usize| joined.starts.get(index).copied();
        let index = usize::try_from(shard).unwrap_or(usize::MAX);
        let (Some(start), Some(end)) = (at(index), index.checked_add(1).and_then(at)) else { return Ok(None) };
        // After the archive has its final name, the same offsets apply to it.
        let growing = place.dir.join(GROWING);
        let path = if growing.exists() { Some(growing) } else { place.archive() };
        Ok(path.map(|path| (path, start..end)))
    }
}

/// The names of the files that say how far the joining is, the last one last.
fn states(dir: &BulkDir) -> Result<Vec<String>> {
    let mut names = dir.names()?;
    names.retain(|name| name.starts_with(STATE));
    names.sort();
    Ok(names)
}

/// Removes all states but the newest.
fn remove_earlier_states(dir: &BulkDir) -> Result<()> {
    let states = states(dir)?;
    states.iter().rev().skip(1).try_for_each(|earlier| dir.remove(earlier))
}

/// The archive that the parts became.
#[derive(Debug)]
pub struct JoinResult {
    /// The archive; none where the parts stay by themselves.
    pub archive: Option<PathBuf>,
    /// Which device is where.
    pub index: PathBuf,
}

/// How many shards an archive holds by now; their parts are gone.
///
/// # Errors
/// [`Code::FileUnreadable`].
pub fn shards_in(place: &ShardStore) -> Result<u32> {
    let count = JoinProgress::read(place)?.starts.len().saturating_sub(1);
    u32::try_from(count).map_err(|_| Code::Internal.error("an archive has too many shards"))
}

/// The index of an archive, which lies in the same directory.
pub(crate) fn index_of(archive: &Path) -> PathBuf {
    let mut name = archive.as_os_str().to_owned();
    name.push(INDEX);
    name.into()
}

/// The length of an archive whose parts are all joined, in bytes.
///
/// # Errors
/// [`Code::FileUnreadable`].
pub(super) fn length(place: &ShardStore) -> Result<u64> {
    let end = pack::end(place.packing())?.len() as u64;
    Ok(JoinProgress::read(place)?.starts.last().copied().unwrap_or_default().saturating_add(end))
}

/// Joins the parts of all shards, given the attempt that counts for each, in order. May be repeated.
///
/// # Errors
/// [`Code::ShardDamaged`] where a part is gone, [`Code::TargetExists`], [`Code::DiskFull`].
pub(super) fn join(place: &ShardStore, attempts: &[Attempt]) -> Result<JoinResult> {
    let archive = place.archive().ok_or_else(|| Code::Internal.error("a place without an archive is joined"))?;
    let sealed = place.packing().sealed;
    let whole = JoinResult { index: index_of(&archive), archive: (!sealed).then_some(archive) };
    let mut joining = GrowingArchive::open(place)?;
    if joining.state.done {
        // An earlier run may have been killed after the last state and before it removed all that this replaces.
        joining.sweep()?;
        return Ok(whole);
    }
    let total = attempts.len();
    let mut waiting = Vec::new();
    // Parts before this one are in the archive already, and may be gone from the directory.
    for attempt in attempts.iter().copied().skip(joining.finished()) {
        joining.append(attempt)?;
        waiting.push(attempt);
        if waiting.len() == STRIDE {
            joining.keep(&mut waiting)?;
        }
    }
    joining.keep(&mut waiting)?;
    joining.finish(&whole, total)?;
    joining.sweep()?;
    Ok(whole)
}

/// An archive that grows.
struct GrowingArchive<'a> {
    place: &'a ShardStore,
    dir: BulkDir,
    state: JoinProgress,
    archive: Option<File>,
    index: Option<File>,
    end: u64,
    /// True if the index has its final name already, which a run that was killed gave it.
    index_is_published: bool,
}

impl<'a> GrowingArchive<'a> {
    fn open(place: &'a ShardStore) -> Result<Self> {
        let dir = BulkDir::open(&place.dir)?;
        let mut state = JoinProgress::read(place)?;
        if state.starts.is_empty() {
            state.starts.push(0);
        }
        let end = pack::end(place.packing())?.len() as u64;
        let mut joining = Self { place, dir, state, archive: None, index: None, index_is_published: false, end };
        if joining.state.done || joining.is_published()? {
            return Ok(joining);
        }
        joining.index_is_published = joining.has_published_index()?;
        // Bytes of a run that never wrote a state belong to no part.
        if joining.state.index == 0 {
            joining.dir.remove(GROWING)?;
            joining.dir.remove(GROWING_INDEX)?;
        }
        if !place.packing().sealed {
            let length = joining.state.starts.last().copied().unwrap_or_default();
            joining.archive = Some(joining.grow(GROWING, length)?);
        }
        if joining.index_is_published {
            // An earlier version left an empty one when it was run again.
            joining.dir.remove(GROWING_INDEX)?;
            return Ok(joining);
        }
        let length = joining.state.index;
        let mut index = joining.grow(GROWING_INDEX, length)?;
        if length == 0 {
            let head = index::head()?;
            index.write_all(&head).map_err(|error| joining.unwritable(error))?;
            joining.state.index = head.len() as u64;
        }
        joining.index = Some(index);
        Ok(joining)
    }

    /// True if an earlier run got as far as giving the files their names, and no further.
    fn is_published(&self) -> Result<bool> {
        let Some(archive) = self.place.archive() else { return Ok(false) };
        // The exact length: a file of another job with this name must not be taken for ours.
        let expected = self.state.starts.last().copied().unwrap_or_default().saturating_add(self.end);
        let there = archive.metadata().is_ok_and(|file| file.is_file() && file.len() == expected);
        Ok(there && self.state.starts.len() > 1 && !self.dir.holds(GROWING)?)
    }

    /// True if an earlier run gave the index its name and was killed before the archive got its own.
    fn has_published_index(&self) -> Result<bool> {
        let Some(archive) = self.place.archive() else { return Ok(false) };
        let length = self.state.index;
        let grows = self.dir.size(GROWING_INDEX)?.is_some_and(|size| size >= length);
        // The exact length, as in `is_published`: only an index with all of its lines gets its name.
        let there = index_of(&archive).metadata().is_ok_and(|file| file.is_file() && file.len() == length);
        Ok(there && !grows && self.state.starts.len() > 1)
    }

    /// Opens what has grown so far, without what was appended and not written down.
    fn grow(&self, name: &str, length: u64) -> Result<File> {
        let mut file =
            if self.dir.holds(name)? { self.dir.open_file_for_writing(name)? } else { self.dir.create(name)? };
        // Bytes may be missing only if the file was changed from outside, because the state was written after
        // `sync_data`.
        let there = file.metadata().map_err(|error| self.unwritable(error))?.len();
        if there < length {
            return Err(Code::ShardDamaged
                .error("the archive is shorter than what was appended to it")
                .at(self.place.dir.join(name))
                .fix("restore it from a backup"));
        }
        // A killed run may have appended more than it recorded. These parts are still there and are appended again.
        file.set_len(length).and_then(|()| file.seek(SeekFrom::End(0))).map_err(|error| self.unwritable(error))?;
        Ok(file)
    }

    /// The number of finished shards.
    fn finished(&self) -> usize {
        // Without an open index the files are published, and no part is left to append.
        if self.index.is_none() { usize::MAX } else { self.state.starts.len().saturating_sub(1) }
    }

    fn append(&mut self, attempt: Attempt) -> Result<()> {
        let packing = self.place.packing();
        let name = attempt.part(packing);
        let start = self.state.starts.last().copied().unwrap_or_default();
        let size = self.dir.size(&name)?.ok_or_else(|| self.gone(&name))?;
        // The end marker of a part would stop every reader in the middle of the archive.
        let length = if packing.sealed { size } else { size.saturating_sub(self.end) };
        if let Some(archive) = &mut self.archive {
            let mut part = std::io::Read::take(self.dir.open_file(&name)?, length);
            let copied = std::io::copy(&mut part, archive).map_err(|error| unwritable(self.place, error))?;
            // `take` returns fewer bytes without an error if the part is shorter than its directory entry promised.
            if copied != length {
                return Err(self.gone(&name));
            }
        }
        let part = if packing.sealed { name } else { start.to_string() };
        let lines = lines_of_part(self.place, &self.dir, attempt, &part)?;
        if let Some(index) = &mut self.index {
            index.write_all(&lines).map_err(|error| unwritable(self.place, error))?;
        }
        self.state.index += lines.len() as u64;
        self.state.starts.push(start + length);
        Ok(())
    }

    /// Makes what was appended last for good, and removes the parts that it came from.
    fn keep(&mut self, waiting: &mut Vec<Attempt>) -> Result<()> {
        if waiting.is_empty() {
            return Ok(());
        }
        // The order matters: data, then the state that names it, then the removal of the parts.
        for file in [&self.archive, &self.index].into_iter().flatten() {
            file.sync_data().map_err(|error| self.unwritable(error))?;
        }
        self.state.write(self.place)?;
        for attempt in waiting.drain(..) {
            // Sealed parts stay: they are the archive.
            if !self.place.packing().sealed {
                self.dir.remove(&attempt.part(self.place.packing()))?;
                self.dir.remove(&attempt.sidecar(Sidecar::Index))?;
            }
        }
        Ok(())
    }

    /// Removes what a run has left that was killed at the end: earlier states, and parts that are in the archive by now.
    fn sweep(&self) -> Result<()> {
        remove_earlier_states(&self.dir)?;
        if self.place.packing().sealed {
            return Ok(());
        }
        let mut parts = self.dir.names()?.into_iter().filter(|name| Attempt::of_file(name).is_some());
        parts.try_for_each(|name| self.dir.remove(&name))
    }

    fn finish(&mut self, whole: &JoinResult, shards: usize) -> Result<()> {
        // A gap would make all later offsets of the index wrong.
        if (self.index.is_some() || self.index_is_published) && self.state.starts.len() != shards.saturating_add(1) {
            return Err(Code::Internal.error("an archive ends before its last shard"));
        }
        if let Some(archive) = &mut self.archive {
            let end = pack::end(self.place.packing())?;
            archive.write_all(&end).and_then(|()| archive.sync_all()).map_err(|error| unwritable(self.place, error))?;
        }
        if let Some(index) = &self.index {
            index.sync_all().map_err(|error| self.unwritable(error))?;
        }
        let out = whole.index.parent().map(BulkDir::open).transpose()?;
        let out = out.ok_or_else(|| Code::Internal.error("an archive without a directory"))?;
        // The index first: where the archive has its name, all that is left is to record it.
        let mut moves = Vec::new();
        for (growing, to) in [(GROWING_INDEX, Some(&whole.index)), (GROWING, whole.archive.as_ref())] {
            let name = to.and_then(|path| path.file_name()).and_then(|name| name.to_str());
            if let Some(name) = name.filter(|_| self.dir.holds(growing).unwrap_or(false)) {
                moves.push((growing, name));
            }
        }
        // Both before the first rename, so that no index is left without its archive.
        moves.iter().try_for_each(|(_, name)| check_is_free(&out, name))?;
        moves.iter().try_for_each(|(growing, name)| self.dir.publish(growing, &out, name))?;
        out.sync_names()?;
        self.dir.sync_names()?;
        self.state.done = true;
        self.state.write(self.place)
    }

    fn gone(&self, name: &str) -> Error {
        gone(self.place, name)
    }

    fn unwritable(&self, error: std::io::Error) -> Error {
        unwritable(self.place, error)
    }
}

/// The lines of a part for the index of the archive: those of the part's own index, each with `part` at its end.
pub(super) fn lines_of_part(place: &ShardStore, dir: &BulkDir, attempt: Attempt, part: &str) -> Result<Vec<u8>> {
    let sidecar = attempt.sidecar(Sidecar::Index);
    let mut lines = CsvWriter::new(Vec::new());
    let of_part = ReaderBuilder::new().has_headers(false).from_reader(dir.open_file(&sidecar)?);
    for line in of_part.into_byte_records() {
        let mut line = line.map_err(|error| gone(place, &sidecar).caused_by(error))?;
        line.push_field(part.as_bytes());
        lines.copied(&line).map_err(|error| unwritable(place, error))?;
    }
    lines.finish().map_err(|error| unwritable(place, error))
}

fn gone(place: &ShardStore, name: &str) -> Error {
    let path = place.dir.join(name);
    Code::ShardDamaged.error("a part of the archive is gone").at(path).fix("restore it from a backup")
}

fn check_is_free(dir: &BulkDir, name: &str) -> Result<()> {
    if !dir.holds(name)? {
        return Ok(());
    }
    Err(Code::TargetExists
        .error("another file has the name of the archive or of its index")
        .at(dir.path().join(name))
        .because("nothing is replaced; the identities are in the directory of the parts")
        .fix("move the file away, then run the same command again"))
}

pub(super) fn unwritable(place: &ShardStore, error: std::io::Error) -> Error {
    let code = file::code_of_write(&error);
    let error = code.error("the archive cannot be written").at(&place.dir).caused_by(error);
    if code == Code::DiskFull { error.fix("make room and run the same command once more") } else { error }
}
