//! The files in the place of a job: named by attempts, and hidden until they are published.

use std::path::PathBuf;

use base::Result;
use base::file::BulkDir;
use store::shard::{Attempt, ShardStore};

/// The files in the place of a job.
pub(crate) struct PlaceFiles {
    pub(super) place: ShardStore,
    pub(super) dir: BulkDir,
}

impl PlaceFiles {
    /// Opens a place.
    ///
    /// # Errors
    /// Those of the disk, here and below.
    pub(crate) fn open(place: ShardStore) -> Result<Self> {
        let dir = place.bulk()?;
        Ok(Self { place, dir })
    }

    pub(crate) fn place(&self) -> &ShardStore {
        &self.place
    }

    /// The names in the place.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        self.dir.names()
    }

    /// The path of something in the place, for messages.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Gives a file or directory of a shard its own name in place of the one under which it was written.
    pub(crate) fn publish_partial(&self, partial: &str) -> Result<()> {
        let name = Attempt::complete(partial);
        self.dir.publish(partial, &self.dir, name)
    }

    /// Moves the devices that wait in a directory to where `client` would have made them.
    pub(crate) fn deliver(&self, waiting: &str) -> Result<()> {
        let Some(dir) = self.dir.dir(waiting)? else { return Ok(()) };
        // Each device is moved by itself, since other devices of the store are in the same directory.
        for name in dir.names()? {
            dir.publish(&name, &self.dir, &name)?;
        }
        self.dir.remove(waiting)
    }

    /// Removes something from the place.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        self.dir.remove(name)
    }

    /// Waits until the names of what was published are on the disk.
    pub(crate) fn sync_names(&self) -> Result<()> {
        self.dir.sync_names()
    }
}
