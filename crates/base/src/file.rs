//! Files on disk: the one place of the workspace that reads and writes them.
//!
//! Reading ([`read()`], [`read_secret`], [`read_text`]; [`stream`] in pieces) is bounded and never waits for a pipe
//! without a writer. Writing happens in a [`FileSet`]: the files of one operation appear together or not at all,
//! with their modes from the start whatever the umask is, and durably. [`Lock`] keeps a second writer out of the store.
//! [`BulkDir`] is for fleets: thousands of files that are waited for together.
//!
//! # How a set is written
//!
//! Everything is first written into a hidden directory `.tbpki-staged-XXXXXXXX` (0700) of the directory that
//! the set is for, synchronized and read back. What follows is moves by `rename`, each atomic by itself:
//!
//! - a directory that is not there yet moves into place as a whole, and so does a single file: nothing more
//!   is needed;
//! - otherwise a journal that lists the moves is staged too, and the staging directory is renamed to
//!   `.tbpki-commit-XXXXXXXX`. That is the point of no return: the moves follow in the order in which the
//!   files were added, so that a certificate comes right behind its key. If one fails, all are undone; if
//!   the process is killed, the next one to use the directory ([`recover()`]) finishes them.
//!
//! Staging directories of dead processes are told by their locks, which the kernel releases, and are removed.
//! Journals are believed only if they are ours: owned by the effective user, in a directory that no other user
//! may enter. Nothing that is written goes through a symbolic link: a link in a place where a file is to be
//! replaced is itself replaced, and what it points to is left alone.

mod base;
mod bulk;
mod commit;
mod fault;
mod journal;
mod lock;
mod name;
mod output;
mod owner;
mod plan;
mod read;
mod recover;
mod remove;
mod set;
mod staging;

pub use base::check_room;
pub use bulk::{BulkDir, check_writable_dir, create_writable_dir};
pub use commit::{Rehearsal, StagedFiles};
pub use fault::code_of_write;
pub use lock::Lock;
pub use output::log::Log;
pub use output::{OutputTarget, check_stdout_is_read, replace, write_note};
pub use owner::trust::{OwnerTrust, check_own, check_program};
pub use owner::{Ownership, current_user};
pub use read::{
    list_dir, loose_permissions, read, read_optional, read_secret, read_secret_with_mode, read_stdin, read_stdin_text,
    read_text, stream,
};
pub use recover::{Recovery, recover, recover_and_list};
pub use remove::{remove, set_aside};
pub use set::{FileSet, WriteOutcome, WrittenFile, create_dir, create_empty};

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Readable by the owner alone (0600): keys, keystores, passwords and files that contain them.
    Private,
    /// Everybody (0644).
    Public,
}

impl Mode {
    fn bits(self) -> rustix::fs::Mode {
        rustix::fs::Mode::from_raw_mode(match self {
            Mode::Private => 0o600,
            Mode::Public => 0o644,
        })
    }
}
