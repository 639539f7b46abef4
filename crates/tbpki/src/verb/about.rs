//! Verbs about tbpki itself: its version, its codes, its man pages and completions.

pub(crate) mod completions;
pub(crate) mod explain;
pub(crate) mod install;
pub(crate) mod man;
pub(crate) mod version;
