//! `tbpki store check`.

use std::io::{self, Write};

use base::Result;
use base::text::counted;
use fleet::lifecycle::upkeep::check::{CheckRequest, PlatformCompared, StoreCheckReport, check};

use super::write_problems;
use crate::args::StoreCheckArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

pub(crate) fn run(args: &StoreCheckArgs, context: &mut Context) -> Result<Exit> {
    let mut overrides = Overrides::default();
    overrides.platform(&args.reach);
    let config = context.config(&overrides)?;
    let request = CheckRequest { platform: args.platform, offline: args.offline };
    let mut report = context.in_workspace(&config, |workspace| check(workspace, request))?;
    context.output.findings(std::mem::take(&mut report.findings));
    context.output.result(&report)?;
    Ok(if report.problems.is_empty() { Exit::Done } else { Exit::FaultFound })
}

impl Report for StoreCheckReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        write_problems(out, &self.problems)?;
        let in_ledger = counted(self.in_ledger, "certificate", "certificates");
        let places = counted(self.places, "place", "places");
        writeln!(out, "compared: {in_ledger} of the ledger, {} in files, {places}", self.in_files)?;
        if self.elsewhere > 0 {
            let elsewhere = counted(self.elsewhere, "certificate", "certificates");
            writeln!(out, "out of reach: {elsewhere} whose files are elsewhere")?;
        }
        match self.platform {
            PlatformCompared::Compared => writeln!(out, "the platform was compared")?,
            PlatformCompared::Skipped => {}
            PlatformCompared::NotConfigured => writeln!(out, "no platform URL is configured")?,
        }
        if self.restored_ledger_confirmed {
            let fits =
                if self.problems.is_empty() { "fits the files" } else { "was compared with all that is in reach" };
            writeln!(out, "the restored ledger {fits}; verbs that write can be used again")?;
        }
        match self.problems.len() {
            0 => writeln!(out, "no differences"),
            1 => writeln!(out, "1 difference"),
            count => writeln!(out, "{count} differences"),
        }
    }
}
