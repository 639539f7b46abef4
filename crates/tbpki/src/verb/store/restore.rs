//! `tbpki store restore`.

use std::io::{self, Read, Write};
use std::path::Path;

use base::text::{counted, printable};
use base::{Code, Finding, Result};
use schemars::JsonSchema;
use serde::Serialize;
use store::backup::{check, restore};

use crate::args::StoreRestoreArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

/// A store that was restored.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StoreRestoreReport {
    /// True if nothing was written.
    dry_run: bool,
    /// The directory of the store.
    store: String,
    /// The number of files.
    files: u64,
    /// The identifier of the ledger.
    ledger: String,
    /// The number of changes that the ledger had seen when the backup was made.
    changes: u64,
    /// The time of the backup (RFC 3339, UTC).
    made_at: String,
    /// Whether the backup has a ledger.
    has_ledger: bool,
    /// The number of changes that the ledger had seen after the backup, as far as this machine knows.
    lost_changes: u64,
    /// The number of one-time passwords that were not spent at the time of the backup. They are withdrawn, because they may be
    /// spent since.
    ended_passwords: u64,
}

pub(crate) fn run(args: &StoreRestoreArgs, context: &mut Context) -> Result<Exit> {
    let config = context.config(&Overrides::default())?;
    let location = context.store_location(&config)?;
    let mut backup: Box<dyn Read> = match args.file == Path::new("-") {
        true => Box::new(io::stdin().lock()),
        false => Box::new(base::file::stream(&args.file)?),
    };
    let work = if args.dry_run { check } else { restore };
    let restored = work(&location, &mut backup).map_err(|error| error.at(&args.file))?;
    let made_at =
        time::OffsetDateTime::from_unix_timestamp(restored.made_at).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    if restored.lost_changes > 0 {
        context.output.findings([lost(restored.lost_changes, made_at)]);
    }
    context.output.result(&StoreRestoreReport {
        dry_run: args.dry_run,
        store: location.dir().to_string_lossy().into_owned(),
        files: restored.files,
        ledger: restored.ledger.to_string(),
        changes: restored.changes,
        made_at: base::timestamp::rfc3339(made_at),
        has_ledger: restored.has_ledger,
        lost_changes: restored.lost_changes,
        ended_passwords: restored.ended_passwords,
    })?;
    Ok(Exit::Done)
}

/// The warning about what is in no backup.
fn lost(changes: u64, made_at: time::OffsetDateTime) -> Finding {
    Code::LedgerRestored
        .warning(format!("the ledger has seen {changes} changes after this backup"))
        .because("the files and the platform show most of them; a revocation shows in a published list alone")
        .fix(format!(
            "keep the published list in its place (`[crl] out`) for `tbpki store check`, and revoke again what was revoked \
             after {}",
            base::timestamp::rfc3339(made_at)
        ))
}

impl Report for StoreRestoreReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        let done = if self.dry_run { "would be restored" } else { "restored" };
        let files = counted(self.files, "file", "files");
        writeln!(out, "{done}: {} ({files}, backup of {})", printable(&self.store), self.made_at)?;
        if self.has_ledger && !self.dry_run {
            writeln!(out, "  ledger    {}, {} changes", self.ledger, self.changes)?;
            if self.ended_passwords > 0 {
                let passwords = counted(self.ended_passwords, "one-time password", "one-time passwords");
                writeln!(out, "  withdrawn {passwords}: make new ones for devices without a certificate")?;
            }
            writeln!(out, "next: run `tbpki store check`; until it finds no differences, verbs that write stop")?;
        } else if !self.dry_run {
            writeln!(out, "  ledger    on the server: not restored")?;
            writeln!(out, "next: run `tbpki store check`")?;
        }
        Ok(())
    }
}
