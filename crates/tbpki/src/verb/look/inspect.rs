//! `tbpki inspect`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base::text::printable;
use base::{Result, file};
use pki::inspect;
use pki::inspect::{Item, Passwords};
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;

use crate::args::InspectArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Report;
use crate::verb::passphrase;

/// The largest file that is read, in bytes. Revocation lists can be long.
const LIMIT: usize = 16 << 20;

/// The contents of files.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct InspectReport {
    /// The files, in the order of the command line.
    pub(crate) files: Vec<InspectedFile>,
}

/// A file.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct InspectedFile {
    /// The path; `-` is standard input.
    pub(crate) path: PathBuf,
    /// The contents, in the order of the file.
    pub(crate) items: Vec<Item>,
}

pub(crate) fn run(args: &InspectArgs, context: &mut Context) -> Result<Exit> {
    let passwords = Passwords {
        store: passphrase::read(args.passphrase_file.as_deref(), context)?,
        key: passphrase::read(args.key_passphrase_file.as_deref(), context)?,
    };
    let now = OffsetDateTime::now_utc();
    let mut files = Vec::new();
    for path in &args.files {
        let bytes = if path == Path::new("-") { file::read_stdin(LIMIT)? } else { file::read_secret(path, LIMIT)? };
        let items = inspect::inspect(&bytes, &passwords, now).map_err(|error| error.at(path))?;
        files.push(InspectedFile { path: path.clone(), items });
    }
    context.output.result(&InspectReport { files })?;
    Ok(Exit::Done)
}

impl Report for InspectReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        let several = self.files.len() > 1;
        for (index, file) in self.files.iter().enumerate() {
            if several {
                writeln!(out, "{}{}", if index > 0 { "\n" } else { "" }, printable(&file.path.to_string_lossy()))?;
            }
            for (index, item) in file.items.iter().enumerate() {
                write!(out, "{}{item}", if index > 0 { "\n" } else { "" })?;
            }
        }
        Ok(())
    }
}
