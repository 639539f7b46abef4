//! `tbpki fleet adopt`.

use std::io::{self, Write};

use base::Result;
use base::text::{counted, printable};
use fleet::lifecycle::upkeep::adopt::{AdoptReport, adopt};

use crate::args::FleetAdoptArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

pub(crate) fn run(args: &FleetAdoptArgs, context: &mut Context) -> Result<Exit> {
    let config = context.config(&Overrides::default())?;
    let report = context.in_workspace(&config, |workspace| adopt(workspace, &args.dir, args.dry_run))?;
    context.output.result(&report)?;
    Ok(Exit::Done)
}

impl Report for AdoptReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        let (directory, identities) =
            (printable(&self.directory), counted(self.identities, "certificate", "certificates"));
        match self.job {
            Some(job) => writeln!(out, "adopted: {directory} as job {job}, {identities}")?,
            None => writeln!(out, "would be adopted: {directory}, {identities}")?,
        }
        for unknown in &self.unknown {
            writeln!(out, "unknown: {unknown}")?;
        }
        match self.job {
            Some(job) if self.renews => writeln!(
                out,
                "next: the renewals wait; run `tbpki fleet register --pending --job {job}` when the devices were reflashed"
            ),
            _ => Ok(()),
        }
    }
}
