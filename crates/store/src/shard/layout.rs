//! The layouts of a fleet's identities, and the names of the files of a shard.

use std::fmt;
use std::str::FromStr;

use base::{Code, Error, Result};
use ledger::{JobId, JobUid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The layout of the identities of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// A directory a device in the store, as `client` makes them.
    Directories,
    /// One PEM file a device, in a directory a shard.
    #[default]
    Shards,
    /// One tar for all, with an index.
    Archive,
}

impl Layout {
    /// Every layout.
    pub const ALL: [Self; 3] = [Self::Directories, Self::Shards, Self::Archive];

    /// The word that is typed and kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Directories => "directories",
            Self::Shards => "shards",
            Self::Archive => "archive",
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Layout {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|layout| layout.as_str() == text).ok_or_else(|| {
            Code::Usage
                .error(format!("there is no layout {text:?}"))
                .fix("use directories, shards, or `--archive FILE`")
                .argument("--layout")
        })
    }
}

/// The compression and encryption of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Packing {
    /// Compressed with zstd.
    pub zstd: bool,
    /// Sealed for age recipients.
    pub sealed: bool,
}

impl Packing {
    /// The packing that the name of an archive promises.
    pub fn of_name(name: &str) -> Self {
        // `.age` is the outer suffix: an archive is compressed before it is sealed, because encrypted bytes do not
        // compress.
        let (name, sealed) = match name.strip_suffix(".age") {
            Some(name) => (name, true),
            None => (name, false),
        };
        Self { zstd: name.ends_with(".zst") || name.ends_with(".tzst"), sealed }
    }

    /// The suffix of the names of parts.
    pub const fn extension(self) -> &'static str {
        match (self.zstd, self.sealed) {
            (false, false) => ".tar",
            (true, false) => ".tar.zst",
            (false, true) => ".tar.age",
            (true, true) => ".tar.zst.age",
        }
    }
}

/// One try at issuing a shard: files of different tries never share a name, so that none can be taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Attempt {
    /// Which shard, from 0.
    pub shard: u32,
    /// The fencing number of the claim under which it was made, from 1.
    pub fence: u32,
}

/// A file that accompanies a part of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sidecar {
    /// Which device is where in the part.
    Index,
    /// The leaves in order, for a part that is sealed and cannot be read here.
    Certificates,
}

impl Sidecar {
    const ALL: [Self; 2] = [Self::Index, Self::Certificates];

    const fn extension(self) -> &'static str {
        match self {
            Self::Index => ".index.csv",
            Self::Certificates => ".certificates.pem",
        }
    }
}

/// The prefix of directories of shards.
const SHARD: &str = "shard-";

impl Attempt {
    /// The directory of a shard: `shard-000000`, and for later attempts `shard-000000-2`.
    pub fn directory(self) -> String {
        format!("{SHARD}{self}")
    }

    /// The part of an archive: `000000.tar`.
    pub fn part(self, packing: Packing) -> String {
        format!("{self}{}", packing.extension())
    }

    /// The name of a part's sidecar file.
    pub fn sidecar(self, what: Sidecar) -> String {
        format!("{self}{}", what.extension())
    }

    /// The directory in `devices/` in which the directories of a shard's devices wait until the ledger has them.
    pub fn waiting(self, job: JobUid) -> String {
        format!("{WAITING}{job}-shard-{}.{}", self.shard, self.fence)
    }

    /// The name under which something is written before it is complete.
    pub fn partial(name: &str) -> String {
        format!("{PARTIAL}{name}")
    }

    /// The name that something has once it is published.
    pub fn complete(partial: &str) -> &str {
        partial.strip_prefix(PARTIAL).unwrap_or(partial)
    }

    /// True if something was not complete when it was left.
    pub fn is_partial(name: &str) -> bool {
        name.starts_with(PARTIAL)
    }

    /// The attempt of a directory that waits in `devices/` for this job; none for every other name.
    pub fn of_waiting(name: &str, job: JobUid) -> Option<Self> {
        Self::waiting_behind(name, &job.to_string())
    }

    /// The same as version 0.1.0 named it: by the number of the job, which other stores have too.
    pub fn of_waiting_by_number(name: &str, job: JobId) -> Option<Self> {
        Self::waiting_behind(name, &job.to_string())
    }

    fn waiting_behind(name: &str, job: &str) -> Option<Self> {
        let (shard, fence) = name.strip_prefix(WAITING)?.strip_prefix(job)?.strip_prefix("-shard-")?.split_once('.')?;
        Some(Self { shard: shard.parse().ok()?, fence: fence.parse().ok()? })
    }

    /// The attempt of a shard's directory or of an archive's part, complete or not; none for every other name.
    pub fn of_file(name: &str) -> Option<Self> {
        let name = name.strip_prefix(PARTIAL).unwrap_or(name);
        let name = match name.strip_prefix(SHARD) {
            Some(name) => name,
            None => {
                let extensions =
                    Sidecar::ALL.map(Sidecar::extension).into_iter().chain(PACKINGS.map(Packing::extension));
                extensions.filter_map(|extension| name.strip_suffix(extension)).find(|stem| !stem.contains('.'))?
            } // Longer extensions come first in the list of sidecars, and a stem with a dot belongs to another extension.
        };
        let (shard, fence) = name.split_once('-').unwrap_or((name, "1"));
        let attempt = Self { shard: shard.parse().ok()?, fence: fence.parse().ok()? };
        // Only what we would call so ourselves.
        (attempt.to_string() == name).then_some(attempt)
    }
}

/// The beginning of the names of files that are not complete, or that the ledger does not have yet.
const PARTIAL: &str = ".partial-";

/// The beginning of the names of directories that wait for the ledger.
const WAITING: &str = ".job-";

const PACKINGS: [Packing; 4] = [
    Packing { zstd: false, sealed: false },
    Packing { zstd: true, sealed: false },
    Packing { zstd: false, sealed: true },
    Packing { zstd: true, sealed: true },
];

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The first attempt has no number, because nearly every shard has only one.
        match self.fence {
            1 => write!(f, "{:06}", self.shard),
            fence => write!(f, "{:06}-{fence}", self.shard),
        }
    }
}

/// The name of a device's file in a shard and in an archive.
pub fn file_of(device: &str) -> String {
    format!("{device}.pem")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_attempt() {
        for attempt in
            [Attempt { shard: 0, fence: 1 }, Attempt { shard: 12, fence: 3 }, Attempt { shard: 1_234_567, fence: 1 }]
        {
            let mut names = vec![attempt.directory()];
            names.extend(PACKINGS.map(|packing| attempt.part(packing)));
            names.extend(Sidecar::ALL.map(|what| attempt.sidecar(what)));
            for name in names {
                assert_eq!(Attempt::of_file(&name), Some(attempt), "{name}");
                assert_eq!(Attempt::of_file(&Attempt::partial(&name)), Some(attempt), "{name}");
            }
            let (job, other) = (JobUid::random().unwrap(), JobUid::random().unwrap());
            assert_eq!(Attempt::of_waiting(&attempt.waiting(job), job), Some(attempt));
            assert_eq!(Attempt::of_waiting(&attempt.waiting(job), other), None, "of another job");
            let numbered = format!(".job-7-shard-{}.{}", attempt.shard, attempt.fence);
            assert_eq!(Attempt::of_waiting_by_number(&numbered, JobId::new(7)), Some(attempt));
            assert_eq!(Attempt::of_waiting_by_number(&numbered, JobId::new(8)), None);
        }
        assert_eq!(Attempt { shard: 0, fence: 1 }.directory(), "shard-000000");
        assert_eq!(Attempt { shard: 7, fence: 2 }.part(Packing::of_name("x.tar.zst.age")), "000007-2.tar.zst.age");
    }

    #[test]
    fn nothing_else_is_taken_for_a_shard() {
        let names = [
            "fleet.json",
            "shard-",
            "shard-0",
            "shard-000000-1",
            "000000",
            "000000.pem",
            "000000.tar.bak",
            ".job-8-shard-0.1",
            "shard-000000.tar",
            "tb-server-chain.pem",
            // A number for Rust's `parse`, and not one of ours.
            "+00001.tar",
        ];
        for name in names {
            assert_eq!(Attempt::of_file(name), None, "{name}");
        }
    }

    #[test]
    fn the_name_decides_how_the_bytes_are_packed() {
        assert_eq!(Packing::of_name("factory.tar"), Packing::default());
        assert_eq!(Packing::of_name("factory.tar.zst"), Packing { zstd: true, sealed: false });
        assert_eq!(Packing::of_name("factory.tar.age"), Packing { zstd: false, sealed: true });
        assert_eq!(Packing::of_name("factory.tar.zst.age"), Packing { zstd: true, sealed: true });
    }
}
