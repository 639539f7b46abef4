//! `tbpki ledger platform`.

use std::io::{self, Write};

use base::text::printable;
use base::{Code, Result};
use ledger::PlatformUrl;
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::LedgerPlatformArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

/// The platforms that the ledger knows.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LedgerPlatformsReport {
    /// The platforms, the first one that was used first.
    platforms: Vec<ListedPlatformUrl>,
}

/// A platform.
#[derive(Debug, Serialize, JsonSchema)]
struct ListedPlatformUrl {
    /// The URL: scheme and host in lower case, no default port, no trailing slash.
    url: String,
    /// Whether it is the one that is configured.
    configured: bool,
}

pub(crate) fn run(args: &LedgerPlatformArgs, context: &mut Context) -> Result<Exit> {
    let config = context.config(&Overrides::default())?;
    let names: Vec<PlatformUrl> = args.rename.iter().map(|url| url.parse()).collect::<Result<_>>()?;
    let mut is_renamed = true;
    let report = context.in_workspace(&config, |workspace| {
        if let [old, new] = names.as_slice() {
            is_renamed = workspace.open_store("ledger platform")?.ledger.rename_platform(old, new)?;
        }
        let configured = workspace.location.platform();
        let known = workspace.view()?.platforms()?.into_iter();
        let platforms = known.map(|platform| ListedPlatformUrl {
            configured: Some(&platform.url) == configured,
            url: platform.url.to_string(),
        });
        Ok(LedgerPlatformsReport { platforms: platforms.collect() })
    })?;
    if let ([old, _], false) = (names.as_slice(), is_renamed) {
        let note = Code::UnknownPlatform.note(format!("the ledger does not know {old}, and nothing was renamed"));
        context.output.findings([note.because("it was renamed before, or the address has a slip")]);
    }
    context.output.result(&report)?;
    Ok(Exit::Done)
}

impl Report for LedgerPlatformsReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.platforms.is_empty() {
            return writeln!(out, "no platform is recorded yet");
        }
        for platform in &self.platforms {
            let note = if platform.configured { " (configured)" } else { "" };
            writeln!(out, "{}{note}", printable(&platform.url))?;
        }
        Ok(())
    }
}
