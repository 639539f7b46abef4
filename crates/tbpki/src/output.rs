//! What is printed: results on standard output, everything else on standard error.

mod stream;

use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use base::{Code, Error, Finding, Result, Severity};
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::{ColorWhen, Global};

pub use stream::{StreamError, StreamResult};

/// The version of the JSON that `--json` prints. It rises when a field changes its meaning or goes; new fields
/// may come without.
pub const JSON_VERSION: u32 = 1;

/// The result of a verb: for machines by its fields, for people by [`Report::render`].
pub trait Report: Serialize + JsonSchema {
    /// Writes the result for a person to read.
    fn render(&self, out: &mut dyn Write) -> io::Result<()>;
}

/// What `--json` prints, whatever the verb.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Envelope<T> {
    /// The version of this layout, 1.
    pub version: u32,
    /// The verb that was run; `tbpki` where the command line names none.
    pub verb: String,
    /// What it found worth telling, in the order in which it did.
    pub findings: Vec<Finding>,
    /// What it made or found; absent when it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<T>,
    /// Why it failed; absent when it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Finding>,
}

impl<T: Serialize> Envelope<T> {
    fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self)
            .map_err(|error| Code::Internal.error("the result cannot be written as JSON").because(error))
    }
}

/// Prints the envelope of a command line that could not be read, of which people have been told in clap's words.
pub(crate) fn print_usage_error(verb: &str, error: Error) {
    let (version, verb, error) = (JSON_VERSION, verb.to_owned(), Some(error.into_finding()));
    let envelope = Envelope::<()> { version, verb, findings: Vec::new(), result: None, error };
    if let Ok(json) = envelope.to_json() {
        // Whoever closed standard output does not want it.
        drop(writeln!(io::stdout().lock(), "{json}"));
    }
}

/// Where a verb prints to.
#[derive(Debug)]
pub struct Output {
    verb: &'static str,
    json: bool,
    quiet: bool,
    color: ColorChoice,
    findings: Vec<Finding>,
    /// Whether the JSON stands on standard output already, with the error that ended it.
    is_printed: bool,
}

impl Output {
    /// The output of `verb`, as the global arguments ask.
    pub fn new(verb: &'static str, global: &Global) -> Self {
        let color = match global.color {
            ColorWhen::Auto => ColorChoice::Auto,
            ColorWhen::Always => ColorChoice::Always,
            ColorWhen::Never => ColorChoice::Never,
        };
        Self { verb, json: global.json, quiet: global.quiet, color, findings: Vec::new(), is_printed: false }
    }

    /// Prints a finding now, and again in the JSON.
    pub fn finding(&mut self, finding: Finding) {
        if !self.quiet || finding.severity == Severity::Fault {
            self.talk(|err| write_finding(err, &finding));
        }
        self.findings.push(finding);
    }

    /// Prints several findings.
    pub fn findings(&mut self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.finding(finding));
    }

    /// Takes findings into the JSON without printing them, for results that show them themselves.
    pub fn keep(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
    }

    /// Tells a person what is going on.
    pub fn say(&self, line: impl AsRef<str>) {
        self.talker().say(line);
    }

    /// What tells a person what is going on, for work that holds the rest of the output.
    pub fn talker(&self) -> Talker {
        Talker { quiet: self.quiet, color: self.color }
    }

    /// Prints the result.
    pub fn result(&mut self, result: &impl Report) -> Result<()> {
        let json = if self.json { Some(self.envelope(Some(result), None)?) } else { None };
        self.print(|out| match &json {
            Some(json) => writeln!(out, "{json}"),
            None => result.render(out),
        })
    }

    /// Prints raw text as the result, for verbs whose result is a file.
    pub fn text(&self, text: &str) -> Result<()> {
        self.print(|out| out.write_all(text.as_bytes()))
    }

    /// Prints the error that ended the verb.
    pub fn error(&mut self, error: Error) {
        let finding = error.into_finding();
        self.talk(|err| write_finding(err, &finding));
        if self.json
            && !self.is_printed
            && let Ok(json) = self.envelope::<()>(None, Some(finding))
            && let Err(error) = self.print(|out| writeln!(out, "{json}"))
        {
            self.talk(|err| write_finding(err, error.finding()));
        }
    }

    fn envelope<T: Serialize>(&mut self, result: Option<&T>, error: Option<Finding>) -> Result<String> {
        let findings = std::mem::take(&mut self.findings);
        let envelope = Envelope { version: JSON_VERSION, verb: self.verb.to_owned(), findings, result, error };
        envelope.to_json()
    }

    /// Writes to standard output. A reader that went away is not an error: `tbpki list | head` is fine.
    fn print(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        let mut out = AutoStream::new(io::stdout().lock(), self.color);
        match write(&mut out).and_then(|()| out.flush()) {
            Err(error) => stdout_fault(error),
            Ok(()) => Ok(()),
        }
    }

    fn talk(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        self.talker().talk(write);
    }
}

/// What it means that standard output could not be written. A reader that went away is not an error.
fn stdout_fault(error: io::Error) -> Result<()> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(Code::FileUnwritable.error("standard output cannot be written").because(error)),
    }
}

/// Tells a person what is going on.
#[derive(Debug, Clone, Copy)]
pub struct Talker {
    quiet: bool,
    color: ColorChoice,
}

impl Talker {
    /// Whether nobody wants to hear anything but results and errors.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Says a line, unless nobody wants to hear it.
    pub fn say(&self, line: impl AsRef<str>) {
        if !self.quiet {
            self.talk(|err| writeln!(err, "{}", line.as_ref()));
        }
    }

    fn talk(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        let mut err = AutoStream::new(io::stderr().lock(), self.color);
        // Nobody is left to tell when standard error is gone.
        drop(write(&mut err));
    }
}

/// Writes a finding as people read it: what, where, why, what to do, and its code.
fn write_finding(out: &mut dyn Write, finding: &Finding) -> io::Result<()> {
    let (word, colour) = match finding.severity {
        Severity::Note => ("note", AnsiColor::Cyan),
        Severity::Warning => ("warning", AnsiColor::Yellow),
        Severity::Fault => ("error", AnsiColor::Red),
    };
    let style = Style::new().bold().fg_color(Some(colour.into()));
    writeln!(out, "{style}{word}[{}]{style:#}: {}", finding.code, base::text::printable(&finding.what))?;
    let mut line = |label: &str, text: &str| {
        // A list keeps its lines, each of them printable by itself.
        text.lines().enumerate().try_for_each(|(index, text)| {
            let label = if index == 0 { label } else { "" };
            writeln!(out, "  {label:<6} {}", base::text::printable(text))
        })
    };
    if !finding.location.is_empty() {
        line("where:", &finding.location.to_string())?;
    }
    if let Some(why) = &finding.why {
        line("why:", why)?;
    }
    if let Some(fix) = &finding.fix {
        line("to do:", fix)?;
    }
    Ok(())
}
