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

/// The warning that a list is earlier than the last one, because an operator has accepted the clock.
pub(super) fn earlier(ca: &str) -> Finding {
    Code::ClockBehind
        .warning(format!("the new revocation list of {ca} has an earlier time than the last one"))
        .because("the last one was made with a clock in the future, and the present clock was accepted")
        .fix(
            "restart the brokers with the new file: a reload can keep the last list, which they would prefer once its time \
             comes",
        )
}
