//! The list of moves that, once committed, will be finished by whoever comes next.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{self as sys, Mode, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::name::Name;
use crate::code::Code;
use crate::error::Result;

/// What the journal is called inside its staging directory.
pub(super) const JOURNAL: &str = "journal";
/// No journal is larger: 16 MiB are some 100,000 files.
pub(super) const LIMIT: usize = 16 << 20;
const VERSION: u32 = 1;

/// Everything that a commit moves, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Its place.
    pub(super) to: Name,
    /// Whether something is there that it replaces.
    pub(super) replaces: bool,
    /// Where what it replaces is kept.
    pub(super) keep: Option<Name>,
}

impl Journal {
    pub(super) fn new(moves: Vec<Move>, files: BTreeMap<Name, String>) -> Self {
        Self { version: VERSION, moves, files }
    }

    /// Whether one rename is all it takes.
    pub(super) fn is_one_step(&self) -> bool {
        matches!(self.moves.as_slice(), [step] if !step.replaces)
    }

    /// The staged name of the move at `index`.
    pub(super) fn staged(index: usize) -> String {
        format!("n{index}")
    }

    /// The staged name of what the move at `index` replaces.
    pub(super) fn replaced(index: usize) -> String {
        format!("k{index}")
    }

    pub(super) fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|error| Code::Internal.error("a journal cannot be written").because(error))
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let journal: Self = serde_json::from_slice(bytes)
            .map_err(|error| Code::FileUnreadable.error("this journal is damaged").because(error))?;
        if journal.version == VERSION {
            Ok(journal)
        } else {
            Err(Code::FileUnreadable.error("this journal was written by another version of tbpki"))
        }
    }

    /// Opens the journal of a staging directory, `None` where it has been removed because all was done.
    pub(super) fn open(staging: impl AsFd) -> Result<Option<OwnedFd>, Errno> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        match sys::openat(staging, JOURNAL, flags, Mode::empty()) {
            Ok(fd) => Ok(Some(fd)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }
}
