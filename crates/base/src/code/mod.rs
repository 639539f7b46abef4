//! The codes of everything that tbpki can find wrong, and the long text behind each.
//!
//! One registry serves errors and findings alike, so that `TBPKI-0034` means the same in a refused
//! `tbpki client`, in `tbpki verify` and in `tbpki explain TBPKI-0034`. Numbers are never reused.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Finding, Severity};

mod advice;
mod registry;
mod scope;
pub use registry::{Class, Code, FailureScope};

impl Code {
    /// An error of this code. `what` is the fault, in one sentence without a full stop.
    pub fn error(self, what: impl Into<String>) -> Error {
        Error::new(Finding::new(self, Severity::Fault, what))
    }

    /// A warning of this code.
    pub fn warning(self, what: impl Into<String>) -> Finding {
        Finding::new(self, Severity::Warning, what)
    }

    /// A note of this code: worth knowing, nothing wrong.
    pub fn note(self, what: impl Into<String>) -> Finding {
        Finding::new(self, Severity::Note, what)
    }

    /// A fault of this code, for reports that list more than one.
    pub fn fault(self, what: impl Into<String>) -> Finding {
        Finding::new(self, Severity::Fault, what)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TBPKI-{:04}", self.number())
    }
}

impl FromStr for Code {
    type Err = Error;

    /// Reads `TBPKI-0034`, `tbpki-34`, `0034` and `34`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let digits = text.trim();
        // `get` instead of a slice: the text comes from the command
        // line, and byte 6 may be in the middle of a character.
        let digits = match digits.get(..6) {
            Some(prefix) if prefix.eq_ignore_ascii_case("tbpki-") => digits.get(6..).unwrap_or(""),
            _ => digits,
        };
        digits
            .parse::<u16>()
            .ok()
            .and_then(|number| Code::ALL.iter().copied().find(|code| code.number() == number))
            .ok_or_else(|| {
                Code::Usage.error(format!("there is no code {text:?}")).fix("`tbpki explain --list` prints every code")
            })
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl schemars::JsonSchema for Code {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Code".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^TBPKI-[0-9]{4}$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_and_rising() {
        let numbers: Vec<u16> = Code::ALL.iter().map(|code| code.number()).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    }

    #[test]
    fn a_code_is_read_the_way_it_is_printed_and_shorter() {
        for code in Code::ALL {
            assert_eq!(code.to_string().parse::<Code>().unwrap(), *code);
            assert_eq!(code.number().to_string().parse::<Code>().unwrap(), *code);
        }
        assert!("TBPKI-9999".parse::<Code>().is_err());
        assert!("ä".parse::<Code>().is_err());
    }

    #[test]
    fn every_code_explains_itself() {
        for code in Code::ALL {
            assert!(code.explanation().len() > 60, "the explanation of {code} is too short");
            assert!(!code.title().ends_with('.'), "{code}: titles are not sentences");
        }
    }
}
