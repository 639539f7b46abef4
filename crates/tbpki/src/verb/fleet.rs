//! `tbpki fleet`, and functions that all its verbs use.

use std::path::Path;

use base::{Code, Result, file};
use config::key;
use fleet::mass::{Destination, FleetOutcome, FleetReport, FleetRequest, JobSelector, JobSource, RunControl};
use fleet::names::{ColumnSelection, NamesSource};
use pki::age::{self, Recipient};
use store::Workspace;

use crate::args::{FleetIssueArgs, LayoutArgs, MakeArgs, NamesArgs, SealArgs};
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::progress::Progress;
use crate::signals;

pub(crate) mod adopt;
pub(crate) mod bundle;
pub(crate) mod issue;
pub(crate) mod jobs;
pub(crate) mod register;
pub(crate) mod renew;
mod report;
pub(crate) mod run;

/// The largest file of recipients, in bytes.
const RECIPIENTS: usize = 1 << 20;

/// The request of the arguments.
pub(super) fn request(args: &FleetIssueArgs) -> Result<FleetRequest> {
    let FleetIssueArgs { names, layout, make, work } = args;
    Ok(FleetRequest {
        source: source(names)?,
        destination: destination(layout)?,
        profile: make.profile.clone(),
        threads: work.jobs.map(usize::from),
        results: work.results.clone(),
        accept_number_attributes: names.accept_number_attributes,
        dry_run: work.dry_run,
    })
}

fn source(names: &NamesArgs) -> Result<JobSource> {
    if let Some(job) = names.resume {
        return Ok(JobSource::Staged(job.map_or(JobSelector::Unfinished, JobSelector::Number)));
    }
    if let Some(path) = &names.from {
        let columns = ColumnSelection { name: names.name_column.clone(), attributes: names.attribute.clone() };
        let file = (path != Path::new("-")).then(|| path.clone());
        return Ok(JobSource::Names(NamesSource::Table { file, columns }));
    }
    let (Some(count), Some(pattern)) = (names.count, &names.name_pattern) else {
        return Err(Code::Usage
            .error("`--from` or `--count` is required")
            .fix("use --from FILE, or --count N with --name-pattern TEXT; `--resume` resumes an interrupted job"));
    };
    Ok(JobSource::Names(NamesSource::Numbered { pattern: pattern.clone(), start: names.start, count }))
}

fn destination(layout: &LayoutArgs) -> Result<Destination> {
    Ok(Destination {
        layout: layout.layout,
        out: layout.out.clone(),
        archive: layout.archive.clone(),
        zstd: layout.seal.zstd,
        recipients: recipients(&layout.seal)?,
    })
}

/// The recipients that an archive is sealed for.
fn recipients(seal: &SealArgs) -> Result<Vec<Recipient>> {
    let mut recipients = seal.recipient.clone();
    if let Some(path) = &seal.recipients_file {
        let read = age::recipients(&file::read_text(path, RECIPIENTS)?).map_err(|error| error.at(path))?;
        if read.is_empty() {
            return Err(Code::AgeRecipient.error("no recipient in the file").at(path));
        }
        recipients.extend(read);
    }
    // The same set in another order is the same destination, so that a repeated command finds its job.
    recipients.sort();
    recipients.dedup();
    Ok(recipients)
}

/// The values of flags that replace values of keygen.toml.
pub(super) fn overrides(make: &MakeArgs) -> Overrides {
    let mut overrides = Overrides::default();
    overrides.set_if(key::client::alg, "--alg", make.alg);
    overrides.set_if(key::client::days, "--days", make.days);
    overrides.set_all(key::client::formats, "--format", &make.format);
    overrides.set_all(key::client::san, "--san", &make.san);
    overrides.ca_passphrase(&make.ca_passphrase);
    overrides
}

/// Runs a verb with progress and signals, and prints its report.
pub(super) fn run(
    context: &mut Context,
    overrides: &Overrides,
    names: &NamesArgs,
    work: impl FnOnce(&mut Workspace<'_>, &mut RunControl<'_>) -> Result<FleetOutcome>,
) -> Result<Exit> {
    let source = names.from.as_deref().unwrap_or(Path::new("--name-pattern"));
    run_from(context, overrides, source, work)
}

/// Runs a verb without a list of names, with progress and signals, and prints its report.
pub(super) fn run_job(
    context: &mut Context,
    overrides: &Overrides,
    work: impl FnOnce(&mut Workspace<'_>, &mut RunControl<'_>) -> Result<FleetReport>,
) -> Result<Exit> {
    run_from(context, overrides, Path::new("the ledger"), |workspace, control| {
        work(workspace, control).map(|report| FleetOutcome::Report(Box::new(report)))
    })
}

fn run_from(
    context: &mut Context,
    overrides: &Overrides,
    source: &Path,
    work: impl FnOnce(&mut Workspace<'_>, &mut RunControl<'_>) -> Result<FleetOutcome>,
) -> Result<Exit> {
    let config = context.config(overrides)?;
    let messages = context.output.messages();
    // Before the workspace is opened: a signal from here on is a request, which the work finds when it begins.
    let stop = signals::on_request()?;
    let mut progress = Progress::new(messages);
    let outcome = context.in_workspace(&config, |workspace| {
        let mut control =
            RunControl { stop: &stop, tell: &mut |status| progress.show(status), say: &mut |line| messages.say(line) };
        work(workspace, &mut control)
    });
    // Before any message, which would be written into the line of the bar.
    progress.finish();
    let mut report = match outcome? {
        FleetOutcome::Report(report) => *report,
        FleetOutcome::Refused(faults) => {
            // Only the first faults are kept: a file in another format has one in each of its million lines.
            context.output.findings(faults.first().iter().map(|fault| fault.finding(source)));
            return Err(faults.to_error());
        }
    };
    context.output.findings(std::mem::take(&mut report.findings));
    context.output.findings(report.stopped.clone());
    let failures = report.registration.iter().flat_map(|registration| &registration.failures);
    context.output.findings(failures.filter_map(|device| device.error.clone()));
    let is_done = if report.dry_run { report.could_succeed() } else { report.is_complete() };
    let exit = if is_done { Exit::Done } else { Exit::Partly };
    context.output.result(&report)?;
    Ok(exit)
}
