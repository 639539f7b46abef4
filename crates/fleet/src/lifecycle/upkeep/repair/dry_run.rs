//! What a repair would take over. Nothing is written.

use std::env;
use std::path::{Path, PathBuf};

use base::file;
use base::{Code, Result};
use ledger::{Ledger, View};
use pki::serial::Serial;
use store::Workspace;

use super::issuers::{Issuers, record_cas};
use super::report::RepairReport;
use super::{PlatformCompared, RepairRequest, doubt, gather, keys_elsewhere, platform};
use crate::lifecycle::upkeep::check::lists::{listed, without_list};
use crate::lifecycle::upkeep::scan::Places;

/// An empty ledger outside of the store, in the place of one that is lost.
struct EmptyLedger {
    dir: PathBuf,
    name: String,
    ledger: Ledger,
}

impl EmptyLedger {
    /// One that has the CAs of a store and nothing else.
    fn create(store: &Path) -> Result<Self> {
        let (dir, name) = (env::temp_dir(), format!("tbpki-dry-run-{}", Serial::random()?));
        file::create_dir(dir.join(&name))?;
        let ledger = Ledger::open(dir.join(&name).join("ledger.db"))?;
        let mut empty = Self { dir, name, ledger };
        record_cas(&mut empty.ledger, store)?;
        Ok(empty)
    }
}

impl Drop for EmptyLedger {
    fn drop(&mut self) {
        if let Err(error) = file::remove(&self.dir, &self.name) {
            tracing::warn!(%error, "a temporary ledger stays");
        }
    }
}

/// Counts what [`repair`](super::repair) would take over from the files, the published lists and the platform.
///
/// # Errors
/// As [`repair`](super::repair).
pub(super) fn plan(workspace: &mut Workspace<'_>, request: &RepairRequest) -> Result<RepairReport> {
    match workspace.view() {
        Ok(view) => count(workspace, &view, request),
        Err(error) if error.code() == Code::LedgerUnreadable && is_ledger_gone(workspace) => {
            let empty = EmptyLedger::create(workspace.store_dir())?;
            count(workspace, &empty.ledger, request)
        }
        Err(error) => Err(error),
    }
}

/// Whether there is no ledger, and not a damaged one.
fn is_ledger_gone(workspace: &Workspace<'_>) -> bool {
    workspace.location.is_shared() || !workspace.location.ledger_path().exists()
}

fn count(workspace: &mut Workspace<'_>, view: &View, request: &RepairRequest) -> Result<RepairReport> {
    let mut report = RepairReport { dry_run: true, ..RepairReport::default() };
    let dir = workspace.store_dir().to_owned();
    let issuers = Issuers::of_store(&dir, view)?;
    let places = Places::of(&dir, view)?;
    let (candidates, jobs) = gather(workspace, &dir, view, &places, &issuers, &mut report)?;
    report.identities = candidates.len().try_into().unwrap_or(u64::MAX);
    report.jobs = jobs.count_new(view, &candidates)?;
    report.keys_elsewhere = keys_elsewhere(&candidates);
    report.revocations = listed(workspace, view)?.len().try_into().unwrap_or(u64::MAX);
    if workspace.config.platform.url.value.is_none() {
        report.platform = PlatformCompared::NotConfigured;
    } else if !request.offline {
        platform::compare(workspace, view, &mut |_| {
            report.registrations += 1;
            Ok(())
        })?;
        report.platform = PlatformCompared::Compared;
    }
    for serial in &request.in_use {
        doubt::of_serial(view, serial)?;
        report.settled += 1;
    }
    doubt::report(view, &request.in_use, &mut report)?;
    let without_line = report.jobs;
    report.describe_unknown(&without_list(workspace, view)?, without_line);
    Ok(report)
}
