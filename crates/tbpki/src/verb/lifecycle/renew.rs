//! `tbpki renew`.

use std::ffi::OsString;
use std::io::{self, Write};

use base::Result;
use base::text::printable;
use fleet::lifecycle::renew::{OpenPart, RegisterRenewals, RenewManyRequest, RenewReport, RenewSelection, renew_many};
use identity::lifecycle::hook::Hook;
use identity::lifecycle::renew::{RenewRequest, RenewalRule};
use time::OffsetDateTime;

use crate::args::RenewArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

pub(crate) fn run(args: &RenewArgs, context: &mut Context) -> Result<Exit> {
    if let Some(est) = &args.est {
        return super::host::renew(args, est, context);
    }
    let mut overrides = Overrides::default();
    overrides.ca_passphrase(&args.ca_passphrase);
    overrides.platform(&args.platform);
    let config = context.config(&overrides)?;
    let now = OffsetDateTime::now_utc();
    let due = match args.within {
        Some(horizon) => Some(RenewalRule::Within(horizon.after(now) - now)),
        None => args.due.then(|| RenewalRule::of(&config)),
    };
    let which = if args.all {
        RenewSelection::All
    } else if let Some(name) = &args.server {
        RenewSelection::Server(name.clone())
    } else {
        RenewSelection::Devices(context.devices(&config, args.name.iter().chain(&args.device))?)
    };
    let wish = RenewManyRequest {
        which,
        due,
        how: RenewRequest { same_key: args.same_key, dry_run: args.dry_run, ..RenewRequest::default() },
        register: args.register.then(|| RegisterRenewals { broker: args.broker.clone(), pending_only: args.pending }),
        after: hook(&args.after),
        keep: args.keep.into(),
    };
    let mut report = context.in_workspace(&config, |workspace| renew_many(workspace, &wish))?;
    for renewed in &mut report.renewed {
        context.output.findings(std::mem::take(&mut renewed.findings));
    }
    context.output.findings(report.left_findings());
    context.output.findings(std::mem::take(&mut report.findings));
    context.output.result(&report)?;
    Ok(if report.is_partly_done() { Exit::Partly } else { Exit::Done })
}

/// The program of `--after`.
pub(super) fn hook(after: &[OsString]) -> Option<Hook> {
    Hook::of("--after", after, std::env::var_os("PATH").as_ref())
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
        if self.tokens > 0 {
            write!(out, ", {} skipped because they log in with a token", self.tokens)?;
        }
        for part in OpenPart::ALL {
            let left = self.left.iter().filter(|left| left.part == part).count();
            if left > 0 {
                write!(out, ", {left} {}", part.not_done())?;
            }
        }
        writeln!(out)?;
        for name in &self.registered {
            writeln!(out, "device {}: the renewed certificate is in use", printable(name))?;
        }
        for dir in &self.copied {
            writeln!(out, "{}: the files of the renewal were copied", printable(&dir.display().to_string()))?;
        }
        for pending in &self.pending {
            let name = printable(&pending.name);
            let next = if pending.unregistered { "the device was unregistered" } else { "--register puts it into use" };
            writeln!(out, "device {name}: generation {} is pending: {next}", pending.generation)?;
        }
        for open in &self.open {
            let error = open.error.as_deref().unwrap_or("interrupted");
            let (kind, name, step) = (&open.kind, printable(&open.name), &open.step);
            let at = open.platform.as_ref().map(|url| format!(" at {}", printable(url))).unwrap_or_default();
            writeln!(out, "{kind} {name}, generation {}: {step} is open{at}: {}", open.generation, printable(error))?;
        }
        Ok(())
    }
}
