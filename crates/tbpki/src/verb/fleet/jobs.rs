//! `tbpki fleet jobs` and `tbpki fleet cancel`.

use std::io::{self, Write};

use base::Result;
use base::text::{counted, printable};
use fleet::mass::{self, CancelReport, JobState, JobsReport};

use crate::args::FleetCancelArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

/// Lists the jobs of the store.
pub(crate) fn list(context: &mut Context) -> Result<Exit> {
    let config = context.config(&Overrides::default())?;
    let report = context.in_workspace(&config, |workspace| mass::jobs(workspace))?;
    context.output.result(&report)?;
    Ok(Exit::Done)
}

/// Cancels a job.
pub(crate) fn cancel(args: &FleetCancelArgs, context: &mut Context) -> Result<Exit> {
    let config = context.config(&Overrides::default())?;
    let mut report = context.in_workspace(&config, |workspace| mass::cancel(workspace, args.job, args.dry_run))?;
    context.output.findings(std::mem::take(&mut report.findings));
    context.output.result(&report)?;
    Ok(Exit::Done)
}

impl Report for JobsReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.jobs.is_empty() {
            return writeln!(out, "no jobs");
        }
        writeln!(
            out,
            "{:>4}  {:<8}  {:>9}  {:>9}  {:>9}  {:<11}  PLACE",
            "JOB", "STATE", "NAMES", "ISSUED", "WAITING", "LAYOUT"
        )?;
        for job in &self.jobs {
            let state = match job.state {
                JobState::Open => "open",
                JobState::Done => "done",
                JobState::Canceled => "canceled",
            };
            let place = job.out.as_ref().map(|path| printable(&path.to_string_lossy()).to_string()).unwrap_or_default();
            let row = format!(
                "{:>4}  {state:<8}  {:>9}  {:>9}  {:>9}  {:<11}  {place}",
                job.job, job.names, job.issued, job.waiting, job.layout
            );
            writeln!(out, "{}", row.trim_end())?;
        }
        Ok(())
    }
}

impl Report for CancelReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { job, issued, freed, dry_run, findings: _ } = self;
        let verb = if *dry_run { "would be canceled" } else { "canceled" };
        let are = match (*dry_run, *freed) {
            (true, _) => "would be",
            (false, 1) => "is",
            (false, _) => "are",
        };
        let (freed, issued) = (counted(*freed, "name", "names"), *issued);
        let stay = if issued == 1 { "identity stays" } else { "identities stay" };
        writeln!(out, "job {job} {verb}: {freed} {are} free, {issued} {stay}")
    }
}
