//! `tbpki ledger platform`.

use std::io::{self, Write};

use base::text::{counted, printable, shell_word};
use base::{Code, Finding, Result};
use ledger::{PlatformJoin, PlatformRename, PlatformUrl};
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::LedgerPlatformArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;
use crate::verb::platform::declined;

/// The platforms that the ledger knows.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LedgerPlatformsReport {
    /// The platforms, the first one that was used first.
    platforms: Vec<ListedPlatformUrl>,
    /// What was added to the records at the new URL, or would be; absent unless both URLs have records.
    #[serde(skip_serializing_if = "Option::is_none")]
    joined: Option<JoinedPlatforms>,
    /// True if nothing was written; absent otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

/// A platform.
#[derive(Debug, Serialize, JsonSchema)]
struct ListedPlatformUrl {
    /// The URL: scheme and host in lower case, no default port, no trailing slash.
    url: String,
    /// Whether it is the one that is configured.
    configured: bool,
}

/// What the records at the new URL get from those at the old one.
#[derive(Debug, Serialize, JsonSchema)]
struct JoinedPlatforms {
    /// The registrations that the old URL alone has.
    registrations: u64,
    /// The registrations that both have: the later one counts.
    registered_at_both: u64,
    /// The identities that were taken from the platform at the old URL alone.
    unregistered: u64,
    /// The open steps of revocations.
    revocations: u64,
    /// The open steps of renewals.
    renewals: u64,
    /// The access tokens of devices.
    tokens: u64,
    /// The shards of jobs that are registered.
    shards: u64,
    /// The devices that were taken from the platform at one URL, and registered at the other afterwards.
    registered_again: u64,
}

/// A change of a URL that is asked for.
struct Renaming {
    old: PlatformUrl,
    new: PlatformUrl,
}

pub(crate) fn run(args: &LedgerPlatformArgs, context: &mut Context) -> Result<Exit> {
    let config = context.config(&Overrides::default())?;
    let urls: Vec<PlatformUrl> = args.rename.iter().map(|url| url.parse()).collect::<Result<_>>()?;
    let renaming = match <[PlatformUrl; 2]>::try_from(urls) {
        Ok([old, new]) => Some(Renaming { old, new }),
        Err(_) => None,
    };
    let plan = match &renaming {
        Some(Renaming { old, new }) => {
            Some(context.in_workspace(&config, |workspace| workspace.view()?.plan_rename(old, new))?)
        }
        None => None,
    };
    // Asked before the work begins: its lock would keep other verbs out while a person thinks.
    if let (Some(Renaming { old, new }), Some(PlatformRename::Joined(join))) = (&renaming, &plan)
        && !args.yes
        && !args.dry_run
    {
        let question = format!(
            "Both URLs have records. Are {old} and {new} one server, and may this be joined: {}?",
            JoinedPlatforms::of(join).text()
        );
        if !context.prompter.confirm(&question, "--yes")? {
            return Err(declined("nothing was renamed"));
        }
    }
    let report = context.in_workspace(&config, |workspace| {
        let done = match &renaming {
            Some(Renaming { old, new }) if !args.dry_run => {
                let joins = matches!(plan, Some(PlatformRename::Joined(_)));
                Some(workspace.open_store("ledger platform")?.ledger.rename_platform(old, new, joins)?)
            }
            _ => plan,
        };
        let configured = workspace.location.platform();
        let known = workspace.view()?.platforms()?.into_iter();
        let platforms = known.map(|platform| ListedPlatformUrl {
            configured: Some(&platform.url) == configured,
            url: platform.url.to_string(),
        });
        Ok((LedgerPlatformsReport { platforms: platforms.collect(), joined: None, dry_run: args.dry_run }, done))
    })?;
    let (mut report, done) = report;
    match (&renaming, done) {
        (Some(Renaming { old, .. }), Some(PlatformRename::Nothing)) => {
            let note = Code::UnknownPlatform.note(format!("the ledger does not know {old}, and nothing was renamed"));
            context.output.findings([note.because("it was renamed before, or the address has a slip")]);
        }
        (Some(Renaming { new, .. }), Some(PlatformRename::Joined(join))) => {
            context.output.findings(registered_again(&join, new));
            report.joined = Some(JoinedPlatforms::of(&join));
        }
        _ => {}
    }
    context.output.result(&report)?;
    Ok(Exit::Done)
}

/// The warning about devices that were taken from the platform, and are registered there.
fn registered_again(join: &PlatformJoin, url: &PlatformUrl) -> Option<Finding> {
    let first = join.names_registered_again.first()?;
    let devices = counted(join.registered_again, "device", "devices");
    let names = join.names_registered_again.join(", ");
    let more = if join.registered_again > join.names_registered_again.len() as u64 { ", .." } else { "" };
    Some(
        Code::DeviceUnregistered
            .warning(format!(
                "{devices} were taken from the platform at one URL, and registered at the other afterwards"
            ))
            .because(format!("the platform may have their certificates, and bulk commands skip them: {names}{more}"))
            .fix(format!(
                "take each away with `tbpki unregister {} --platform-url {}`, or keep it with `tbpki register --again`",
                shell_word(first),
                shell_word(url.as_str())
            )),
    )
}

impl JoinedPlatforms {
    fn of(join: &PlatformJoin) -> Self {
        Self {
            registrations: join.registrations,
            registered_at_both: join.registered_at_both,
            unregistered: join.unregistered,
            revocations: join.revocations,
            renewals: join.renewals,
            tokens: join.tokens,
            shards: join.shards,
            registered_again: join.registered_again,
        }
    }

    /// The fields that are not 0, in words.
    fn text(&self) -> String {
        let all = [
            (self.registrations, "registration", "registrations"),
            (self.registered_at_both, "registration at both", "registrations at both"),
            (self.unregistered, "unregistered identity", "unregistered identities"),
            (self.revocations, "open step of a revocation", "open steps of revocations"),
            (self.renewals, "open step of a renewal", "open steps of renewals"),
            (self.tokens, "access token", "access tokens"),
            (self.shards, "registered shard", "registered shards"),
        ];
        let some = all.into_iter().filter(|(count, ..)| *count > 0);
        some.map(|(count, one, many)| counted(count, one, many)).collect::<Vec<_>>().join(", ")
    }
}

impl Report for LedgerPlatformsReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(joined) = &self.joined {
            let done = if self.dry_run { "would be joined" } else { "joined" };
            writeln!(out, "{done}: {}", joined.text())?;
        }
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
