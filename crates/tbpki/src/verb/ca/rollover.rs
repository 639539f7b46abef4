//! `tbpki ca list`, `ca prepare`, `ca activate` and `ca retire`.

use std::io::{self, Write};
use std::path::PathBuf;

use base::Result;
use base::text::{counted, printable, shell_word};
use fleet::lifecycle::rollover::activate_profile;
use identity::lifecycle::rollover::confirm::{ConfirmReport, Peers, confirm};
use identity::lifecycle::rollover::{
    self, Activation, CasReport, RolloverDone, RolloverReport, activate, check_dry_run, overview, prepare,
    prepare_imported, read_import, retire,
};
use ledger::JobId;

use super::super::identity::report::write_files;
use super::super::imported_secrets::ImportedSecrets;
use crate::args::{CaActivateArgs, CaConfirmArgs, CaPrepareArgs, CaStepArgs, PlatformArgs};
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

pub(crate) fn list(context: &mut Context) -> Result<Exit> {
    let config = context.config(&Overrides::default())?;
    let report = context.in_workspace(&config, |workspace| overview(workspace))?;
    context.output.result(&report)?;
    Ok(Exit::Done)
}

/// A step of a rollover.
enum Step<'a> {
    Prepare,
    Import { files: &'a [PathBuf], secrets: &'a ImportedSecrets<'a> },
    Activate { leave_behind: bool, create: bool },
    Retire,
}

pub(crate) fn prepare_ca(args: &CaPrepareArgs, context: &mut Context) -> Result<Exit> {
    if args.import.is_empty() {
        return step(&args.step, &Step::Prepare, None, context);
    }
    let secrets = ImportedSecrets::of_ca(
        args.imported_passphrase_file.as_deref(),
        args.imported_key_passphrase_file.as_deref(),
        context,
    )?;
    step(&args.step, &Step::Import { files: &args.import, secrets: &secrets }, None, context)
}

pub(crate) fn activate_ca(args: &CaActivateArgs, context: &mut Context) -> Result<Exit> {
    let step_of = Step::Activate { leave_behind: args.leave_behind, create: args.create };
    step(&args.step, &step_of, Some(&args.platform), context)
}

pub(crate) fn retire_ca(args: &CaStepArgs, context: &mut Context) -> Result<Exit> {
    step(args, &Step::Retire, None, context)
}

pub(crate) fn confirm_ca(args: CaConfirmArgs, context: &mut Context) -> Result<Exit> {
    let config = context.config(&Overrides::default())?;
    let peers = if args.all {
        Peers::All
    } else if let Some(job) = args.job {
        Peers::Job(JobId::new(job))
    } else if args.server.is_empty() {
        Peers::Devices(context.devices(&config, &args.device)?)
    } else {
        Peers::Servers(args.server)
    };
    let report = context.in_workspace(&config, |workspace| {
        let view = workspace.view()?;
        let ca = rollover::named(&view, &args.ca)?;
        drop(view);
        confirm(workspace, &ca, &peers, args.dry_run)
    })?;
    context.output.result(&report)?;
    Ok(Exit::Done)
}

impl Report for ConfirmReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        let (ca, kind) = (printable(&self.ca), &self.kind);
        let confirmed = counted(self.confirmed, kind, &format!("{kind}s"));
        let would_be = if self.dry_run { "would be " } else { "" };
        let by = printable(&self.user);
        writeln!(out, "{ca}, generation {}: {confirmed} {would_be}confirmed by {by}", self.generation)?;
        writeln!(out, "{} it", share_that_has(self.total.saturating_sub(self.missing), self.total, kind))
    }
}

/// The beginning of a sentence about a share of the peers: "1 of 2 devices have", "0 of 1 server has".
fn share_that_has(count: u64, total: u64, kind: &str) -> String {
    let have = if total == 1 { "has" } else { "have" };
    format!("{count} of {} {have}", counted(total, kind, &format!("{kind}s")))
}

fn step(args: &CaStepArgs, step: &Step<'_>, platform: Option<&PlatformArgs>, context: &mut Context) -> Result<Exit> {
    let mut overrides = Overrides::default();
    if let Some(platform) = platform {
        overrides.platform(platform);
    }
    overrides.ca_passphrase(&args.ca_passphrase);
    let config = context.config(&overrides)?;
    let mut report = context.in_workspace(&config, |workspace| {
        let view = workspace.view()?;
        let ca = rollover::named(&view, &args.ca)?;
        // The step opens the store, which reads the ledger again under its lock.
        drop(view);
        match *step {
            Step::Prepare if args.dry_run => check_dry_run(workspace, &ca),
            Step::Prepare => prepare(workspace, &ca),
            Step::Import { files, secrets } => {
                let imported = read_import(workspace, &ca, files, &mut |which, again| secrets.fetch(which, again))?;
                prepare_imported(workspace, &ca, imported, args.dry_run)
            }
            Step::Activate { leave_behind, create } => {
                let how = Activation { leave_behind, dry_run: args.dry_run };
                match ca.profile() {
                    Some(profile) => activate_profile(workspace, profile, how, create),
                    None => activate(workspace, &ca, how),
                }
            }
            Step::Retire => retire(workspace, &ca, args.dry_run),
        }
    })?;
    report.planned = (report.done == RolloverDone::Planned).then_some(match step {
        Step::Prepare | Step::Import { .. } => RolloverDone::Prepared,
        Step::Activate { .. } => RolloverDone::Activated,
        Step::Retire => RolloverDone::Retired,
    });
    context.output.findings(std::mem::take(&mut report.findings));
    context.output.findings(report.left.iter().map(|left| left.why.clone()));
    context.output.result(&report)?;
    // The step itself is done, and recorded; only files of some identities are not up to date.
    Ok(if report.left.is_empty() { Exit::Done } else { Exit::Partly })
}

impl Report for CasReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        // New certificates end before their configured lifetime from SHORTENS on.
        writeln!(
            out,
            "{:<20} {:>3} {:<11} {:<20} {:>7} {:<10} {:<9} IN USE",
            "CA", "GEN", "ROLE", "EXPIRES", "DAYS", "SHORTENS", "KEY"
        )?;
        for ca in &self.cas {
            writeln!(
                out,
                "{:<20} {:>3} {:<11} {:<20} {:>7} {:<10} {:<9} {}",
                printable(&ca.name).to_string(),
                ca.generation,
                ca.role,
                ca.not_after,
                if ca.days_left < 0 { "EXPIRED".to_owned() } else { ca.days_left.to_string() },
                // Only these will sign.
                match ca.role.as_str() {
                    "current" | "pending" => ca.shortens_from.get(..10).unwrap_or_default(),
                    _ => "",
                },
                ca.key,
                ca.in_use
            )?;
            if let Some(peers) = &ca.peers {
                let share = share_that_has(peers.confirmed, peers.total, &peers.kind);
                writeln!(out, "  {share} generation {}", ca.generation)?;
            }
            if let Some(below) = &ca.below {
                let share = share_that_has(below.below, below.total, &below.kind);
                writeln!(out, "  {share} a certificate of generation {}", ca.generation)?;
            }
        }
        Ok(())
    }
}

/// What was done, as the end of a sentence.
fn outcome(report: &RolloverReport) -> String {
    match (report.done, report.planned) {
        (RolloverDone::Prepared, _) if report.has_current => {
            "prepared: peers trust it together with the present one".to_owned()
        }
        // The generation before it was revoked.
        (RolloverDone::Prepared, _) => {
            "prepared: peers trust it, and no generation signs until it is activated".to_owned()
        }
        (RolloverDone::Activated, _) => "signs".to_owned(),
        (RolloverDone::Retired, _) => match report.prepared {
            Some(next) => format!("signs, and generation {next} is prepared; the earlier ones are out of service"),
            None => "is the only one".to_owned(),
        },
        (RolloverDone::Unchanged, _) => "was done before".to_owned(),
        (RolloverDone::Planned, Some(RolloverDone::Activated)) => "would sign".to_owned(),
        (RolloverDone::Planned, Some(RolloverDone::Retired)) => match report.prepared {
            Some(next) => format!("would sign, with generation {next} prepared and the earlier ones out of service"),
            None => "would be the only one".to_owned(),
        },
        (RolloverDone::Planned, _) => match report.generation {
            Some(_) => "would be prepared".to_owned(),
            None => "a next generation would be prepared".to_owned(),
        },
    }
}

impl Report for RolloverReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        let (ca, word) = (printable(&self.ca), shell_word(&self.ca));
        let generation = self.generation.map(|number| format!(", generation {number}")).unwrap_or_default();
        writeln!(out, "{ca}{generation}: {}", outcome(self))?;
        if let Some(certificate) = &self.certificate {
            writeln!(out, "  subject      {}", printable(&certificate.subject))?;
            writeln!(out, "  valid until  {}", certificate.not_after)?;
            writeln!(out, "  fingerprint  {}", certificate.fingerprint)?;
        }
        write_files(out, &self.files)?;
        if self.devices > 0 {
            writeln!(out, "devices with other files: {}; bring the files to the devices", self.devices)?;
        }
        for server in &self.restart {
            writeln!(out, "restart the services that use the files of {}", printable(server))?;
        }
        if !self.left.is_empty() {
            let left = counted(self.left.len(), "identity", "identities");
            writeln!(out, "{left} not brought up to date: run the same command again")?;
        }
        for name in &self.left_behind {
            writeln!(out, "left behind: {}", printable(name))?;
        }
        match self.done {
            RolloverDone::Prepared => writeln!(
                out,
                "next: bring the new files to devices and servers; if brokers read revocation lists, run `tbpki crl`; \
                 then `tbpki ca activate {word}`"
            ),
            RolloverDone::Activated => {
                writeln!(out, "next: renew what the earlier generation has issued, then `tbpki ca retire {word}`")
            }
            RolloverDone::Retired | RolloverDone::Unchanged | RolloverDone::Planned => Ok(()),
        }
    }
}
