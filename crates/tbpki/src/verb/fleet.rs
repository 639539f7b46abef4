//! `tbpki fleet`, and functions that all its verbs use.

use std::io::{self, Write};
use std::path::Path;

use base::text::{counted, printable};
use base::{Code, Result, file};
use config::key;
use fleet::mass::{
    Destination, FleetOutcome, FleetReport, FleetRequest, JobSelector, JobSource, PhaseName, Rest, RunControl,
};
use fleet::names::{ColumnSelection, NamesSource};
use pki::age::{self, Recipient};
use store::Workspace;

use crate::args::{FleetIssueArgs, LayoutArgs, MakeArgs, NamesArgs, SealArgs};
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;
use crate::progress::Progress;
use crate::signals;

pub(crate) mod adopt;
pub(crate) mod bundle;
pub(crate) mod issue;
pub(crate) mod jobs;
pub(crate) mod register;
pub(crate) mod renew;
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

impl Report for FleetReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        // Relative to the working directory, which is what a person types.
        let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
        let near = |path: &Path| path.strip_prefix(&here).unwrap_or(path).to_string_lossy().into_owned();
        let path = |path: &Path| printable(&near(path)).to_string();
        match (self.job, self.dry_run) {
            (Some(job), _) => writeln!(out, "job {job}: {}", devices(self.names))?,
            // Only bundles of devices that fetch their certificates belong to no job.
            (None, _) if self.phases.iter().any(|phase| phase.phase == PhaseName::Bundle) => {
                writeln!(out, "without certificates: {}", devices(self.names))?;
            }
            (None, true) => writeln!(out, "dry run of a new job: {}", devices(self.names))?,
            // A renewal of devices of which none is due.
            (None, false) => writeln!(out, "no new job: no device is renewed")?,
        }
        if !self.out.as_os_str().is_empty() {
            writeln!(out, "  {:<10}  {} ({})", "in", path(&self.out), self.layout)?;
        }
        for phase in &self.phases {
            let word = match phase.phase {
                PhaseName::Issue => "issued",
                PhaseName::Register => "registered",
                PhaseName::Bundle => "bundled",
            };
            write!(out, "  {word:<10}  {} of {}", phase.done, self.names)?;
            if phase.now > 0 {
                let seconds = std::time::Duration::from_millis(phase.milliseconds).as_secs_f64();
                write!(out, " ({} now, in {seconds:.1} s)", phase.now)?;
            }
            if phase.failed > 0 {
                write!(out, ", {} failed", phase.failed)?;
            }
            if phase.skipped > 0 {
                write!(out, ", {} skipped because they were unregistered", phase.skipped)?;
            }
            if phase.revoked > 0 {
                write!(out, ", {} skipped because they were revoked", phase.revoked)?;
            }
            if phase.replaced > 0 {
                let have = if phase.replaced == 1 { "has" } else { "have" };
                write!(out, ", {} {have} another certificate now", phase.replaced)?;
            }
            writeln!(out)?;
        }
        if let Some(registration) = &self.registration {
            writeln!(out, "  {:<10}  {}", "platform", printable(&registration.platform))?;
            if let (Some(least), times) = (registration.pushed_down_to, registration.pushed_back) {
                let times = counted(times, "request", "requests");
                writeln!(
                    out,
                    "  {:<10}  {times}, down to {} at once",
                    "pushed back",
                    devices(u64::try_from(least).unwrap_or(u64::MAX))
                )?;
            }
            for device in &registration.failures {
                writeln!(out, "  {:<10}  {}", "failed", printable(&device.name))?;
            }
        }
        if let Some(bundles) = &self.bundles {
            let what = if bundles.merged { "a whole image" } else { "credentials" };
            let place = if bundles.merged { "0x0" } else { bundles.offset.as_str() };
            let each = format!("{what} each, {} bytes for {place} of {}", bundles.bytes, bundles.chip);
            writeln!(out, "  {:<10}  {} ({each})", "bundles", path(&bundles.bundles))?;
            writeln!(out, "  {:<10}  {}", "firmware", path(&bundles.firmware))?;
            if let Some(index) = &bundles.index {
                writeln!(out, "  {:<10}  {}", "index", path(index))?;
            }
        }
        for (word, file) in [("archive", &self.archive), ("index", &self.index)] {
            if let Some(file) = file {
                writeln!(out, "  {word:<10}  {}", path(file))?;
            }
        }
        for file in &self.results {
            writeln!(out, "  {:<10}  {}", "results", path(file))?;
        }
        if let (false, Some(job), false) = (self.is_complete(), self.job, self.dry_run) {
            let resume = if self.phases.iter().any(|phase| phase.phase == PhaseName::Issue) {
                match self.renews {
                    true => format!(", or `tbpki fleet issue --resume {job}`"),
                    false => format!(", or with --resume {job}"),
                }
            } else {
                String::new()
            };
            let is_canceled = self.stopped.as_ref().is_some_and(|stopped| stopped.code == Code::JobCanceled);
            match self.rest {
                _ if is_canceled => {}
                Rest::Here => writeln!(out, "unfinished: run the same command again{resume}")?,
                Rest::NotIssued if self.phases.iter().any(|phase| phase.phase == PhaseName::Issue) => {
                    writeln!(out, "unfinished: run the same command again{resume}")?;
                }
                Rest::NotIssued => writeln!(
                    out,
                    "unfinished: issue the rest with `tbpki fleet issue --resume {job}`, then run the same command again"
                )?,
                // The finding about these shards names the way to them.
                Rest::Elsewhere => {}
            }
        }
        Ok(())
    }
}

fn devices(count: u64) -> String {
    counted(count, "device", "devices")
}
