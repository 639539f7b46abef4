//! The report about a fleet as text.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base::Code;
use base::text::{counted, printable};
use fleet::mass::{BundlesReport, FleetReport, PhaseName, PhaseReport, RegistrationReport, Rest};

use crate::output::Report;

impl Report for FleetReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        render_title(self, out)?;
        let near = NearPaths::new();
        if !self.out.as_os_str().is_empty() {
            writeln!(out, "  {:<10}  {} ({})", "in", near.of(&self.out), self.layout)?;
        }
        self.phases.iter().try_for_each(|phase| render_phase(phase, self.names, out))?;
        if let Some(registration) = &self.registration {
            render_registration(registration, out)?;
        }
        if let Some(bundles) = &self.bundles {
            render_bundles(bundles, &near, out)?;
        }
        let archive = [("archive", &self.archive), ("index", &self.index)];
        let files = archive.iter().filter_map(|(word, file)| Some((*word, file.as_ref()?)));
        for (word, file) in files.chain(self.results.iter().map(|file| ("results", file))) {
            writeln!(out, "  {word:<10}  {}", near.of(file))?;
        }
        match self.job {
            Some(job) if !self.is_complete() && !self.dry_run => render_rest(self, job, out),
            _ => Ok(()),
        }
    }
}

/// Paths relative to the working directory, which is what a person types.
struct NearPaths(PathBuf);

impl NearPaths {
    fn new() -> Self {
        Self(std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default())
    }

    fn of(&self, path: &Path) -> String {
        printable(&path.strip_prefix(&self.0).unwrap_or(path).to_string_lossy()).to_string()
    }
}

fn render_title(report: &FleetReport, out: &mut dyn Write) -> io::Result<()> {
    match (report.job, report.dry_run) {
        (Some(job), _) => writeln!(out, "job {job}: {}", devices(report.names)),
        // Only bundles of devices that fetch their certificates belong to no job.
        (None, _) if report.phases.iter().any(|phase| phase.phase == PhaseName::Bundle) => {
            writeln!(out, "without certificates: {}", devices(report.names))
        }
        (None, true) => writeln!(out, "dry run of a new job: {}", devices(report.names)),
        // A renewal of devices of which none is due.
        (None, false) => writeln!(out, "no new job: no device is renewed"),
    }
}

/// A line about a phase of a job with so many names.
fn render_phase(phase: &PhaseReport, names: u64, out: &mut dyn Write) -> io::Result<()> {
    let word = match phase.phase {
        PhaseName::Issue => "issued",
        PhaseName::Register => "registered",
        PhaseName::Bundle => "bundled",
    };
    write!(out, "  {word:<10}  {} of {names}", phase.done)?;
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
    writeln!(out)
}

fn render_registration(registration: &RegistrationReport, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  {:<10}  {}", "platform", printable(&registration.platform))?;
    if let (Some(least), times) = (registration.pushed_down_to, registration.pushed_back) {
        let (times, least) = (counted(times, "request", "requests"), u64::try_from(least).unwrap_or(u64::MAX));
        writeln!(out, "  {:<10}  {times}, down to {} at once", "pushed back", devices(least))?;
    }
    for device in &registration.failures {
        writeln!(out, "  {:<10}  {}", "failed", printable(&device.name))?;
    }
    Ok(())
}

fn render_bundles(bundles: &BundlesReport, near: &NearPaths, out: &mut dyn Write) -> io::Result<()> {
    let what = if bundles.merged { "a whole image" } else { "credentials" };
    let place = if bundles.merged { "0x0" } else { bundles.offset.as_str() };
    let each = format!("{what} each, {} bytes for {place} of {}", bundles.bytes, bundles.chip);
    writeln!(out, "  {:<10}  {} ({each})", "bundles", near.of(&bundles.bundles))?;
    writeln!(out, "  {:<10}  {}", "firmware", near.of(&bundles.firmware))?;
    match &bundles.index {
        Some(index) => writeln!(out, "  {:<10}  {}", "index", near.of(index)),
        None => Ok(()),
    }
}

/// A line with the command that does the rest of a job.
fn render_rest(report: &FleetReport, job: u64, out: &mut dyn Write) -> io::Result<()> {
    let has_issued = report.phases.iter().any(|phase| phase.phase == PhaseName::Issue);
    let resume = match (has_issued, report.renews) {
        (true, true) => format!(", or `tbpki fleet issue --resume {job}`"),
        (true, false) => format!(", or with --resume {job}"),
        (false, _) => String::new(),
    };
    let is_canceled = report.stopped.as_ref().is_some_and(|stopped| stopped.code == Code::JobCanceled);
    match report.rest {
        _ if is_canceled => Ok(()),
        Rest::NotIssued if !has_issued => writeln!(
            out,
            "unfinished: issue the rest with `tbpki fleet issue --resume {job}`, then run the same command again"
        ),
        Rest::Here | Rest::NotIssued => writeln!(out, "unfinished: run the same command again{resume}"),
        // The finding about these shards names the way to them.
        Rest::Elsewhere => Ok(()),
    }
}

fn devices(count: u64) -> String {
    counted(count, "device", "devices")
}
