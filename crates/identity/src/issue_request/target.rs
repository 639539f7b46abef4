//! The store in which an identity is made, or the ledger that a dry run reads.

use base::Result;
use ledger::View;
use store::{Store, Workspace};

/// The store in which an identity is made, opened once: every connection to the ledger reads the whole of `ledger.db-wal`.
pub(crate) enum IssueTarget {
    /// The store, locked.
    Store(Box<Store>),
    /// The ledger alone: a dry run changes nothing.
    DryRun(Box<View>),
}

impl IssueTarget {
    /// Locks and opens the store for `verb`, or opens its ledger for a dry run.
    ///
    /// # Errors
    /// Those of [`Workspace::open_store`] and [`Workspace::view_to_plan`].
    pub(crate) fn open(workspace: &Workspace<'_>, verb: &str, dry_run: bool) -> Result<Self> {
        if dry_run {
            workspace.view_to_plan().map(Box::new).map(Self::DryRun)
        } else {
            workspace.open_store(verb).map(|store| Self::Store(Box::new(store)))
        }
    }

    /// The ledger.
    pub(crate) fn view(&self) -> &View {
        match self {
            Self::Store(store) => &store.ledger,
            Self::DryRun(view) => view,
        }
    }
}
