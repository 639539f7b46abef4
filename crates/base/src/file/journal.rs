//! The list of moves that, once committed, will be finished by the next process.

pub(super) mod moves;

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{self as sys, Mode, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::name::Name;
use crate::code::Code;
use crate::error::Result;

/// The name of the journal inside its staging directory.
pub(super) const JOURNAL: &str = "journal";
/// No journal is larger: 16 MiB are some 100,000 files.
pub(super) const LIMIT: usize = 16 << 20;
const VERSION: u32 = 1;

/// Everything that a commit moves, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
// An unknown field could change the meaning of a move, and a wrong move destroys files.
#[serde(deny_unknown_fields)]
pub(super) struct Journal {
    version: u32,
    pub(super) moves: Vec<Move>,
    /// SHA-256, in hexadecimal, of every staged file by its path in the staging directory.
    pub(super) files: BTreeMap<Name, String>,
}

/// One file or whole new directory that moves from the staging directory to its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Move {
    /// The place of the file.
    pub(super) to: Name,
    /// True if there is a file that it replaces.
    pub(super) replaces: bool,
    /// The name under which the replaced file is kept.
    pub(super) keep: Option<Name>,
}

impl Journal {
    pub(super) fn new(moves: Vec<Move>, files: BTreeMap<Name, String>) -> Self {
        Self { version: VERSION, moves, files }
    }

    /// True if one rename is enough.
    pub(super) fn is_one_step(&self) -> bool {
        // A move that replaces nothing is undone by its own failure, so it needs no journal.
        matches!(self.moves.as_slice(), [step] if !step.replaces)
    }

    /// The staged name of the move at `index`.
    pub(super) fn staged(index: usize) -> String {
        // Numbers instead of names: two files of one set may have the same last component.
        format!("n{index}")
    }

    /// The staged name of what the move at `index` replaces.
    pub(super) fn replaced(index: usize) -> String {
        format!("k{index}")
    }

    pub(super) fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|error| Code::Internal.error("a journal cannot be written").caused_by(error))
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        // Names in it are checked while they are read: a `Name` cannot lead out of the directory.
        let journal: Self = serde_json::from_slice(bytes)
            .map_err(|error| Code::FileUnreadable.error("this journal is damaged").caused_by(error))?;
        if journal.version == VERSION {
            Ok(journal)
        } else {
            Err(Code::FileUnreadable.error("this journal was written by another version of tbpki"))
        }
    }

    /// Opens the journal of a staging directory, `None` where it has been removed because all was done.
    pub(super) fn open(staging: impl AsFd) -> Result<Option<OwnedFd>, Errno> {
        // The staging directory may be an attacker's: no links are followed, and a pipe does not block.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        match sys::openat(staging, JOURNAL, flags, Mode::empty()) {
            Ok(fd) => Ok(Some(fd)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }
}
