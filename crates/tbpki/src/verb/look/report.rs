//! `tbpki report`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base::file::{self, Mode, OutputTarget, WriteOutcome};
use base::text::printable;
use base::{Code, Result};
use config::Config;
use fleet::overview::{Overview, OverviewSummary};
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::ReportArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;
use crate::output::terminal::Mood;

/// The largest file of metrics that is replaced: one of ours is far smaller.
const METRICS_LIMIT: usize = 16 << 20;

/// The written files, and the figures of the page.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct PageReport {
    /// The file with the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// The file with the replaced page.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<PathBuf>,
    /// The size of the page in octets.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<usize>,
    /// The figures of the fleet, as the page has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    fleet: Option<OverviewSummary>,
    /// The file with the figures for Prometheus.
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<String>,
}

pub(crate) fn run(args: &ReportArgs, context: &mut Context) -> Result<Exit> {
    let config = context.config(&Overrides::default())?;
    let mut report = PageReport::default();
    let is_stdout = |path: Option<&PathBuf>| path.is_some_and(|path| path == Path::new("-"));
    let (page, metrics) = (args.out.as_ref(), args.metrics.as_ref());
    check_stdout(is_stdout(page), is_stdout(metrics), context.output.is_json())?;
    if let Some(path) = metrics {
        let text = context.in_workspace(&config, |workspace| identity::lifecycle::metrics::of_store(workspace))?;
        if is_stdout(metrics) {
            context.output.text(&text)?;
        } else {
            let is_ours = |before: &[u8]| before.starts_with(identity::lifecycle::metrics::FIRST_LINE.as_bytes());
            file::replace(path, text.as_bytes(), Mode::Public, METRICS_LIMIT, is_ours)?;
            report.metrics = Some(path.display().to_string());
        }
    }
    if let Some(path) = page {
        write_page(args, path, &config, &mut report, context)?;
    }
    if is_stdout(page) || is_stdout(metrics) {
        return Ok(Exit::Done);
    }
    context.output.result(&report)?;
    Ok(Exit::Done)
}

/// Fails if two texts are to go to standard output.
fn check_stdout(page: bool, metrics: bool, json: bool) -> Result<()> {
    if page && metrics {
        return Err(Code::Usage
            .error("`--out -` and `--metrics -` cannot be combined")
            .fix("name a file for one of them"));
    }
    if (page || metrics) && json {
        let option = if page { "--out" } else { "--metrics" };
        return Err(Code::Usage
            .error(format!("`{option} -` and --json cannot be combined"))
            .fix(format!("use {option} FILE, or omit --json")));
    }
    Ok(())
}

fn write_page(
    args: &ReportArgs,
    path: &Path,
    config: &Config,
    report: &mut PageReport,
    context: &mut Context,
) -> Result<()> {
    // The page lists devices with their failures, which other users must not read.
    let mut output = OutputTarget::new(path, Mode::Private);
    if args.force {
        output = output.replacing("old");
    }
    let overview = context.in_workspace(config, |workspace| Overview::of(workspace))?;
    context.output.findings(overview.findings().to_vec());
    let page = overview.page(&args.title);
    if output.is_stdout() {
        return context.output.text(&page);
    }
    let written = output.write(page.as_bytes()).map_err(|error| match error.code() {
        Code::TargetExists => error.fix("replace it with --force, which keeps the old file, or choose another --out"),
        _ => error,
    });
    report.kept = match written? {
        WriteOutcome::Replaced(kept) => Some(kept),
        WriteOutcome::Written | WriteOutcome::Unchanged | WriteOutcome::Given => None,
    };
    report.file = Some(path.display().to_string());
    report.size = Some(page.len());
    report.fleet = Some(overview.summary());
    Ok(())
}

impl Report for PageReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(metrics) = &self.metrics {
            writeln!(out, "metrics written to {}", printable(metrics))?;
        }
        let (Some(file), Some(fleet)) = (&self.file, &self.fleet) else { return Ok(()) };
        writeln!(out, "written to {}", printable(file))?;
        if let Some(kept) = &self.kept {
            writeln!(out, "  the old file is kept as {}", printable(&kept.display().to_string()))?;
        }
        writeln!(out, "  devices     {:>9}", fleet.devices)?;
        if fleet.tokens > 0 {
            writeln!(out, "  with tokens {:>9}", fleet.tokens)?;
        }
        writeln!(out, "  registered  {:>9}", fleet.registered)?;
        writeln!(out, "  in images   {:>9}", fleet.bundled)?;
        let mut counted = |name: &str, count: u64, mood: Mood| {
            let style = if count == 0 { Mood::Neutral } else { mood }.style();
            writeln!(out, "  {name:<11} {style}{count:>9}{style:#}")
        };
        counted("failed", fleet.failed, Mood::Bad)?;
        counted("expired", fleet.expired, Mood::Bad)?;
        counted("renew now", fleet.due, Mood::Warning)?;
        counted("open steps", fleet.open_steps, Mood::Bad)?;
        if fleet.rows < fleet.devices {
            writeln!(out, "the page lists {} devices and counts all", fleet.rows)?;
        }
        Ok(())
    }
}
