//! `tbpki store backup`.

use std::io::{self, Write};
use std::path::Path;

use base::text::{counted, printable};
use base::{Code, Result};
use schemars::JsonSchema;
use serde::Serialize;
use store::Store;
use store::backup::{BackupRequest, write};

use crate::args::StoreBackupArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

/// A backup that was written.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StoreBackupReport {
    /// The file.
    file: String,
    /// The number of files in it.
    files: u64,
    /// The identifier of the ledger.
    ledger: String,
    /// The number of changes that the ledger had seen.
    changes: u64,
    /// Whether the ledger is in it; a ledger on a server is not.
    has_ledger: bool,
    /// Whether it is encrypted.
    encrypted: bool,
    /// The name under which an earlier file is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<String>,
}

pub(crate) fn run(args: &StoreBackupArgs, context: &mut Context) -> Result<Exit> {
    // `./-` is the file of that name.
    if args.file == Path::new("-") {
        return Err(Code::Usage
            .error("a backup is not written to standard output")
            .because("it contains private keys, and must be complete before it has a name")
            .fix("name a file")
            .argument("FILE"));
    }
    let is_age = args.file.extension().is_some_and(|extension| extension == "age");
    // The name must tell whether the file is encrypted: the wrong one would be copied to a place for secrets or for
    // none.
    if is_age == args.recipient.is_empty() {
        return Err(Code::Usage
            .error(if is_age {
                "the name ends with .age, but no recipient is given"
            } else {
                "an encrypted file needs a name that ends with .age"
            })
            .fix("name the public key of an age key with --recipient, and a file that ends with .age")
            .argument("--recipient"));
    }
    let config = context.config(&Overrides::default())?;
    let (written, is_shared) = context.in_workspace(&config, |workspace| {
        // To check: a store whose ledger is older than its files is worth a backup too, before it is repaired.
        let store = Store::open_to_check(&workspace.location, "store backup")?;
        let request = BackupRequest {
            out: args.file.clone(),
            recipients: args.recipient.clone(),
            force: args.force,
            now: workspace.now,
        };
        Ok((write(&store, &request)?, workspace.location.is_shared()))
    })?;
    if is_shared {
        let note = Code::SharedLedger.note("the ledger is on a server, and not in the backup");
        context.output.finding(note.fix("back it up with pg_dump"));
    }
    if !is_age {
        let note = Code::NotEncrypted.note("the backup contains private keys and is not encrypted").at(&args.file);
        context.output.finding(note.fix("keep it like the store, or write FILE.age with --recipient"));
    }
    context.output.result(&StoreBackupReport {
        file: args.file.to_string_lossy().into_owned(),
        files: written.files,
        ledger: written.ledger.to_string(),
        changes: written.changes,
        has_ledger: written.has_ledger,
        encrypted: is_age,
        kept: written.kept.map(|path| path.to_string_lossy().into_owned()),
    })?;
    Ok(Exit::Done)
}

impl Report for StoreBackupReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "backup: {} ({})", printable(&self.file), counted(self.files, "file", "files"))?;
        writeln!(out, "  ledger    {}, {} changes", self.ledger, self.changes)?;
        if let Some(kept) = &self.kept {
            writeln!(out, "  earlier   {}", printable(kept))?;
        }
        Ok(())
    }
}
