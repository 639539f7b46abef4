//! Reading many identities one after the other, wherever they are, without opening a shard for each of them.

use std::path::{Path, PathBuf};

use base::{Code, Result};
use ledger::{Entry, JobId, View};

use super::read::{Shard, StoredIdentity, locate};

/// Shards that stay open: names come in the order of the alphabet, and jobs mostly name their devices so.
const OPEN: usize = 4;

/// Finds identities of one store.
pub struct IdentityFinder {
    store: PathBuf,
    /// The one that was used last comes last.
    open: Vec<((JobId, u32), Shard)>,
}

impl IdentityFinder {
    /// A finder in the store in this directory.
    pub fn new(store: &Path) -> Self {
        Self { store: store.to_owned(), open: Vec::new() }
    }

    /// As [`locate`].
    ///
    /// # Errors
    /// Those of [`locate`].
    pub fn locate(&mut self, view: &View, entry: &Entry) -> Result<StoredIdentity> {
        let Some((job, shard, _)) = view.shard_of(entry)? else { return locate(&self.store, view, entry) };
        let shard = self.shard(view, job, shard)?;
        // The rows are in the order of their numbers.
        let number = |row: &Entry| row.job.map(|(_, number)| number);
        match shard.entries.binary_search_by_key(&number(entry), number) {
            Ok(index) if shard.entries.get(index).is_some_and(|row| row.key == entry.key) => shard.read(index),
            _ => locate(&self.store, view, entry),
        }
    }

    fn shard(&mut self, view: &View, job: JobId, shard: u32) -> Result<&Shard> {
        let known = self.open.iter().position(|(of, _)| *of == (job, shard));
        let opened = match known {
            Some(index) => self.open.remove(index),
            None => ((job, shard), Shard::open(&self.store, view, job, shard)?),
        };
        // The first element was not used for the longest time.
        if self.open.len() >= OPEN {
            self.open.remove(0);
        }
        self.open.push(opened);
        self.open.last().map(|(_, shard)| shard).ok_or_else(|| Code::Internal.error("an open shard is gone"))
    }
}
