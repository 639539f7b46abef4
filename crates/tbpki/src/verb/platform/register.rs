//! `tbpki register`.

use std::io::{self, Write};

use base::Result;
use base::text::printable;
use fleet::register::{Names, RegisterReport, RegisterRequest, register};

use crate::args::RegisterArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;
use crate::verb::platform::{create, done};

pub(crate) fn run(args: &RegisterArgs, context: &mut Context) -> Result<Exit> {
    let names = match args.all {
        true => Names::All,
        false => Names::These(args.device.clone()),
    };
    let mut overrides = Overrides::default();
    overrides.platform(&args.platform);
    overrides.create(&args.create);
    let config = context.config(&overrides)?;
    let request = RegisterRequest {
        names,
        replace: args.replace,
        again: args.again,
        create: create(&args.create, &config),
        dry_run: args.dry_run,
    };
    let mut report = context.in_workspace(&config, |workspace| register(workspace, &request))?;
    context.output.findings(std::mem::take(&mut report.findings));
    context.output.findings(report.devices.iter().filter_map(|device| device.error.clone()));
    context.output.result(&report)?;
    Ok(if report.failed + report.left == 0 { Exit::Done } else { Exit::Partly })
}

impl Report for RegisterReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", printable(&self.platform))?;
        for device in &self.devices {
            writeln!(out, "  {:<28}  {}", done(device.done, device.dry_run), printable(&device.name))?;
        }
        match self.skipped {
            0 => {}
            1 => writeln!(out, "1 device was unregistered and is skipped")?,
            skipped => writeln!(out, "{skipped} devices were unregistered and are skipped")?,
        }
        if self.failed + self.left > 0 {
            let tried = self.devices.len();
            writeln!(
                out,
                "{} of {} failed, {} not tried; run the same command again",
                self.failed,
                tried + self.left,
                self.left
            )?;
        }
        Ok(())
    }
}
