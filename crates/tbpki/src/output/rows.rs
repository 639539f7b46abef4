//! Results whose rows are printed while a verb works, because they can be larger than the memory.
//!
//! Unlike a [stream](super::stream), which pulls its rows, the verb pushes them. JSON is written piece by piece: its
//! findings follow the rows, because they are known only then.

use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};
use base::{Code, Error, Finding, Result};
use serde::Serialize;
use serde_json::Value;

use super::{FindingLayout, JSON_VERSION, Messages, Output, stdout_fault, write_finding};

/// The spaces before a row in JSON.
const INDENT: &str = "      ";

/// A list that grows. Nothing is printed before the first row, so that a verb that fails first prints only its error.
pub(crate) struct Rows {
    verb: &'static str,
    field: &'static str,
    /// The line before the rows of a text.
    heading: String,
    json: bool,
    color: ColorChoice,
    messages: Messages,
    is_begun: bool,
    findings: Vec<Finding>,
}

impl Output {
    /// A result with the list `field`, which a text begins with `heading`.
    pub(crate) fn rows(&self, field: &'static str, heading: String) -> Rows {
        Rows {
            verb: self.verb,
            field,
            heading,
            json: self.json,
            color: self.color,
            messages: self.messages(),
            is_begun: false,
            findings: Vec::new(),
        }
    }

    /// Ends a result that was printed row by row: `rest` are its other fields, `text` prints them.
    ///
    /// # Errors
    /// Those of standard output. A closed pipe is not an error.
    pub(crate) fn end_rows(
        &mut self,
        mut rows: Rows,
        rest: &impl Serialize,
        text: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<()> {
        if !rows.json {
            return rows.print(|out| {
                rows.head(out)?;
                text(out)
            });
        }
        let mut findings = std::mem::take(&mut self.findings);
        findings.append(&mut rows.findings);
        // Before the print: if it fails, the error must not be followed by a second document.
        self.is_printed = true;
        let end = rows.json_end(rest, &findings, None)?;
        rows.print(|out| out.write_all(end.as_bytes()))
    }

    /// Ends a result that was printed row by row, and that an error has ended. The error is printed by the caller.
    pub(crate) fn break_rows(&mut self, mut rows: Rows, error: &Error) -> Result<()> {
        // Nothing is printed yet: the error gets the ordinary document, as of every other verb.
        if !rows.json || !rows.is_begun {
            self.findings.append(&mut rows.findings);
            return Ok(());
        }
        let mut findings = std::mem::take(&mut self.findings);
        findings.append(&mut rows.findings);
        self.is_printed = true;
        let end = rows.json_end(&Value::Object(serde_json::Map::new()), &findings, Some(error.finding()))?;
        rows.print(|out| out.write_all(end.as_bytes()))
    }
}

impl Rows {
    /// Prints a row; as text, `text` prints it.
    ///
    /// # Errors
    /// Those of standard output. A closed pipe is not an error.
    pub(crate) fn row(
        &mut self,
        row: &impl Serialize,
        text: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<()> {
        if self.json {
            // Written as it comes: a document of a million rows would not fit into memory.
            let begin = if self.is_begun { ",\n".to_owned() } else { self.json_begin() };
            // Only the layout has line breaks: JSON escapes those of strings, so that this cannot change a value.
            let row = pretty(row)?.replace('\n', &format!("\n{INDENT}"));
            self.print(|out| write!(out, "{begin}{INDENT}{row}"))?;
        } else {
            self.print(|out| {
                self.head(out)?;
                text(out)
            })?;
        }
        self.is_begun = true;
        Ok(())
    }

    /// Prints a finding at once, and keeps the first ones for the JSON: rows have their own errors, and a finding for
    /// each of a million would not fit into memory.
    pub(crate) fn finding(&mut self, finding: Finding) {
        if !self.messages.is_quiet() || finding.severity == base::Severity::Fault {
            self.messages.print_message(|err| write_finding(err, &finding, FindingLayout::Block));
        }
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(finding);
        }
    }

    /// Writes the heading, unless it is there.
    fn head(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.is_begun || self.heading.is_empty() { Ok(()) } else { writeln!(out, "{}", self.heading) }
    }

    fn json_begin(&self) -> String {
        let Self { verb, field, .. } = self;
        // Both are names in this program, without characters that JSON escapes.
        format!("{{\n  \"version\": {JSON_VERSION},\n  \"verb\": \"{verb}\",\n  \"result\": {{\n    \"{field}\": [\n")
    }

    fn json_end(&self, rest: &impl Serialize, findings: &[Finding], error: Option<&Finding>) -> Result<String> {
        let mut end = match self.is_begun {
            true => "\n    ]".to_owned(),
            false => self.json_begin() + "    ]",
        };
        // Behind the rows, because counts and totals are known only at the end.
        let rest = serde_json::to_value(rest).map_err(not_json)?;
        for (key, value) in rest.as_object().into_iter().flatten() {
            let value = pretty(value)?.replace('\n', "\n    ");
            end.push_str(&format!(",\n    {}: {value}", pretty(key)?));
        }
        end.push_str("\n  },\n  \"findings\": ");
        end.push_str(&pretty(&findings)?.replace('\n', "\n  "));
        if let Some(error) = error {
            end.push_str(&format!(",\n  \"error\": {}", pretty(error)?.replace('\n', "\n  ")));
        }
        end.push_str("\n}\n");
        Ok(end)
    }

    fn print(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        let mut out = AutoStream::new(io::stdout().lock(), self.color);
        // Flushed at each row, so that a reader of the pipe sees a device when it is done.
        write(&mut out).and_then(|()| out.flush()).or_else(stdout_fault)
    }
}

/// The most findings that JSON has besides the rows.
const MOST_FINDINGS: usize = 1000;

fn pretty(value: &impl Serialize) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(not_json)
}

fn not_json(error: serde_json::Error) -> Error {
    Code::Internal.error("the result cannot be written as JSON").caused_by(error)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows() -> Rows {
        Rows {
            verb: "register",
            field: "devices",
            heading: String::new(),
            json: true,
            color: ColorChoice::Never,
            messages: Messages { quiet: true, color: ColorChoice::Never },
            is_begun: false,
            findings: Vec::new(),
        }
    }

    #[test]
    fn rows_become_the_same_json_as_a_whole_result() {
        let rows = Rows { is_begun: true, ..rows() };
        let finding = Code::NotRegistered.warning("first\nline");
        let end = rows.json_end(&json!({"failed": 1, "left": 0}), std::slice::from_ref(&finding), None).unwrap();
        let text = rows.json_begin() + INDENT + "{\"name\": \"a\"},\n" + INDENT + "{\"name\": \"b\"}" + &end;
        let parsed: Value = serde_json::from_str(&text).unwrap();
        let expected = json!({
            "version": JSON_VERSION, "verb": "register",
            "result": {"devices": [{"name": "a"}, {"name": "b"}], "failed": 1, "left": 0},
            "findings": [serde_json::to_value(&finding).unwrap()],
        });
        assert_eq!(parsed, expected);
    }

    #[test]
    fn a_list_without_rows_and_a_broken_one_are_valid_json() {
        let parsed: Value = serde_json::from_str(&rows().json_end(&json!({"left": 0}), &[], None).unwrap()).unwrap();
        assert_eq!(parsed["result"], json!({"devices": [], "left": 0}));
        let broken = Rows { is_begun: true, ..rows() };
        let error = Code::LedgerUnreadable.error("it is damaged");
        let end = broken.json_end(&json!({}), &[], Some(error.finding())).unwrap();
        let parsed: Value = serde_json::from_str(&(broken.json_begin() + INDENT + "1" + &end)).unwrap();
        assert_eq!((&parsed["result"]["devices"], &parsed["error"]["what"]), (&json!([1]), &json!("it is damaged")));
    }
}
