//! The common part of all readers.

use tbpki_tests::{Outcome, Tool};

use crate::outputs::Output;

/// Why something was not read.
pub(crate) type Verdict = Result<(), String>;

/// A program that we did not write.
pub(crate) struct Reader {
    /// The program.
    pub(crate) name: &'static str,
    /// Who wrote it: several programs of one party are one opinion.
    pub(crate) party: &'static str,
    /// Reads a file; none where the program has no use for such files.
    pub(crate) read: fn(&Output) -> Option<Verdict>,
}

/// Runs a program that has to end with 0, and hands out what it printed.
pub(crate) fn run(tool: Tool) -> Result<Outcome, String> {
    let outcome = tool.run();
    if outcome.status == 0 { Ok(outcome) } else { Err(outcome.to_string()) }
}

/// Refuses what is not so.
pub(crate) fn check(is_so: bool, what: impl FnOnce() -> String) -> Verdict {
    if is_so { Ok(()) } else { Err(what()) }
}

/// Refuses two texts that differ.
pub(crate) fn same(what: &str, left: &str, right: &str) -> Verdict {
    check(left == right && !left.is_empty(), || format!("{what}: {left:?} is not {right:?}"))
}
