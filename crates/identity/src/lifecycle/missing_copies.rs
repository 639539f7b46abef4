//! The message about a directory that must get copies and is not there.

use base::{Code, Error, Finding, Severity};
use ledger::Kind;

use crate::request::issuing_command::{issuing_command_to, renewing_command};

/// The error for a directory that must get copies of the files of a server or device and is not there.
pub(crate) fn error(kind: Kind, name: &str, dir: &str) -> Error {
    Code::CopiesMissing
        .error(format!("the {kind} {name:?} is renewed in the store only"))
        .because(
            "the directory that gets copies of its files is not there, so the program that reads them has the earlier \
             certificate",
        )
        .at(dir)
        .item(name)
        .fix(delivery(kind, name).replacen("` when", "` again when", 1))
}

/// The error for such a directory after a step of a rollover: chain and trusted CAs have changed, the certificate has not.
pub(crate) fn after_rollover(kind: Kind, name: &str, dir: &str) -> Error {
    Code::CopiesMissing
        .error(format!("the files of the {kind} {name:?} follow the CAs in the store only"))
        .because(
            "the directory that gets copies of its files is not there, so the program that reads them has the earlier CAs",
        )
        .at(dir)
        .item(name)
        .fix(delivery(kind, name))
}

/// The error for such a directory of a server before a CA is retired.
pub(crate) fn before_retiring(name: &str, dir: &str) -> Error {
    Code::CopiesMissing
        .error(format!("the copies of the files of the server {name:?} can be those from before the rollover"))
        .because("clients that get the trust anchors without the earlier CA would refuse the program that reads them")
        .at(dir)
        .item(name)
        .fix(format!("{}; restart the program, then retire the CA", delivery(Kind::Server, name)))
}

/// How the copies get there.
fn delivery(kind: Kind, name: &str) -> String {
    format!(
        "run `{}` when the directory is there; if another directory takes its place, run `{}`",
        renewing_command(kind, name),
        issuing_command_to(kind, name, "DIR")
    )
}

/// The same as a warning: the new generation is in the store, and the rest can be done later.
pub(crate) fn warning(kind: Kind, name: &str, dir: &str) -> Finding {
    Finding { severity: Severity::Warning, ..error(kind, name, dir).into_finding() }
}
