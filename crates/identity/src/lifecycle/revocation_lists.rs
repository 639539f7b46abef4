//! The files with the revocation lists: one for the devices' CAs, and one for the servers' CA once it has revoked.
//!
//! Each file is PEM with a list for each CA key below one root. Brokers differ in what they ask for: mosquitto looks only
//! at the leaf, but wants a list of every CA that issued one; OpenSSL with `-crl_check_all` and Java want the root's too.

pub mod due;
pub mod list_file;
mod report;
mod unmade;
mod warnings;
mod writer;

use std::path::{Path, PathBuf};

use base::{Code, Error, Result};
use config::Config;
use ledger::View;
use store::ca::{Ca, Hierarchy, KeyLocation};
use store::file_names::{DEVICES_LISTS, SERVERS_LISTS};
use store::{Store, Workspace};

use super::enrol::renewal_grace;
use super::list_hook::ListHook;
use crate::profile_ca;
pub use report::{RevocationListReport, RevocationListsReport};
pub use unmade::UnmadeList;
use writer::Writer;

/// The path of the file with the lists of the devices' CAs.
pub fn devices_file(config: &Config, store: &Path) -> PathBuf {
    let named = config.crl.out.value.as_ref().map(|path| path.resolved().to_owned());
    named.unwrap_or_else(|| store.join(DEVICES_LISTS))
}

/// Whether this store writes the lists of the devices' CAs. Another one does if it has exported this store as a station
/// bundle, because only that one has the revocations of all stations.
pub fn is_written_here(config: &Config) -> bool {
    config.crl.write.value
}

/// Whether this store writes the lists of the servers' CAs: the one with their key does. A station for devices has none.
///
/// # Errors
/// Those of the disk.
pub fn writes_servers(workspace: &Workspace<'_>) -> Result<bool> {
    Ok(Ca::ServerIssuing.key_place(workspace.store_dir())? != KeyLocation::Elsewhere)
}

/// The error of a command for the store that writes the lists of the devices' CAs.
pub fn not_written_here() -> Error {
    Code::ListsElsewhere
        .error("this store does not write the revocation lists of the devices' CAs")
        .because("`write` in `[crl]` is false, as in each station bundle")
}

/// Fails in a store that has no lists to write.
///
/// # Errors
/// [`Code::ListsElsewhere`]; those of the disk.
pub fn check_written_here(workspace: &Workspace<'_>) -> Result<()> {
    if is_written_here(workspace.config) || writes_servers(workspace)? {
        return Ok(());
    }
    let fix = "run `tbpki crl` in the store that exported this station bundle, and copy its file with the lists here";
    Err(not_written_here().fix(fix))
}

/// As [`write()`], for lists that are due and not for a revocation: `[crl] superseded` adds the generations of devices that a
/// renewal has replaced.
///
/// # Errors
/// Those of [`write()`].
pub fn write_scheduled(
    workspace: &mut Workspace<'_>,
    store: &mut Store,
    dry_run: bool,
) -> Result<RevocationListsReport> {
    if !dry_run && workspace.config.crl.superseded.value {
        let count = store.ledger.revoke_superseded(workspace.now, &renewal_grace(workspace.config, workspace.now))?;
        tracing::info!(count, "revoked superseded certificates");
    }
    write(workspace, store, dry_run)
}

/// Makes and writes the lists of all CAs whose keys are in the store, those of the devices' CAs if [`is_written_here`]. If a
/// file has changed, the program of `[crl] after` has to run: the caller drops the store, and calls [`run_hook`].
///
/// A key that cannot be opened, and one whose last list is later than the clock, keep their lists, and the report has them
/// as [`UnmadeList`]: the lists of the other keys do not wait.
///
/// # Errors
/// [`Code::TargetExists`] if a file holds something else, [`Code::SharedCaName`] if two CA keys have one name,
/// [`Code::RevocationsLost`], [`Code::HookUnsafe`], and errors of the secrets, the ledger and the disk; [`Code::ClockBehind`] and
/// errors of the keys if no list can be made. Nothing is written then.
pub fn write(workspace: &mut Workspace<'_>, store: &mut Store, dry_run: bool) -> Result<RevocationListsReport> {
    let hook = &ListHook::of(workspace);
    // Before anything is written: a program that others can change stops the command.
    hook.check()?;
    let mut report = RevocationListsReport::new(dry_run);
    for (path, cas) in files_to_write(workspace, store)? {
        Writer::new(workspace, store, path, dry_run, hook, &mut report).write(&cas)?;
    }
    Ok(report)
}

/// The files that this store writes, each with the CAs that have a list in it.
fn files_to_write(workspace: &Workspace<'_>, store: &Store) -> Result<Vec<(PathBuf, Vec<Ca>)>> {
    let mut files = Vec::new();
    if is_written_here(workspace.config) {
        let cas = listed_cas(&store.ledger, store.dir(), Hierarchy::Devices)?;
        files.push((devices_file(workspace.config, workspace.store_dir()), cas));
    }
    let path = workspace.store_dir().join(SERVERS_LISTS);
    let mut is_wanted = path.exists();
    for ca in Hierarchy::Server.cas() {
        is_wanted = is_wanted || !store.ledger.revoked_by(&ca.name(), None, None)?.is_empty();
    }
    if is_wanted && writes_servers(workspace)? {
        files.push((path, listed_cas(&store.ledger, store.dir(), Hierarchy::Server)?));
    }
    Ok(files)
}

/// The CAs of a hierarchy in the order of their lists: those that issue leaves first.
fn listed_cas(view: &View, store: &Path, hierarchy: Hierarchy) -> Result<Vec<Ca>> {
    let mut cas = vec![hierarchy.issuing()];
    if hierarchy == Hierarchy::Devices {
        let profiles = profile_ca::names_with_revoked(view)?.into_iter().map(Ca::Profile);
        // A shared ledger has the profiles of other stores, too.
        cas.extend(profiles.filter(|ca| !view.is_shared() || ca.cert_path(store).exists()));
    }
    cas.push(hierarchy.root());
    Ok(cas)
}

/// Runs the program of `[crl] after` if a file of this report has changed, or if it failed after earlier lists. If it fails,
/// the report has it. The store must not be locked.
pub fn run_hook(workspace: &Workspace<'_>, report: &mut RevocationListsReport) {
    let hook = ListHook::of(workspace);
    if report.dry_run || !(report.is_hook_due || hook.is_open()) {
        return;
    }
    match hook.run() {
        Ok(()) => report.hook_done = hook.has_program(),
        Err(error) => {
            report.hook_failed = true;
            report.findings.push(error.into_finding());
        }
    }
}

/// Runs the program of `[crl] after` if it failed after earlier lists, or was interrupted. `None` if it is not open.
///
/// # Errors
/// [`Code::HookUnsafe`].
pub fn run_open_hook(workspace: &Workspace<'_>) -> Result<Option<RevocationListsReport>> {
    let hook = ListHook::of(workspace);
    if !hook.is_open() {
        return Ok(None);
    }
    hook.check()?;
    let mut report = RevocationListsReport::new(false);
    run_hook(workspace, &mut report);
    Ok(Some(report))
}
