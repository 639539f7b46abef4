//! `tbpki renew`.

use std::io::{self, Write};

use base::Result;
use fleet::lifecycle::renew::{RenewManyRequest, RenewReport, RenewSelection, renew_many};
use identity::lifecycle::renew::{RenewRequest, RenewalRule};
use time::OffsetDateTime;

use crate::args::RenewArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

pub(crate) fn run(args: &RenewArgs, context: &mut Context) -> Result<Exit> {
    let mut overrides = Overrides::default();
    overrides.ca_passphrase(&args.ca_passphrase);
    let config = context.config(&overrides)?;
    let now = OffsetDateTime::now_utc();
    let due = match args.within {
        Some(horizon) => Some(RenewalRule::Within(horizon.after(now) - now)),
        None => args.due.then(|| RenewalRule::of(&config)),
    };
    let which = if args.all {
        RenewSelection::All
    } else if args.device.is_empty() {
        RenewSelection::Server(args.server.clone().flatten())
    } else {
        RenewSelection::Devices(args.device.clone())
    };
    let wish = RenewManyRequest { which, due, how: RenewRequest { same_key: args.same_key, dry_run: args.dry_run } };
    let mut report = context.in_workspace(&config, |workspace| renew_many(workspace, &wish))?;
    for renewed in &mut report.renewed {
        context.output.findings(std::mem::take(&mut renewed.findings));
    }
    context.output.findings(report.left.iter().map(|left| left.why.clone()));
    context.output.result(&report)?;
    Ok(if report.left.is_empty() { Exit::Done } else { Exit::Partly })
}

impl Report for RenewReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        for renewed in &self.renewed {
            renewed.render(out)?;
        }
        let renewed = self.renewed.len();
        let word = if self.dry_run { "would be renewed" } else { "renewed" };
        write!(out, "{renewed} {word}, {} not due", self.not_due)?;
        if self.revoked > 0 {
            write!(out, ", {} skipped because they were revoked", self.revoked)?;
        }
        if !self.left.is_empty() {
            write!(out, ", {} not renewed", self.left.len())?;
        }
        writeln!(out)
    }
}
