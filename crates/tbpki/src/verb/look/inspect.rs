//! `tbpki inspect`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base::text::printable;
use base::{Result, Secret, file};
use fleet::bundle::{own_file, record_items};
use pki::inspect;
use pki::inspect::{InspectPasswords, InspectedItem};
use pki::keystore::find_keystore;
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;

use crate::args::InspectArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Report;
use crate::verb::look::keystore_password;
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
    pub(crate) items: Vec<InspectedItem>,
}

pub(crate) fn run(args: &InspectArgs, context: &mut Context) -> Result<Exit> {
    let mut given = |path: Option<&PathBuf>| {
        path.map(|path| passphrase::read_maybe_empty(path, "the password", context)).transpose()
    };
    let (store, key) = (given(args.passphrase_file.as_ref())?, given(args.key_passphrase_file.as_ref())?);
    let now = OffsetDateTime::now_utc();
    let mut files = Vec::new();
    for path in &args.files {
        // Read as a secret whatever it is: any file can turn out to hold a private key, and then its buffer must be
        // wiped.
        let bytes = if path == Path::new("-") { file::read_stdin(LIMIT)? } else { file::read_secret(path, LIMIT)? };
        let mut look = |store: Option<&Secret>| {
            let passwords = InspectPasswords { store: store.cloned(), key: key.clone() };
            // First, because the PEM texts in it are not in one piece.
            match record_items(&bytes, &passwords, now)? {
                Some(items) => Ok(items),
                None => match own_file(&bytes, path) {
                    Some(error) => Err(error),
                    None => inspect::inspect(&bytes, &passwords, now),
                },
            }
        };
        let items = match find_keystore(&bytes) {
            Some(_) => keystore_password::open(path, store.as_ref(), context, &mut look),
            None => look(store.as_ref()),
        };
        let items = items.map_err(|error| error.at(path))?;
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
