//! `tbpki register`.

use std::io::{self, Write};

use base::Result;
use base::text::printable;
use config::Config;
use fleet::register::{DeviceRegistration, DeviceSelection, RegisterReport, RegisterRequest, register};
use ledger::JobId;
use provision::platform::NewDevice;
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::RegisterArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::signals;
use crate::verb::platform::{create, done};

/// The devices of a run, and the run. The devices are printed one by one, and are never in memory as a whole.
#[derive(Debug, Serialize, JsonSchema)]
#[allow(dead_code, reason = "only the schema is generated from it")]
pub(crate) struct RegisteredDevices {
    /// One for each device, in the order in which they were done.
    devices: Vec<DeviceRegistration>,
    /// The run.
    #[serde(flatten)]
    run: RegisterReport,
}

pub(crate) fn run(args: &RegisterArgs, context: &mut Context) -> Result<Exit> {
    let mut overrides = Overrides::default();
    overrides.platform(&args.platform);
    overrides.create(&args.create);
    let config = context.config(&overrides)?;
    let names = match (args.all, args.job) {
        (true, _) => DeviceSelection::All,
        (false, Some(job)) => DeviceSelection::OfJob(JobId::new(job)),
        (false, None) => DeviceSelection::These(context.devices(&config, args.name.iter().chain(&args.device))?),
    };
    let request = RegisterRequest {
        names,
        pending: args.pending,
        replace: args.replace,
        again: args.again,
        create: NewDevice { accept_number_attributes: args.accept_number_attributes, ..create(&args.create, &config) },
        dry_run: args.dry_run,
    };
    let stop = signals::on_request()?;
    let mut rows = context.output.rows("devices", platform(&config));
    let result = context.in_workspace(&config, |workspace| {
        register(workspace, &request, &stop, &mut |device, findings| {
            findings.into_iter().for_each(|finding| rows.finding(finding));
            if let Some(error) = &device.error {
                rows.finding(error.clone());
            }
            rows.row(&device, |out| {
                writeln!(out, "  {:<28}  {}", done(device.done, device.dry_run), printable(&device.name))
            })
        })
    });
    let report = match result {
        Ok(report) => report,
        Err(error) => {
            context.output.break_rows(rows, &error)?;
            return Err(error);
        }
    };
    context.output.findings(report.findings.clone());
    context.output.findings(report.stopped.clone());
    context.output.end_rows(rows, &report, |out| render(&report, out))?;
    Ok(if report.failed + report.left == 0 && report.open.is_empty() { Exit::Done } else { Exit::Partly })
}

/// The platform, as the heading of the list.
fn platform(config: &Config) -> String {
    let url = config.platform.url.value.as_ref();
    url.map_or_else(|| "no platform".to_owned(), |url| printable(url.as_str()).to_string())
}

fn render(report: &RegisterReport, out: &mut dyn Write) -> io::Result<()> {
    let RegisterReport { registered, failed, left, skipped, revoked, .. } = report;
    match skipped {
        0 => {}
        1 => writeln!(out, "1 device was unregistered and is skipped")?,
        skipped => writeln!(out, "{skipped} devices were unregistered and are skipped")?,
    }
    match revoked {
        0 => {}
        1 => writeln!(out, "1 device was revoked and is skipped")?,
        revoked => writeln!(out, "{revoked} devices were revoked and are skipped")?,
    }
    for open in &report.open {
        let error = open.error.as_deref().unwrap_or("interrupted");
        let (name, step) = (printable(&open.name), &open.step);
        let at = open.platform.as_ref().map(|url| format!(" at {}", printable(url))).unwrap_or_default();
        writeln!(out, "device {name}, generation {}: {step} is open{at}: {}", open.generation, printable(error))?;
    }
    if failed + left > 0 {
        let all = registered + failed + left;
        writeln!(out, "{failed} of {all} failed, {left} not tried; run the same command again")?;
    }
    Ok(())
}
