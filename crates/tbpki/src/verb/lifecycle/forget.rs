//! `tbpki forget`.

use std::io::{self, Write};

use base::Result;
use base::text::{counted, printable};
use fleet::lifecycle::upkeep::forget::{ForgetReport, ForgetRequest, forget};

use crate::args::ForgetArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;
use crate::verb::lifecycle::revoke::render_open;

pub(crate) fn run(args: &ForgetArgs, context: &mut Context) -> Result<Exit> {
    let mut overrides = Overrides::default();
    overrides.lists(&args.lists);
    overrides.platform(&args.platform);
    let config = context.config(&overrides)?;
    let request = ForgetRequest {
        devices: context.devices(&config, args.name.iter().chain(&args.device))?,
        keep_valid: args.keep_valid,
        dry_run: args.dry_run,
    };
    let mut report = context.in_workspace(&config, |workspace| forget(workspace, &request))?;
    context.output.findings(std::mem::take(&mut report.findings));
    context.output.result(&report)?;
    let is_done = report.open == 0 && report.kept.is_empty() && !report.hook_failed;
    Ok(if is_done { Exit::Done } else { Exit::Partly })
}

impl Report for ForgetReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        for device in &self.devices {
            let done = if self.dry_run { "would be forgotten" } else { "forgotten" };
            let revoked = counted(device.revoked, "generation", "generations");
            writeln!(out, "device {}: {done}, {revoked} revoked", printable(&device.name))?;
            if device.without_enrolment {
                let withdrawn = if self.dry_run { "would be withdrawn" } else { "withdrawn" };
                writeln!(out, "  one-time password or request: {withdrawn}")?;
            }
            for left in &device.files_left {
                writeln!(out, "  left: {}", printable(left))?;
            }
        }
        for device in &self.kept {
            let device = printable(device);
            writeln!(
                out,
                "device {device}: not forgotten, it can still log in with its access token; run the same command again"
            )?;
        }
        if let Some(lists) = &self.lists {
            lists.render(out)?;
        }
        if self.hook_failed {
            writeln!(out, "the program of `[crl] after` has failed; run the same command again")?;
        }
        match &self.revocation {
            Some(revocation) if self.open > 0 || !self.kept.is_empty() => render_open(revocation, out),
            _ => Ok(()),
        }
    }
}
