//! Output: results on standard output, messages on standard error.

mod finding;
mod rows;
mod stream;
pub(crate) mod terminal;

use std::io::{self, BufWriter, Write};

use anstream::{AutoStream, ColorChoice};
use base::{Code, Error, Finding, Result, Severity};
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::{ColorWhen, Global};

pub(crate) use finding::{FindingLayout, write_finding};
pub use stream::{StreamError, StreamResult};

/// The version of the JSON that `--json` prints. It is incremented if a field is removed or changes its meaning, but not
/// for new fields.
pub const JSON_VERSION: u32 = 1;

/// The result of a verb: JSON from its fields, text from [`Report::render`].
pub trait Report: Serialize + JsonSchema {
    /// Writes the result as text.
    fn render(&self, out: &mut dyn Write) -> io::Result<()>;
}

/// The JSON document that `--json` prints for every verb.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Envelope<T> {
    /// The version of this document, 1.
    pub version: u32,
    /// The verb, or `tbpki` if the command line has none.
    pub verb: String,
    /// The findings, in the order in which they were made.
    pub findings: Vec<Finding>,
    /// The result; absent if the verb failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<T>,
    /// The error; absent if the verb succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Finding>,
}

impl<T: Serialize> Envelope<T> {
    fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self)
            .map_err(|error| Code::Internal.error("the result cannot be written as JSON").caused_by(error))
    }
}

/// Prints an error to standard error, for code that runs before or outside a verb.
pub(crate) fn print_error(error: &Error) {
    let mut err = AutoStream::new(io::stderr().lock(), ColorChoice::Auto);
    // Standard error may be closed, and there is no other place for the message.
    drop(write_finding(&mut err, error.finding(), FindingLayout::Block));
}

/// Prints the error of a rejected command line, and its usage.
pub(crate) fn print_usage_error(error: &Error, usage: &str) {
    print_error(error);
    drop(writeln!(AutoStream::new(io::stderr().lock(), ColorChoice::Auto), "\n{usage}"));
}

/// Prints the JSON envelope of a rejected command line; the error is on standard error too.
pub(crate) fn print_error_envelope(verb: &str, error: Error) {
    let (version, verb, error) = (JSON_VERSION, verb.to_owned(), Some(error.into_finding()));
    let envelope = Envelope::<()> { version, verb, findings: Vec::new(), result: None, error };
    if let Ok(json) = envelope.to_json() {
        // A closed standard output means that the JSON is not wanted.
        drop(writeln!(io::stdout().lock(), "{json}"));
    }
}

/// Prints a result as JSON, for a command line without a verb.
pub(crate) fn print_report<T: Report>(verb: &str, result: T) -> Result<()> {
    let (version, verb) = (JSON_VERSION, verb.to_owned());
    let json = Envelope { version, verb, findings: Vec::new(), result: Some(result), error: None }.to_json()?;
    writeln!(io::stdout().lock(), "{json}").or_else(stdout_fault)
}

/// The output of a verb.
#[derive(Debug)]
pub struct Output {
    verb: &'static str,
    json: bool,
    quiet: bool,
    color: ColorChoice,
    findings: Vec<Finding>,
    /// True if the JSON document has been printed, with its error.
    is_printed: bool,
}

impl Output {
    /// The output of `verb` with the global options.
    pub fn new(verb: &'static str, global: &Global) -> Self {
        let color = match global.color {
            ColorWhen::Auto => ColorChoice::Auto,
            ColorWhen::Always => ColorChoice::Always,
            ColorWhen::Never => ColorChoice::Never,
        };
        Self { verb, json: global.json, quiet: global.quiet, color, findings: Vec::new(), is_printed: false }
    }

    /// Prints a finding, and adds it to the JSON.
    pub fn finding(&mut self, finding: Finding) {
        // Quiet leaves out warnings and notes, and never the reason for a failure.
        if !self.quiet || finding.severity == Severity::Fault {
            self.print_message(|err| write_finding(err, &finding, FindingLayout::Block));
        }
        self.findings.push(finding);
    }

    /// Prints several findings.
    pub fn findings(&mut self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.finding(finding));
    }

    /// Adds findings to the JSON without printing them, for results whose text contains them.
    pub fn keep(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
    }

    /// Prints a message, unless `--quiet` is given.
    pub fn say(&self, line: impl AsRef<str>) {
        self.messages().say(line);
    }

    /// A printer of messages, for code that borrows the rest of the output.
    pub fn messages(&self) -> Messages {
        Messages { quiet: self.quiet, color: self.color }
    }

    /// Prints the result.
    pub fn result(&mut self, result: &impl Report) -> Result<()> {
        let json = if self.json { Some(self.envelope(Some(result), None)?) } else { None };
        self.print(|out| match &json {
            Some(json) => writeln!(out, "{json}"),
            None => result.render(out),
        })
    }

    /// Fails if `--json` is given to a verb whose result is `what`, another format.
    pub fn refuse_json(&self, what: &str) -> Result<()> {
        match self.json {
            false => Ok(()),
            true => Err(Code::Usage
                .error(format!("the output is {what}, and not JSON"))
                .argument("--json")
                .fix("leave --json out; with --install the result is JSON")),
        }
    }

    /// Prints text as the result, for verbs whose result is a file.
    pub fn text(&self, text: &str) -> Result<()> {
        self.print(|out| out.write_all(text.as_bytes()))
    }

    /// Prints the error of the verb.
    pub fn error(&mut self, error: Error) {
        let finding = error.into_finding();
        self.print_message(|err| write_finding(err, &finding, FindingLayout::Block));
        // A script that parses the output finds one document in every case.
        if self.json
            && !self.is_printed
            && let Ok(json) = self.envelope::<()>(None, Some(finding))
            && let Err(error) = self.print(|out| writeln!(out, "{json}"))
        {
            self.print_message(|err| write_finding(err, error.finding(), FindingLayout::Block));
        }
    }

    fn envelope<T: Serialize>(&mut self, result: Option<&T>, error: Option<Finding>) -> Result<String> {
        let findings = std::mem::take(&mut self.findings);
        let envelope = Envelope { version: JSON_VERSION, verb: self.verb.to_owned(), findings, result, error };
        envelope.to_json()
    }

    /// Writes to standard output. A closed pipe is not an error: `tbpki list | head` must succeed.
    fn print(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        // Standard output by itself is flushed after each line.
        let mut out = BufWriter::new(AutoStream::new(io::stdout().lock(), self.color));
        match write(&mut out).and_then(|()| out.flush()) {
            Err(error) => stdout_fault(error),
            Ok(()) => Ok(()),
        }
    }

    fn print_message(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        self.messages().print_message(write);
    }
}

/// The result of a failed write to standard output. A closed pipe is not an error.
pub(crate) fn stdout_fault(error: io::Error) -> Result<()> {
    match error.kind() {
        // `tbpki list | head` is no error.
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(Code::OutputUnwritable.error("cannot write to standard output").caused_by(error)),
    }
}

/// Prints messages on standard error.
#[derive(Debug, Clone, Copy)]
pub struct Messages {
    quiet: bool,
    color: ColorChoice,
}

impl Messages {
    /// True if only results and errors are printed.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Prints a message, unless `--quiet` is given.
    pub fn say(&self, line: impl AsRef<str>) {
        if !self.quiet {
            self.print_message(|err| writeln!(err, "{}", line.as_ref()));
        }
    }

    fn print_message(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        // Standard error by itself writes each part of a line, and other processes may write to the same terminal.
        let mut err = BufWriter::new(AutoStream::new(io::stderr().lock(), self.color));
        // Standard error may be closed, and there is no other place for the message.
        drop(write(&mut err).and_then(|()| err.flush()));
    }
}
