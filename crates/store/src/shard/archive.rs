//! The archive of a job that is done: joined, there, and with its index.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use base::csv_writer::CsvWriter;
use base::file::BulkDir;
use base::{Code, Error, Result};
use ledger::SerialNumber;

use super::index::{self, IndexLine};
use super::join::{self, GROWING_INDEX, JoinProgress, JoinResult};
use super::layout::{Attempt, file_of};
use super::read::{Source, parse};
use super::shard_store::ShardStore;

/// Joins the parts of all shards, given the attempt that counts for each, in order. Of an archive that is joined, the files
/// are looked for, and a lost index is written again. May be repeated.
///
/// # Errors
/// [`Code::TargetExists`], [`Code::DiskFull`]; [`Code::PlaceMissing`] for an archive or a part that is gone;
/// [`Code::ShardDamaged`] for a part that is gone before it is joined, and for an archive of another length.
pub fn complete(store: &Path, place: &ShardStore, attempts: &[Attempt]) -> Result<JoinResult> {
    let whole = join::join(place, attempts)?;
    match &whole.archive {
        Some(archive) => check_archive(place, archive)?,
        // Sealed parts stay by themselves, and are the archive.
        None => attempts.iter().try_for_each(|attempt| check_part(place, *attempt))?,
    }
    if whole.index.symlink_metadata().is_err() {
        write_index(store, place, attempts, &whole.index)?;
    }
    Ok(whole)
}

/// The index of a joined archive if that is gone; `None` if it is there or not made yet.
///
/// # Errors
/// [`Code::FileUnreadable`].
pub fn lost_index(place: &ShardStore) -> Result<Option<PathBuf>> {
    let Some(archive) = place.archive() else { return Ok(None) };
    let index = join::index_of(&archive);
    Ok((JoinProgress::read(place)?.is_done() && index.symlink_metadata().is_err()).then_some(index))
}

/// The path of a shard or of its part, and of the archive if the part was joined.
fn path_of_shard(place: &ShardStore, attempt: Attempt) -> Result<PathBuf> {
    if place.archive().is_none() {
        return Ok(place.dir.join(attempt.directory()));
    }
    let joined = JoinProgress::find(place, attempt.shard)?.filter(|_| !place.packing().sealed);
    Ok(joined.map_or_else(|| place.dir.join(attempt.part(place.packing())), |(path, _)| path))
}

/// Fails if the files of a shard are gone: its directory, its part, or the archive that the part was joined to.
///
/// # Errors
/// [`Code::PlaceMissing`] with the path; [`Code::FileUnreadable`].
pub fn check_shard(place: &ShardStore, attempt: Attempt) -> Result<()> {
    let path = path_of_shard(place, attempt)?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    // A run that was killed has recorded it and not given it its name.
    let partial = path.with_file_name(Attempt::partial(name));
    match path.symlink_metadata().is_ok() || partial.symlink_metadata().is_ok() {
        true => Ok(()),
        false => Err(missing("a shard of the job is not where it was written", &path)),
    }
}

fn check_part(place: &ShardStore, attempt: Attempt) -> Result<()> {
    let path = place.dir.join(attempt.part(place.packing()));
    if path.is_file() { Ok(()) } else { Err(missing("a part of the archive is not where it was written", &path)) }
}

fn check_archive(place: &ShardStore, archive: &Path) -> Result<()> {
    let length = join::length(place)?;
    match archive.metadata() {
        Ok(file) if file.is_file() && file.len() == length => Ok(()),
        Ok(file) => Err(Code::ShardDamaged
            .error("the archive has another length than it was written with")
            .at(archive)
            .because(format!("it has {} bytes, and {length} were written", file.len()))
            .fix("restore it from a backup")),
        Err(_) => Err(missing("the archive of the job is not where it was written", archive)),
    }
}

fn missing(what: &str, path: &Path) -> Error {
    Code::PlaceMissing.error(what).at(path).fix("bring it back, or restore it from a backup")
}

/// Writes the index of an archive again, from the archive or from the indexes of sealed parts.
fn write_index(store: &Path, place: &ShardStore, attempts: &[Attempt], path: &Path) -> Result<()> {
    let (dir, out) = (BulkDir::open(&place.dir)?, path.parent().map(BulkDir::open).transpose()?);
    let name = path.file_name().and_then(|name| name.to_str());
    let (Some(out), Some(name)) = (out, name) else {
        return Err(Code::Internal.error("an archive without a directory"));
    };
    // Of a run that was killed.
    dir.remove(GROWING_INDEX)?;
    let mut file = dir.create(GROWING_INDEX)?;
    let starts = JoinProgress::read(place)?;
    file.write_all(&index::head()?).map_err(|error| join::unwritable(place, error))?;
    for attempt in attempts {
        let lines = match place.packing().sealed {
            true => join::lines_of_part(place, &dir, *attempt, &attempt.part(place.packing()))?,
            false => lines_of_tar(store, place, *attempt, starts.start(attempt.shard)?)?,
        };
        file.write_all(&lines).map_err(|error| join::unwritable(place, error))?;
    }
    file.sync_all().map_err(|error| join::unwritable(place, error))?;
    dir.publish(GROWING_INDEX, &out, name)?;
    out.sync_names()
}

/// The lines of a shard in a joined archive, whose part begins at `start`.
fn lines_of_tar(store: &Path, place: &ShardStore, attempt: Attempt, start: u64) -> Result<Vec<u8>> {
    let Source::Tar { tar, at, path } = Source::open(store, place, attempt)? else {
        return Err(Code::Internal.error("a joined archive is no tar"));
    };
    let in_order: BTreeMap<usize, _> = at.iter().map(|(name, range)| (range.start, (name, range))).collect();
    let mut lines = CsvWriter::new(Vec::new());
    for (name, range) in in_order.into_values() {
        let leaf = parse(tar.get(range.clone()).unwrap_or_default()).map_err(|error| error.at(&path))?.leaf;
        let device = leaf.common_name().filter(|device| file_of(device) == *name);
        let device = device.unwrap_or_else(|| name.trim_end_matches(".pem").to_owned());
        IndexLine {
            name: &device,
            serial: &SerialNumber::new(leaf.serial())?,
            fingerprint: &leaf.fingerprint(),
            credentials_id: &leaf.credentials_id(),
            offset: range.start,
            length: range.len(),
        }
        .append(Some(start), &mut lines)?;
    }
    lines.finish().map_err(index::unwritten)
}
