//! Writing the files again that follow from the CAs that peers trust.

use base::Result;
use base::file::{FileSet, Mode};
use ledger::{Entry, Filter, Key, Kind, RenewalStep};
use store::ca::Ca;
use store::file_names::{ANCHORS, CHAIN, TOKEN};
use store::{Store, Workspace, identity_dir};

use super::report::{NotRefreshed, RolloverReport};
use crate::files::output::pem_of;
use crate::lifecycle::missing_copies;
use crate::lifecycle::renew::fetched::{bring_to_host, refresh_trusted};
use crate::lifecycle::renew::{is_fetched, is_of_others, late_copies, refresh};
use crate::report::{FileOutcome, FileReport};

/// Brings the files of servers and devices up to date with the generations of the CAs. One that fails does not keep the
/// others from it: it is in the report.
///
/// # Errors
/// Those of the ledger.
pub(super) fn spread(
    workspace: &mut Workspace<'_>,
    store: &mut Store,
    ca: &Ca,
    report: &mut RolloverReport,
) -> Result<()> {
    // The platform is told about the CA of a profile; no file names it.
    if ca.profile().is_some() {
        return Ok(());
    }
    refresh_all(workspace, store, Kind::Server, report)?;
    // A root's rollover changes what devices have: their anchors, or the certificate of the CA above their leaf. An
    // issuing CA's rollover changes neither for leaves that exist.
    if ca.is_root() {
        refresh_all(workspace, store, Kind::Device, report)?;
    }
    if *ca == Ca::ServerRoot {
        refresh_with_tokens(workspace, store, report)?;
    }
    Ok(())
}

/// Brings the trust anchors of devices with access tokens up to date: these have no certificate, or one whose files are
/// elsewhere.
fn refresh_with_tokens(workspace: &Workspace<'_>, store: &Store, report: &mut RolloverReport) -> Result<()> {
    let anchors = workspace.client_anchors()?;
    let mut last = String::new();
    loop {
        let page = store.ledger.names_with_tokens(&last, PAGE)?;
        let Some(end) = page.last() else { return Ok(()) };
        last.clone_from(end);
        for name in &page {
            let dir = identity_dir(store.dir(), Kind::Device, name);
            let has_own = dir.join(CHAIN).exists() && store.ledger.current(Kind::Device, name)?.is_some();
            // With the files of its certificate, these were brought up to date, too.
            if has_own || anchors.is_empty() || !dir.join(ANCHORS).exists() {
                continue;
            }
            let mut set = FileSet::new(&dir).replacing("old");
            set.add(ANCHORS, pem_of(&anchors).into_bytes(), Mode::Public)?;
            match set.commit() {
                Ok(files) => {
                    let files = files.into_iter().map(FileReport::from);
                    let changed: Vec<_> = files.filter(|file| file.done != FileOutcome::Unchanged).collect();
                    report.devices += u64::from(!changed.is_empty());
                    report.files.extend(changed);
                }
                Err(error) => report.left.push(NotRefreshed::of(Kind::Device, name, error)),
            }
        }
    }
}

/// Fails if the program of a server may still read files from before the rollover: the directory that gets copies is
/// missing, or has not got them since.
///
/// # Errors
/// [`Code::CopiesMissing`](base::Code::CopiesMissing), and those of the ledger.
pub(super) fn check_copies(store: &Store, ca: &Ca) -> Result<()> {
    if ca.profile().is_some() {
        return Ok(());
    }
    for entry in store.ledger.with_copies()? {
        // Other stations of a shared ledger see to their directories.
        let is_here = identity_dir(store.dir(), entry.key.kind, &entry.key.name).is_dir();
        let is_meant = entry.key.kind == Kind::Server && is_here && !is_of_others(&entry);
        let Some(dir) = entry.copies.as_deref().filter(|_| is_meant) else { continue };
        if late_copies::missing(&entry).is_some() || store.ledger.is_step_open(&entry.key, RenewalStep::Install)? {
            return Err(missing_copies::before_retiring(&entry.key.name, dir));
        }
    }
    Ok(())
}

/// How many names are read from the ledger at once.
const PAGE: u32 = 500;

/// Records that the directory with copies of an identity is missing, and has the earlier files when it is back. The copies are
/// a step of the identity that is open until it has them.
fn record_missing(store: &mut Store, entry: &Entry, report: &mut RolloverReport) -> Result<()> {
    let Some(dir) = late_copies::missing(entry) else { return Ok(()) };
    let error = missing_copies::after_rollover(entry.key.kind, &entry.key.name, dir);
    store.ledger.transaction(|transaction| {
        transaction.begin_step(&entry.key, RenewalStep::Install)?;
        transaction.fail_step(&entry.key, RenewalStep::Install, &format!("{dir} is not there"))
    })?;
    report.left.push(NotRefreshed::of(entry.key.kind, &entry.key.name, error));
    Ok(())
}

fn refresh_all(
    workspace: &mut Workspace<'_>,
    store: &mut Store,
    kind: Kind,
    report: &mut RolloverReport,
) -> Result<()> {
    let filter = Filter { kind: Some(kind), current_only: true, ..Filter::default() };
    let mut last: Option<Key> = None;
    loop {
        // The ledger is written to while the list is read.
        let page: Vec<_> = store.ledger.list_after(&filter, last.take()).take(PAGE as usize).collect::<Result<_>>()?;
        let Some(end) = page.last() else { return Ok(()) };
        last = Some(end.key.clone());
        for entry in &page {
            let name = entry.key.name.as_str();
            // Identities of a job are in its shards, and those of other stations are there.
            if !identity_dir(store.dir(), kind, name).is_dir() {
                continue;
            }
            // Its certificate is in the shard of a job, and the token alone is here.
            let dir = identity_dir(store.dir(), kind, name);
            if kind == Kind::Device && dir.join(TOKEN).exists() && !dir.join(CHAIN).exists() {
                continue;
            }
            // Its files come from elsewhere, and nothing in them follows from the CAs of this store.
            if is_of_others(entry) {
                continue;
            }
            let is_fetched = is_fetched(&store.ledger, entry)?;
            if is_fetched && kind == Kind::Device {
                // It gets them with its next renewal.
                continue;
            }
            let refreshed = match is_fetched {
                true => refresh_trusted(workspace, store, entry),
                false => refresh(workspace, store, entry),
            };
            let refreshed = refreshed.and_then(|files| record_missing(store, entry, report).map(|()| files));
            match refreshed {
                Ok(files) => {
                    let changed = files.into_iter().filter(|file| file.done != FileOutcome::Unchanged);
                    let changed: Vec<_> = changed.collect();
                    if changed.is_empty() {
                        continue;
                    }
                    if is_fetched {
                        report.findings.push(bring_to_host(store.dir(), entry));
                    }
                    match kind {
                        Kind::Server => report.restart.push(name.to_owned()),
                        _ => report.devices += 1,
                    }
                    report.files.extend(changed);
                }
                Err(error) => report.left.push(NotRefreshed::of(kind, name, error)),
            }
        }
    }
}
