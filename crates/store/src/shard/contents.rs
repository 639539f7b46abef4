//! The contents of a place, whatever the ledger knows of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base::file::{self, BulkDir};
use base::{Code, Error, Result};
use ledger::View;

use super::join;
use super::layout::{Attempt, Layout};
use super::read::{Source, StoredIdentity, parse};
use super::shard_store::{ShardStore, is_id};
use crate::paths::{FILE_LIMIT, PLACES};

/// An identity in a shard.
#[derive(Debug)]
pub struct ShardItem {
    /// The name of its device: that of its file, or its common name in a sealed archive.
    pub name: String,
    /// The path of the file, or of the archive.
    pub path: PathBuf,
    /// The identity, or why it cannot be read.
    pub located: Result<StoredIdentity>,
}

impl ShardStore {
    /// The identifiers of the places that a store remembers, in order.
    ///
    /// # Errors
    /// Those of reading the directory.
    pub fn remembered(store: &Path) -> Result<Vec<String>> {
        let dir = store.join(PLACES);
        if !dir.is_dir() {
            return Ok(Vec::new());
        }
        let mut ids = BulkDir::open(dir)?.names()?;
        ids.retain(|name| is_id(name));
        ids.sort();
        Ok(ids)
    }

    /// Where the store last saw a place; `None` if it does not remember the place.
    ///
    /// # Errors
    /// [`Code::FileUnreadable`].
    pub fn remembered_path(store: &Path, id: &str) -> Result<Option<PathBuf>> {
        if !is_id(id) {
            return Ok(None);
        }
        let text = file::read_optional(store.join(PLACES).join(id), FILE_LIMIT)?;
        Ok(text.and_then(|text| Some(store.join(std::str::from_utf8(&text).ok()?.trim_end_matches('\n')))))
    }

    /// Lets the store forget the places that it saw in `dir` and that the ledger records no shards in: the directory was
    /// removed, or is another place by now. That with the identifier `kept` stays.
    ///
    /// # Errors
    /// Those of the ledger and of the disk.
    pub fn forget_unused(store: &Path, dir: &Path, view: &View, kept: Option<&str>) -> Result<()> {
        let jobs = view.jobs()?;
        for id in Self::remembered(store)?.into_iter().filter(|id| Some(id.as_str()) != kept) {
            if Self::remembered_path(store, &id)?.is_none_or(|there| there != dir) {
                continue;
            }
            let mut is_used = false;
            for job in &jobs {
                is_used |= view.shard_in(job.id, &id)?.is_some();
            }
            if !is_used {
                file::remove(store, &format!("{PLACES}/{id}"))?;
            }
        }
        Ok(())
    }

    /// The jobs to which a user has given a place in this store, by their numbers, each with the directory: that may be
    /// gone, or be another one by now.
    ///
    /// # Errors
    /// Those of reading the directory; [`Code::FileUnreadable`].
    pub fn wishes(store: &Path) -> Result<Vec<(u64, PathBuf)>> {
        let dir = store.join(PLACES);
        if !dir.is_dir() {
            return Ok(Vec::new());
        }
        let mut wishes = Vec::new();
        for name in BulkDir::open(dir)?.names()? {
            let Some(job) = name.strip_prefix("job-").and_then(|number| number.parse().ok()) else { continue };
            wishes.extend(Self::wished(store, job)?.map(|dir| (job, dir)));
        }
        wishes.sort();
        Ok(wishes)
    }

    /// The random identifier of the job, in hexadecimal; none in version 1 and for a store.
    pub fn job_uid(&self) -> Option<&str> {
        self.mark.job_uid.as_deref()
    }

    /// The shards that are complete here, by number: later attempts come last. Places in a store have none of their own.
    ///
    /// # Errors
    /// Those of reading the directory; [`Code::FileUnreadable`].
    pub fn published(&self) -> Result<Vec<Attempt>> {
        let mut attempts = Vec::new();
        if self.layout() == Layout::Directories {
            return Ok(attempts);
        }
        let part = |attempt: Attempt| match self.layout() {
            Layout::Archive => attempt.part(self.packing()),
            _ => attempt.directory(),
        };
        let names = BulkDir::open(&self.dir)?.names()?;
        attempts
            .extend(names.iter().filter_map(|name| Attempt::of_file(name).filter(|attempt| part(*attempt) == *name)));
        if self.layout() == Layout::Archive && !self.packing().sealed {
            let there: Vec<u32> = attempts.iter().map(|attempt| attempt.shard).collect();
            // The parts that are joined have no names any more.
            let joined = (0..join::shards_in(self)?).filter(|shard| !there.contains(shard));
            // The fence of a joined part is not kept; the archive finds a part by its shard alone.
            attempts.extend(joined.map(|shard| Attempt { shard, fence: 1 }));
        }
        attempts.sort_unstable();
        Ok(attempts)
    }

    /// Those of `recorded` that are here under the names that they have before they are published: a run was killed after
    /// the ledger had recorded them.
    ///
    /// # Errors
    /// Those of reading the directory.
    pub fn not_published(&self, recorded: &[Attempt]) -> Result<Vec<Attempt>> {
        if self.layout() == Layout::Directories || recorded.is_empty() {
            return Ok(Vec::new());
        }
        let part = |attempt: Attempt| match self.layout() {
            Layout::Archive => attempt.part(self.packing()),
            _ => attempt.directory(),
        };
        let names = BulkDir::open(&self.dir)?.names()?;
        let published = self.published()?;
        let is_partial = |attempt: &&Attempt| names.contains(&Attempt::partial(&part(**attempt)));
        let mut found: Vec<Attempt> = recorded.iter().filter(is_partial).copied().collect();
        found.retain(|attempt| !published.iter().any(|other| other.shard == attempt.shard));
        Ok(found)
    }

    /// The identities of a shard here, in the order of their names; in that of the archive in an archive.
    ///
    /// # Errors
    /// [`Code::ShardDamaged`] and those of the disk, for the shard as a whole.
    pub fn contents(&self, store: &Path, attempt: Attempt) -> Result<Vec<ShardItem>> {
        match Source::open(store, self, attempt)? {
            Source::Directories(_) => Ok(Vec::new()),
            Source::Files(dir) => {
                let mut names = dir.names()?;
                names.sort();
                Ok(names.iter().filter_map(|name| device_of(name)).map(|name| read_file(&dir, name)).collect())
            }
            Source::Tar { tar, at, path } => {
                let in_order: BTreeMap<usize, _> =
                    at.iter().map(|(name, range)| (range.start, (name, range))).collect();
                let item = |(name, range): (&String, &std::ops::Range<usize>)| {
                    let name = device_of(name)?.to_owned();
                    let located = tar.get(range.clone()).ok_or_else(damaged).and_then(parse);
                    Some(ShardItem { name, path: path.clone(), located })
                };
                Ok(in_order.into_values().filter_map(item).collect())
            }
            Source::Certificates { all, path } => Ok(all
                .into_iter()
                .map(|leaf| ShardItem {
                    name: leaf.common_name().unwrap_or_default(),
                    path: path.clone(),
                    located: Ok(StoredIdentity::sealed(leaf)),
                })
                .collect()),
        }
    }
}

fn read_file(dir: &BulkDir, name: &str) -> ShardItem {
    let path = dir.path().join(super::layout::file_of(name));
    let located = file::read_secret(&path, FILE_LIMIT).and_then(|pem| parse(&pem));
    ShardItem { name: name.to_owned(), path, located }
}

/// The device whose identity is in a file of a shard; none for the other formats that were asked for.
fn device_of(file: &str) -> Option<&str> {
    let name = file.strip_suffix(".pem")?;
    (!name.ends_with(".nopass") && !name.ends_with(".pub")).then_some(name)
}

fn damaged() -> Error {
    Code::ShardDamaged.error("a file of the archive ends too early")
}
