//! `tbpki explain`.

use std::io::{self, Write};

use base::{Code, Result};
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::ExplainArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Report;

/// Explanations of codes.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ExplainReport {
    /// The requested codes.
    pub(crate) codes: Vec<Explanation>,
}

/// One code.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Explanation {
    /// `TBPKI-0034`
    pub(crate) code: Code,
    /// The title, one line.
    pub(crate) title: &'static str,
    /// The meaning of the code, its consequences, and what to do.
    pub(crate) explanation: &'static str,
}

pub(crate) fn run(args: &ExplainArgs, context: &mut Context) -> Result<Exit> {
    let codes = match &args.code {
        Some(code) if !args.list => vec![*code],
        _ => Code::ALL.to_vec(),
    };
    let codes = codes
        .into_iter()
        .map(|code| Explanation { code, title: code.title(), explanation: code.explanation() })
        .collect();
    context.output.result(&ExplainReport { codes })?;
    Ok(Exit::Done)
}

impl Report for ExplainReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        if let [one] = self.codes.as_slice() {
            writeln!(out, "{}: {}\n", one.code, one.title)?;
            return wrapped(out, one.explanation);
        }
        self.codes.iter().try_for_each(|code| writeln!(out, "{}  {}", code.code, code.title))
    }
}

/// Writes text in lines of at most 80 characters.
fn wrapped(out: &mut dyn Write, text: &str) -> io::Result<()> {
    let mut column = 0;
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > 80 {
            writeln!(out)?;
            column = 0;
        }
        if column > 0 {
            write!(out, " ")?;
            column += 1;
        }
        write!(out, "{word}")?;
        column += width;
    }
    writeln!(out)
}
