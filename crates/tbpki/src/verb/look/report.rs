//! `tbpki report`.

use std::io::{self, Write};
use std::path::PathBuf;

use base::file::{Mode, OutputTarget, WriteOutcome};
use base::text::printable;
use base::{Code, Result};
use fleet::overview::{Overview, OverviewSummary};
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;

use crate::args::ReportArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;
use crate::output::terminal::Mood;

/// The written page and its figures.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PageReport {
    /// The file with the page.
    file: String,
    /// The file with the replaced page.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<PathBuf>,
    /// The size of the page in octets.
    size: usize,
    /// The figures of the fleet.
    fleet: OverviewSummary,
}

pub(crate) fn run(args: &ReportArgs, context: &mut Context) -> Result<Exit> {
    // The page lists devices with their failures, which other users must not read.
    let mut output = OutputTarget::new(&args.out, Mode::Private);
    if args.force {
        output = output.replacing("old");
    }
    if output.is_stdout() && context.output.is_json() {
        return Err(Code::Usage.error("`--out -` and --json cannot be combined").fix("use --out FILE, or omit --json"));
    }
    let config = context.config(&Overrides::default())?;
    let location = context.store_location(&config)?;
    let view = store::view(&location)?;
    let overview = Overview::of(&view, store::token_devices(&location, &view)?, OffsetDateTime::now_utc())?;
    let page = overview.page(&args.title);
    if output.is_stdout() {
        context.output.text(&page)?;
        return Ok(Exit::Done);
    }
    let written = output.write(page.as_bytes()).map_err(|error| match error.code() {
        Code::TargetExists => error.fix("replace it with --force, which keeps the old file, or choose another --out"),
        _ => error,
    });
    let kept = match written? {
        WriteOutcome::Replaced(kept) => Some(kept),
        WriteOutcome::Written | WriteOutcome::Unchanged => None,
    };
    let file = args.out.display().to_string();
    context.output.result(&PageReport { file, kept, size: page.len(), fleet: overview.summary() })?;
    Ok(Exit::Done)
}

impl Report for PageReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        let fleet = &self.fleet;
        writeln!(out, "written to {}", printable(&self.file))?;
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
        counted("within 90 d", fleet.expiring_within_90_days, Mood::Warning)?;
        if fleet.rows < fleet.devices {
            writeln!(out, "the page lists {} devices and counts all", fleet.rows)?;
        }
        Ok(())
    }
}
