//! A published list of a CA that the store has lost, and what to do about it.

use std::path::PathBuf;

use pki::crl::Crl;

/// A published list of a CA that the store has lost.
#[derive(Debug, Clone)]
pub struct LostList {
    /// The file with the list.
    pub path: PathBuf,
    /// The list.
    pub list: Crl,
}

impl LostList {
    /// What is wrong, for messages.
    pub fn what(&self) -> String {
        lost(&self.list)
    }
}

/// Why the files of a CA are lost.
pub const WHY: &str =
    "the files of this CA are lost, for example because a backup from before it was made was restored";

/// What is wrong with a list of a CA that the store has lost.
pub(super) fn lost(list: &Crl) -> String {
    format!("the file has a revocation list of {}, a CA that this store has lost", list.issuer())
}

/// What to do about a CA that is lost.
pub const REMEDY: &str = "put its directory in `ca` back from the newest backup, or from the store that was replaced; if it is lost for good, \
     replace the CA with `tbpki ca prepare`, renew what it has issued, move the file away, and run `tbpki crl`";
