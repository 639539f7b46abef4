//! The content of a directory, to be compared with its earlier content.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Everything below a directory: names, modes, owners, and every byte.
///
/// Left out is `ledger.db-shm`, the memory that processes share while they look at the ledger, and the notes of its changes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<PathBuf, Thing>);

/// The entry under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Thing {
    mode: u32,
    owner: (u32, u32),
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Directory,
    File(Vec<u8>),
    Link(PathBuf),
    Other,
}

impl Snapshot {
    /// Looks at everything below a directory, and at the directory itself.
    #[track_caller]
    pub fn of(directory: &Path) -> Self {
        let mut things = BTreeMap::new();
        let mut open = vec![PathBuf::new()];
        while let Some(name) = open.pop() {
            let path = directory.join(&name);
            let metadata = fs::symlink_metadata(&path).unwrap();
            let kind = metadata.file_type();
            let content = if kind.is_dir() {
                open.extend(fs::read_dir(&path).unwrap().map(|entry| name.join(entry.unwrap().file_name())));
                Content::Directory
            } else if kind.is_symlink() {
                Content::Link(fs::read_link(&path).unwrap())
            } else if kind.is_file() {
                Content::File(fs::read(&path).unwrap())
            } else {
                Content::Other
            };
            // SQLite's index of the log is shared memory: reading a ledger changes it. Notes count the changes of the
            // ledger, in directories of shards and in the state directory too.
            if !name.ends_with("ledger.db-shm") && !name.ends_with("ledger.note") && !name.starts_with(".local") {
                let owner = (metadata.uid(), metadata.gid());
                things.insert(name, Thing { mode: metadata.mode() & 0o7777, owner, content });
            }
        }
        Self(things)
    }

    /// The same without what `leave_out` chooses by its path from the directory.
    #[must_use]
    pub fn without(mut self, leave_out: impl Fn(&Path) -> bool) -> Self {
        self.0.retain(|name, _| !leave_out(name));
        self
    }

    /// Every path from the directory, sorted.
    pub fn names(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }

    /// Every file with its mode and its bytes.
    pub fn files(&self) -> impl Iterator<Item = (&Path, u32, &[u8])> {
        self.0.iter().filter_map(|(name, thing)| match &thing.content {
            Content::File(bytes) => Some((name.as_path(), thing.mode, bytes.as_slice())),
            _ => None,
        })
    }

    /// Every directory with its mode.
    pub fn directories(&self) -> impl Iterator<Item = (&Path, u32)> {
        let directories = self.0.iter().filter(|(_, thing)| thing.content == Content::Directory);
        directories.map(|(name, thing)| (name.as_path(), thing.mode))
    }

    /// The differences of `later` from this snapshot: one line each.
    pub fn differences(&self, later: &Self) -> Vec<String> {
        let mut names: Vec<&PathBuf> = self.0.keys().chain(later.0.keys()).collect();
        names.sort();
        names.dedup();
        let line = |name: &PathBuf| {
            let what = match (self.0.get(name), later.0.get(name)) {
                (before, after) if before == after => return None,
                (None, _) => "new".to_owned(),
                (_, None) => "gone".to_owned(),
                (Some(before), Some(after)) if before.content == after.content => {
                    format!("mode {:04o}, now {:04o}", before.mode, after.mode)
                }
                _ => "changed".to_owned(),
            };
            Some(format!("{}: {what}", name.display()))
        };
        names.into_iter().filter_map(line).collect()
    }

    /// Stops the test where `later` differs.
    #[track_caller]
    pub fn is_unchanged(&self, later: &Self, after: impl std::fmt::Display) {
        let differences = self.differences(later);
        assert!(differences.is_empty(), "files have changed: {differences:#?}\nafter {after}");
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn every_kind_of_change_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["same", "mode", "bytes", "gone"] {
            fs::write(dir.path().join(name), name).unwrap();
        }
        fs::write(dir.path().join("ledger.db-shm"), "1").unwrap();
        let before = Snapshot::of(dir.path());
        assert!(before.differences(&Snapshot::of(dir.path())).is_empty());

        fs::set_permissions(dir.path().join("mode"), fs::Permissions::from_mode(0o400)).unwrap();
        fs::write(dir.path().join("bytes"), "other").unwrap();
        fs::remove_file(dir.path().join("gone")).unwrap();
        fs::create_dir(dir.path().join("new")).unwrap();
        fs::write(dir.path().join("ledger.db-shm"), "2").unwrap();
        let differences = before.differences(&Snapshot::of(dir.path()));
        assert_eq!(differences, ["bytes: changed", "gone: gone", "mode: mode 0644, now 0400", "new: new"]);
    }
}
