//! What an operator must know about lists that were written.

use std::path::Path;

use base::{Code, Finding};
use pki::crl::Crl;

/// The warning that the list before this one is in another file: an earlier command has named one, and a broker may read it.
pub(super) fn in_other_file(path: &Path, ca: &str) -> Finding {
    Code::ListInOtherFile
        .warning(format!("the last revocation list of {ca} is not in this file"))
        .at(path)
        .because(
            "an earlier command wrote it to another file, and a broker that reads that one does not get the new list",
        )
        .fix("name the file of the broker in keygen.toml, `out = \"FILE\"` under `[crl]`, and run `tbpki crl`")
}

/// The warning that the file keeps the list of a CA that is out of service, because it would be empty without it.
pub(super) fn out_of_service_stays(path: &Path, list: &Crl) -> Finding {
    Code::RevocationUnknown
        .warning(format!("the file still has the list of {}, which is out of service", list.issuer()))
        .at(path)
        .because("no other list can be made here, and brokers do not start with an empty file")
        .fix(
            "run `tbpki crl` with the key of the root in the store; until then, brokers that read the file accept what this \
             CA has issued",
        )
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
