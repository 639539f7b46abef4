//! Lists that could not be made, so that the file keeps the earlier ones.

use std::path::Path;

use base::{Code, Finding};
use store::ca::key::KEY_FILE;

/// A list that could not be made although the key of its CA is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmadeList {
    /// The CA: its name in the ledger.
    pub ca: String,
    /// The generation of the CA, from 1.
    pub generation: u32,
    /// Why it could not be made.
    pub why: String,
}

/// Why the file keeps the earlier list of a CA.
pub(super) enum KeptBecause {
    /// The key is not in the store.
    KeyElsewhere,
    /// The key cannot be used, or the last list is later than the clock.
    Unmade(String),
}

impl KeptBecause {
    /// The warning that the file has no list that can be used. `dir` has the files of the generation.
    pub(super) fn finding(&self, what: String, dir: &Path) -> Finding {
        let warning = Code::RevocationUnknown.warning(what);
        match self {
            Self::KeyElsewhere => warning.because("the key of this CA is not in the store").fix(format!(
                "put the key at {} and run `tbpki crl`: programs that check the whole chain want this list",
                dir.join(KEY_FILE).display()
            )),
            Self::Unmade(why) => {
                let fix = "remove the cause, and run `tbpki crl`: brokers refuse what this CA has issued";
                warning.because(format!("no list could be made: {why}")).fix(fix)
            }
        }
    }
}
