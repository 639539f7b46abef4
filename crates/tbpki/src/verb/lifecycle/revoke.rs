//! `tbpki revoke`.

use std::io::{self, Write};

use base::Result;
use base::text::printable;
use config::Config;
use fleet::lifecycle::revoke::{
    CaTarget, OpenPlatform, RevokeCounts, RevokeOutcome, RevokeReport, RevokeRequest, Targets, listed, revoke, serials,
};
use ledger::JobId;

use crate::args::RevokeArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;
use crate::progress::Progress;

pub(crate) fn run(args: &RevokeArgs, context: &mut Context) -> Result<Exit> {
    let mut overrides = Overrides::default();
    overrides.lists(&args.lists);
    overrides.platform(&args.platform);
    let config = context.config(&overrides)?;
    let targets = targets(args, &config, context)?;
    let request = RevokeRequest { targets, reason: args.reason, dry_run: args.dry_run };
    let mut progress = Progress::new(context.output.messages());
    let result = context.in_workspace(&config, |workspace| {
        revoke(workspace, &request, &mut |status| {
            // A bar for one device would come and go in a moment.
            if status.total > 1 {
                progress.show(status);
            }
        })
    });
    progress.finish();
    let mut report = result?;
    context.output.findings(std::mem::take(&mut report.findings));
    context.output.result(&report)?;
    let is_hook_open = report.lists.as_ref().is_some_and(|lists| lists.hook_failed);
    let is_done = report.open_steps == 0
        && !is_hook_open
        && report.with_token.is_empty()
        && (report.without_station == 0 || report.dry_run);
    Ok(if is_done { Exit::Done } else { Exit::Partly })
}

fn targets(args: &RevokeArgs, config: &Config, context: &mut Context) -> Result<Targets> {
    if let Some(path) = &args.file {
        return listed(path);
    }
    if !args.serial.is_empty() || args.serial_file.is_some() {
        let serials = match &args.serial_file {
            Some(path) => serials(path)?,
            None => args.serial.clone(),
        };
        return Ok(match &args.issuer {
            Some(issuer) if args.not_in_ledger => Targets::NotInLedger { serials, issuer: issuer.clone() },
            issuer => Targets::Serials { serials, issuer: issuer.clone() },
        });
    }
    if let Some(job) = args.job {
        return Ok(Targets::Job(JobId::new(job)));
    }
    if let Some(station) = &args.station {
        return Ok(Targets::Station(station.clone()));
    }
    if let Some(name) = &args.ca {
        return Ok(Targets::Ca(CaTarget { name: name.clone(), generation: args.generation }));
    }
    Ok(if args.open {
        Targets::Open
    } else if args.server.is_empty() {
        Targets::Devices(context.devices(config, args.name.iter().chain(&args.device))?)
    } else {
        Targets::Servers(args.server.clone())
    })
}

impl Report for RevokeReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        for one in &self.revoked {
            let done = match one.done {
                RevokeOutcome::Revoked => "revoked",
                RevokeOutcome::Unchanged => "was revoked before",
                RevokeOutcome::Expired => "has expired: nothing to revoke",
                RevokeOutcome::Planned => "would be revoked",
            };
            let (kind, name) = (&one.kind, printable(&one.name));
            writeln!(out, "{kind} {name}, generation {}, serial {}: {done}", one.generation, one.serial)?;
        }
        if self.revoked.is_empty() {
            let counts = &self.counts;
            for (count, done) in [
                (counts.revoked, "revoked"),
                (counts.planned, "would be revoked"),
                (counts.unchanged, "were revoked before"),
                (counts.expired, "have expired: nothing to revoke"),
            ] {
                match count {
                    0 => {}
                    1 => writeln!(out, "1 certificate: {done}")?,
                    _ => writeln!(out, "{count} certificates: {done}")?,
                }
            }
        }
        let withdrawn = if self.dry_run { "would be withdrawn" } else { "withdrawn" };
        for device in &self.without_enrolment {
            writeln!(out, "device {}: one-time password or request {withdrawn}", printable(device))?;
        }
        let replaced = if self.dry_run { "would be replaced" } else { "replaced" };
        for device in &self.without_token {
            writeln!(out, "device {}: its access token in ThingsBoard {replaced} by a random one", printable(device))?;
        }
        for device in &self.token_was_gone {
            writeln!(out, "device {}: ThingsBoard had no access token of it any more", printable(device))?;
        }
        match self.withdrawn {
            0 => {}
            1 => writeln!(out, "1 device: ThingsBoard does not accept its certificate any more")?,
            count => writeln!(out, "{count} devices: ThingsBoard does not accept their certificates any more")?,
        }
        for server in &self.restart {
            writeln!(out, "restart the services that use the files of {}, for example the broker", printable(server))?;
        }
        if let Some(lists) = &self.lists {
            lists.render(out)?;
        }
        for (index, group) in self.hand_over.iter().enumerate() {
            if index == 0 {
                writeln!(out, "in the store that exported this station bundle, run:")?;
            }
            if let Some(file) = &group.file {
                writeln!(out, "  (with {} copied there)", printable(&file.to_string_lossy()))?;
            }
            writeln!(out, "  {}", printable(&group.command))?;
        }
        let is_hook_open = self.lists.as_ref().is_some_and(|lists| lists.hook_failed);
        if self.open_steps == 0 && !is_hook_open && self.with_token.is_empty() {
            // `--open` revokes nothing by itself, so that without this it would print nothing.
            return if self.revoked.is_empty()
                && self.counts == RevokeCounts::default()
                && self.without_enrolment.is_empty()
                && self.without_token.is_empty()
                && self.token_was_gone.is_empty()
            {
                writeln!(out, "no step is open")
            } else {
                Ok(())
            };
        }
        render_open(self, out)
    }
}

/// Prints the steps that are open, and the commands that finish them.
pub(super) fn render_open(report: &RevokeReport, out: &mut dyn Write) -> io::Result<()> {
    let is_hook_open = report.lists.as_ref().is_some_and(|lists| lists.hook_failed);
    writeln!(out, "open:")?;
    if is_hook_open {
        writeln!(out, "  the program of `[crl] after`")?;
    }
    for token in &report.open_tokens {
        write!(out, "  device {}: platform", printable(&token.name))?;
        if let Some(platform) = &token.platform {
            write!(out, " {}", printable(platform))?;
        }
        write!(out, ": it can still log in with its access token")?;
        match &token.error {
            Some(error) => writeln!(out, ": {}", printable(error))?,
            None => writeln!(out)?,
        }
    }
    for open in &report.open {
        write!(out, "  {} {}, generation {}: {}", open.kind, printable(&open.name), open.generation, open.step)?;
        if let Some(platform) = &open.platform {
            write!(out, " {}", printable(platform))?;
        }
        match &open.error {
            Some(error) => writeln!(out, ": {}", printable(error))?,
            None => writeln!(out)?,
        }
    }
    let shown = u64::try_from(report.open.len()).unwrap_or(u64::MAX);
    if report.open_steps > shown {
        writeln!(out, "  and {} more", report.open_steps - shown)?;
    }
    if report.steps_to_try() > 0 || is_hook_open {
        writeln!(out, "run `tbpki revoke --open` to finish")?;
    }
    for OpenPlatform { platform, command, .. } in &report.platforms {
        writeln!(out, "run `{}` to take it from {}", printable(command), printable(platform))?;
    }
    Ok(())
}
