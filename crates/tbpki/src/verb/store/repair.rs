//! `tbpki store repair`.

use std::io::{self, Write};

use base::Result;
use base::text::counted;
use fleet::lifecycle::upkeep::repair::{RepairReport, RepairRequest, repair};

use super::write_problems;
use crate::args::StoreRepairArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

pub(crate) fn run(args: &StoreRepairArgs, context: &mut Context) -> Result<Exit> {
    let mut overrides = Overrides::default();
    overrides.platform(&args.reach);
    let config = context.config(&overrides)?;
    let request = RepairRequest { in_use: args.in_use.clone(), offline: args.offline, dry_run: args.dry_run };
    let mut report = context.in_workspace(&config, |workspace| repair(workspace, &request))?;
    context.output.findings(std::mem::take(&mut report.findings));
    context.output.result(&report)?;
    Ok(if report.open.is_empty() { Exit::Done } else { Exit::Partly })
}

impl Report for RepairReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { identities, jobs, revocations, registrations, settled, .. } = self;
        if self.dry_run {
            writeln!(out, "dry run: nothing was written")?;
        }
        let identities = counted(*identities, "certificate", "certificates");
        let jobs = counted(*jobs, "job", "jobs");
        let revocations = counted(*revocations, "revocation", "revocations");
        writeln!(out, "taken over: {identities}, {jobs}, {revocations}")?;
        let registrations = counted(*registrations, "registration", "registrations");
        let settled = counted(*settled, "name", "names");
        writeln!(out, "corrected:  {registrations}, {settled} with two certificates")?;
        for unknown in &self.unknown {
            writeln!(out, "unknown:    {unknown}")?;
        }
        if self.open.is_empty() {
            let next = if self.dry_run { "tbpki store repair" } else { "tbpki store check" };
            return writeln!(out, "next: run `{next}`");
        }
        writeln!(out, "left:")?;
        write_problems(out, &self.open)
    }
}
