//! Files of known divergences, each with its reason.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::binary::workspace;

/// The lines of such a file: a key, ` # `, the reason. Lines that start with `#` are comments.
///
/// [`Exceptions::allows`] tells whether a divergence is known, [`Exceptions::assert_all_used`] that none of the lines
/// has become untrue.
pub struct Exceptions {
    file: String,
    reasons: BTreeMap<String, String>,
    used: RefCell<BTreeSet<String>>,
}

impl Exceptions {
    /// Reads a file of `tests/oracles`.
    ///
    /// # Panics
    /// Where it is not there, or a line gives no reason.
    #[track_caller]
    pub fn read(name: &str) -> Self {
        let path = workspace().join("tests/oracles").join(name);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        Self::parse(name, &text)
    }

    #[track_caller]
    fn parse(file: &str, text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        // A reason is demanded, because an exception without one cannot be checked later.
        let reasons = lines.map(|line| match line.split_once(" # ") {
            Some((key, reason)) if !reason.trim().is_empty() => (key.trim().to_owned(), reason.trim().to_owned()),
            _ => panic!("{file}: no reason is given in {line:?}"),
        });
        Self { file: file.to_owned(), reasons: reasons.collect(), used: RefCell::default() }
    }

    /// True if the file has a line with this key.
    pub fn allows(&self, key: &str) -> bool {
        let known = self.reasons.contains_key(key);
        if known {
            self.used.borrow_mut().insert(key.to_owned());
        }
        known
    }

    /// The reason that the file gives.
    pub fn reason(&self, key: &str) -> Option<&str> {
        self.reasons.get(key).map(String::as_str)
    }

    /// The same for the lines whose keys `are_meant`, where a test looks at a part of what the file is about.
    #[track_caller]
    pub fn assert_used(&self, are_meant: impl Fn(&str) -> bool) {
        let used = self.used.borrow();
        let unused: Vec<&String> = self.reasons.keys().filter(|key| are_meant(key) && !used.contains(*key)).collect();
        assert!(unused.is_empty(), "{}: these lines are no longer true: {unused:#?}", self.file);
    }

    /// Stops the test if a line of the file was never asked for: it describes something that is no longer so.
    #[track_caller]
    pub fn assert_all_used(&self) {
        self.assert_used(|_| true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_allows_its_own_key_and_no_other() {
        let exceptions = Exceptions::parse("f", "# comment\n\nroot a.b # because\n");
        assert!(exceptions.allows("root a.b"));
        assert!(!exceptions.allows("root a.c"));
        exceptions.assert_all_used();
    }

    #[test]
    #[should_panic(expected = "no reason")]
    fn a_line_without_a_reason_is_refused() {
        Exceptions::parse("f", "root a.b\n");
    }

    #[test]
    #[should_panic(expected = "no longer true")]
    fn a_line_that_nothing_needs_is_refused() {
        Exceptions::parse("f", "root a.b # because\n").assert_all_used();
    }
}
