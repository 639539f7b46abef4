//! `tbpki ledger move`.

use std::io::{self, Write};
use std::time::Duration;

use base::Result;
use base::file::Lock;
use base::text::{counted, printable};
use config::key;
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::LedgerMoveArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

/// How long to wait for another verb to finish with the store.
const PATIENCE: Duration = Duration::from_secs(5);

/// A ledger that was moved.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LedgerMoveReport {
    /// True if nothing was written.
    dry_run: bool,
    /// The address of the new ledger, without user and password.
    to: String,
    /// The number of rows that it has.
    rows: u64,
    /// The file that is closed, or would be.
    closed: String,
}

pub(crate) fn run(args: &LedgerMoveArgs, context: &mut Context) -> Result<Exit> {
    let mut overrides = Overrides::default();
    let text = |path: &std::path::PathBuf| path.to_string_lossy().into_owned();
    overrides.set(key::ledger::url, "--to", &args.to);
    overrides.set_if(key::ledger::password, "--ledger-password-file", args.ledger_password_file.as_ref().map(text));
    overrides.set_if(key::ledger::ca, "--ledger-ca", args.ledger_ca.as_ref().map(text));
    let config = context.config(&overrides)?;
    let location = context.store_location(&config)?;
    store::check_exists(location.dir())?;
    // Until the end of the verb: a row that another verb writes during the copy would be lost with the closed file.
    let (rows, to) = if args.dry_run {
        location.check_move_ledger()?
    } else {
        let _lock = Lock::acquire(location.dir(), "ledger move", PATIENCE)?;
        location.move_ledger()?
    };
    context.output.result(&LedgerMoveReport {
        dry_run: args.dry_run,
        to,
        rows,
        closed: location.ledger_path().to_string_lossy().into_owned(),
    })?;
    Ok(Exit::Done)
}

impl Report for LedgerMoveReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows = counted(self.rows, "row", "rows");
        if self.dry_run {
            return writeln!(out, "would be moved: {rows} to {}", printable(&self.to));
        }
        writeln!(out, "moved: {rows} to {}", printable(&self.to))?;
        writeln!(out, "closed: {}", printable(&self.closed))?;
        writeln!(out, "next: set `[ledger] url` and `[ledger] password` in keygen.toml, then run `tbpki store check`")
    }
}
