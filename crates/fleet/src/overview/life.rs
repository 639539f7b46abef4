//! The dates of revocation lists, the progress of rollovers, what was revoked and why, and what is begun and not done.

use std::collections::HashMap;

use base::text::shell_word;
use base::{Finding, Result};
use identity::lifecycle::list_hook;
use identity::lifecycle::published_lists::{self, PublishedList};
use identity::lifecycle::rollover::{self, CaRow};
use ledger::{Entry, Key, Kind, RevocationCount, Role, View};
use schemars::JsonSchema;
use serde::Serialize;
use store::Workspace;

use crate::lifecycle::outdated::OutdatedPlatform;

/// The highest number of open steps, of open jobs, and of revoked certificates on the page.
pub(super) const SHOWN: u32 = 100;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Life {
    /// One for each generation of a CA that has a published list.
    pub(super) lists: Vec<PublishedList>,
    /// The rollovers that are under way.
    pub(super) rollovers: Vec<RolloverSummary>,
    /// The number of revoked certificates by kind and reason.
    pub(super) revoked: Vec<RevocationCount>,
    /// The revoked certificates, the latest first.
    pub(super) latest_revoked: Vec<Entry>,
    /// What is begun and not done, of each kind at most [`SHOWN`].
    pub(super) open: Vec<OpenItem>,
    /// The number of all open steps of renewals and revocations, and of platforms that have earlier certificates.
    pub(super) open_steps: u64,
    /// Files that could not be read, and lists that are due.
    pub(super) findings: Vec<Finding>,
}

/// How many have come along with a rollover.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RolloverSummary {
    /// The CA, by its name in the ledger.
    pub ca: String,
    /// The next generation, from 1.
    pub generation: u32,
    /// True if it is prepared: `kind` must get it before it signs.
    pub prepared: bool,
    /// True if it signs and certificates of it must replace those of the generation before: `done` have one. Otherwise
    /// `done` have the generation itself.
    pub replaces: bool,
    /// `device` or `server`.
    pub kind: String,
    /// How many have it.
    pub done: u64,
    /// All who must have it.
    pub total: u64,
}

impl RolloverSummary {
    /// The progress that a row of a CA shows, if a rollover is under way.
    fn of(ca: &CaRow) -> Option<Self> {
        let prepared = ca.role == Role::Pending.as_str();
        let (replaces, kind, done, total) = match (&ca.peers, &ca.below) {
            (_, Some(below)) => (true, &below.kind, below.below, below.total),
            (Some(peers), None) => (false, &peers.kind, peers.confirmed, peers.total),
            (None, None) => return None,
        };
        let (ca, generation) = (ca.name.clone(), ca.generation);
        Some(Self { ca, generation, prepared, replaces, kind: kind.clone(), done, total })
    }
}

/// Something that is begun and not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OpenItem {
    /// What it belongs to.
    pub(super) of: OpenKind,
    /// The kind and the name of the identity, or the job.
    pub(super) subject: String,
    /// What was begun and is not done.
    pub(super) step: String,
    /// The error of the last attempt.
    pub(super) error: Option<String>,
    /// The URL of the platform of a revocation or registration, if the ledger knows several.
    pub(super) platform: Option<String>,
    /// The command that finishes it at this platform; `None` for that of its kind.
    command: Option<String>,
}

impl OpenItem {
    /// The command that finishes it.
    pub(super) fn remedy(&self) -> String {
        self.command.clone().unwrap_or_else(|| self.of.remedy().to_owned())
    }
}

/// What an open step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OpenKind {
    /// A revocation.
    Revocation,
    /// The program of `[crl] after`.
    AfterLists,
    /// A renewal.
    Renewal,
    /// A certificate that was fetched over the network.
    Enrolment,
    /// A platform that has an earlier certificate of a device.
    Registration,
    /// A job whose names are not all issued.
    Job,
}

impl OpenKind {
    /// The word in JSON.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Revocation => "revocation",
            Self::AfterLists => "crl-after",
            Self::Renewal => "renewal",
            Self::Enrolment => "enrolment",
            Self::Registration => "registration",
            Self::Job => "job",
        }
    }

    /// The command that finishes it.
    const fn remedy(self) -> &'static str {
        match self {
            Self::Revocation | Self::AfterLists => "tbpki revoke --open",
            Self::Renewal => "the same tbpki renew again",
            Self::Enrolment => "tbpki serve continues it",
            Self::Registration => "tbpki register NAME --platform-url URL",
            Self::Job => "the same tbpki fleet command again, or --resume",
        }
    }
}

impl Life {
    /// Reads it. What the files of CAs and lists do not show becomes a finding: the rest of the page is worth having.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(super) fn of(workspace: &Workspace<'_>, view: &View) -> Result<Self> {
        let mut life = Self::default();
        match published_lists::of_store(workspace.config, workspace.store_dir(), view, workspace.now) {
            Ok(published) => {
                life.findings.extend(published.warnings(workspace.now));
                life.lists = published.lists;
            }
            Err(error) => life.findings.push(error.into_warning()),
        }
        match rollover::overview(workspace) {
            Ok(report) => life.rollovers = report.cas.iter().filter_map(RolloverSummary::of).collect(),
            Err(error) => life.findings.push(error.into_warning()),
        }
        life.revoked = view.revocations_by_reason()?;
        life.latest_revoked = view.latest_revoked(SHOWN)?;
        life.add_open(workspace, view)?;
        Ok(life)
    }

    fn add_open(&mut self, workspace: &Workspace<'_>, view: &View) -> Result<()> {
        let limit = usize::try_from(SHOWN).unwrap_or(usize::MAX);
        let subject = |kind: Kind, name: &str| format!("{kind} {name}");
        let items = &mut self.open;
        // By name and not all at once: `revoke --job` may have left a step open for each of a million devices.
        for (kind, name) in view.names_with_open_revocations(None, SHOWN)? {
            items.extend(view.open_revocations_of(kind, &name)?.into_iter().map(|open| {
                OpenItem {
                    of: OpenKind::Revocation,
                    subject: subject(kind, &name),
                    step: open.step.to_string(),
                    error: open.error,
                    command: open
                        .url
                        .as_ref()
                        .map(|url| format!("tbpki revoke --open --platform-url {}", shell_word(url.as_str()))),
                    platform: open.url.map(|url| url.to_string()),
                }
            }));
        }
        if list_hook::is_open(workspace.store_dir()) {
            let program = workspace.config.crl.after.value.first().map_or("no program", |word| word.as_str());
            items.push(OpenItem {
                of: OpenKind::AfterLists,
                subject: program.to_owned(),
                step: "[crl] after".to_owned(),
                error: None,
                platform: None,
                command: None,
            });
        }
        let (renewals, swaps) = (view.open_renewals()?, view.open_swaps()?);
        let steps = u64::try_from(renewals.len().saturating_add(swaps.len())).unwrap_or(u64::MAX);
        self.open_steps =
            steps.saturating_add(view.count_open_revocations()?).saturating_add(view.count_outdated_devices()?);
        items.extend(renewals.into_iter().take(limit).map(|open| OpenItem {
            of: OpenKind::Renewal,
            subject: subject(open.key.kind, &open.key.name),
            step: open.step.to_string(),
            error: open.error,
            platform: None,
            command: None,
        }));
        let mut errors: HashMap<Key, String> = view.swap_errors()?.into_iter().collect();
        items.extend(swaps.into_iter().take(limit).map(|entry| OpenItem {
            error: errors.remove(&entry.key),
            of: OpenKind::Enrolment,
            subject: subject(entry.key.kind, &entry.key.name),
            step: "swap".to_owned(),
            platform: None,
            command: None,
        }));
        items.extend(OutdatedPlatform::of_all(view, SHOWN)?.into_iter().map(|outdated| OpenItem {
            of: OpenKind::Registration,
            subject: subject(Kind::Device, &outdated.name),
            step: "register".to_owned(),
            error: None,
            platform: Some(outdated.platform),
            command: Some(outdated.command),
        }));
        let jobs = view.jobs()?.into_iter().filter(|job| !job.done && job.canceled_at.is_none());
        items.extend(jobs.take(limit).map(|job| OpenItem {
            of: OpenKind::Job,
            subject: format!("job {}", job.id),
            step: if job.renews { "renew" } else { "issue" }.to_owned(),
            error: None,
            platform: None,
            command: None,
        }));
        Ok(())
    }
}
