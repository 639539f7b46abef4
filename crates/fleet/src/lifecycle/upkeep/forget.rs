//! Names that are no longer used: revoked, their files removed, and free again.

use std::collections::BTreeMap;
use std::path::Path;

use base::file::{self, BulkDir};
use base::text::quote;
use base::{Code, Error, Finding, Result};
use identity::lifecycle::revocation_lists::{RevocationListsReport, run_open_hook};
use ledger::{JobId, Kind, Role, View};
use pki::device_name::DeviceName;
use pki::revocation_list::Reason;
use schemars::JsonSchema;
use serde::Serialize;
use store::file_names::{PENDING, is_of_identity, keystore_password};
use store::shard::{Layout, ShardStore};
use store::{Workspace, identity_dir};

use crate::lifecycle::device_tokens::may_have_token;
use crate::lifecycle::revoke::{OpenPlatform, RevokeReport, RevokeRequest, Targets, revoke};

/// What is to be forgotten.
#[derive(Debug, Clone)]
pub struct ForgetRequest {
    /// The devices that are to be forgotten.
    pub devices: Vec<DeviceName>,
    /// Do not revoke certificates that have not expired.
    pub keep_valid: bool,
    /// Say what would happen, and change nothing.
    pub dry_run: bool,
}

/// A device that was forgotten.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ForgottenDevice {
    /// The name that is free now.
    pub name: String,
    /// Generations that were revoked by this.
    pub revoked: usize,
    /// Whether its one-time password, or its request for an approval, is withdrawn by this.
    pub without_enrolment: bool,
    /// Whether its directory in the store is gone.
    pub files_removed: bool,
    /// Files in its directory that tbpki did not make, and that stay.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files_left: Vec<String>,
}

/// What was forgotten.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ForgetReport {
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// The devices that were forgotten, or would be.
    pub devices: Vec<ForgottenDevice>,
    /// Devices that stay, because the platform still accepts their access tokens.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<String>,
    /// Steps of their revocations that are open.
    pub open: usize,
    /// The platforms that are not configured here and still have certificates or tokens of the devices.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<OpenPlatform>,
    /// True if the program of `[crl] after` failed. The same command, `tbpki revoke --open` and the next lists run it again.
    pub hook_failed: bool,
    /// The revocations that were necessary.
    #[serde(skip)]
    pub revocation: Option<RevokeReport>,
    /// The revocation lists that were written, and the program that makes brokers read them.
    #[serde(skip)]
    pub lists: Option<RevocationListsReport>,
    /// What was noticed.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// Revokes the certificates of devices that have not expired, records the names as forgotten, and removes their files from
/// the store. Their rows and serial numbers stay in the ledger, and the names can be used again. May be repeated.
///
/// # Errors
/// [`Code::UnknownIdentity`] if the ledger does not have one of the names, [`Code::NameReserved`] if one waits in a job:
/// nothing is changed then.
pub fn forget(workspace: &mut Workspace<'_>, request: &ForgetRequest) -> Result<ForgetReport> {
    let view = workspace.view()?;
    let mut report = ForgetReport {
        dry_run: request.dry_run,
        devices: Vec::new(),
        kept: Vec::new(),
        open: 0,
        platforms: Vec::new(),
        hook_failed: false,
        revocation: None,
        lists: None,
        findings: Vec::new(),
    };
    for name in &request.devices {
        check(workspace.store_dir(), &view, name.as_str())?;
        let valid = view.revocable(Kind::Device, name.as_str(), workspace.now)?;
        let revoked = if request.keep_valid { 0 } else { valid.iter().filter(|row| row.role != Role::Revoked).count() };
        report.findings.extend(in_shards(workspace.store_dir(), &view, name.as_str())?);
        report.findings.extend(in_copies(&view, name.as_str())?);
        let device = ForgottenDevice {
            name: name.as_str().to_owned(),
            revoked,
            without_enrolment: view.has_open_enrolment(name.as_str())?,
            files_removed: false,
            files_left: files(workspace.store_dir(), name.as_str())?.1,
        };
        report.devices.push(device);
    }
    // A run that was interrupted has left steps of its revocations open.
    let is_meant =
        |key: &ledger::Key| key.kind == Kind::Device && request.devices.iter().any(|name| name.as_str() == key.name);
    let has_open_steps = view.open_revocations()?.iter().any(|open| is_meant(&open.key));
    if request.dry_run {
        return Ok(report);
    }
    // Revoked certificates and tokens: what a device can log in with must end before its files are gone.
    let mut has_token = false;
    for name in request.devices.iter().filter(|_| !request.keep_valid) {
        has_token |= may_have_token(workspace.store_dir(), &view, name.as_str())?;
    }
    drop(view);
    if has_open_steps || has_token || report.devices.iter().any(|device| device.revoked > 0) {
        let names = request.devices.clone();
        let revocation =
            RevokeRequest { targets: Targets::Devices(names), reason: Reason::CessationOfOperation, dry_run: false };
        let mut revoked = revoke(workspace, &revocation, &mut |_| {})?;
        report.open = usize::try_from(revoked.open_steps).unwrap_or(usize::MAX);
        report.findings.append(&mut revoked.findings);
        report.platforms = revoked.platforms.clone();
        report.lists = revoked.lists.take();
        report.revocation = Some(revoked);
        // The store is the only place with such a token, so that its file stays until no platform has it.
        let view = workspace.view()?;
        for device in std::mem::take(&mut report.devices) {
            match view.device_tokens_of(&device.name)?.is_empty() {
                true => report.devices.push(device),
                false => report.kept.push(device.name),
            }
        }
    }
    if report.lists.is_none()
        && let Some(mut hook) = run_open_hook(workspace)?
    {
        // An earlier run has revoked everything, and its program failed.
        report.findings.append(&mut hook.findings);
        report.lists = Some(hook);
    }
    report.hook_failed = report.lists.as_ref().is_some_and(|lists| lists.hook_failed);
    let mut store = workspace.open_store("forget")?;
    // The ledger before the files: a killed run leaves files that the same command removes. In the other order it would
    // leave a name in use that has lost its key.
    store.ledger.transaction(|transaction| {
        report.devices.iter().try_for_each(|device| transaction.forget(Kind::Device, &device.name))
    })?;
    for device in &mut report.devices {
        device.files_removed = remove(store.dir(), device)?;
    }
    Ok(report)
}

/// Fails for a name that the ledger does not have, or that waits in a job.
fn check(store: &Path, view: &View, name: &str) -> Result<()> {
    view.check_not_reserved(Kind::Device, name)?;
    // The token of a device without a certificate may have been taken away before: then only its files are left.
    let has_files = || Ok::<_, Error>(!files(store, name)?.0.is_empty());
    let is_known = may_have_token(store, view, name)? || view.has_open_enrolment(name)? || has_files()?;
    if !is_known && view.history(Kind::Device, name)?.is_empty() {
        return Err(Code::UnknownIdentity
            .error(format!("the ledger has no device {}", quote(name)))
            .item(name)
            .fix("`tbpki list --kind device` lists the devices"));
    }
    Ok(())
}

/// A note for each job whose shards or archive keep files of the device, with the place: the key in use can be in the job
/// that renewed it.
fn in_shards(store: &Path, view: &View, name: &str) -> Result<Vec<Finding>> {
    let mut notes: BTreeMap<JobId, Finding> = BTreeMap::new();
    for row in view.history(Kind::Device, name)? {
        let Some((job, _, committed)) = view.shard_of(&row)? else { continue };
        let place = ShardStore::find(store, &committed.place).ok();
        if place.as_ref().is_some_and(|place| place.layout() == Layout::Directories) {
            continue;
        }
        let note = Code::FilesLeft
            .note(format!("the shards of job {job} still contain the key and the certificate of this device"))
            .item(name)
            .fix("destroy the directory or archive of the job when none of its devices needs it");
        notes.insert(
            job,
            match place {
                Some(place) => note.at(place.archive().filter(|archive| archive.exists()).unwrap_or(place.dir)),
                None => note,
            },
        );
    }
    Ok(notes.into_values().collect())
}

/// A note if a directory outside of the store has copies of the device's files: programs of this host may use them.
fn in_copies(view: &View, name: &str) -> Result<Option<Finding>> {
    let history = view.history(Kind::Device, name)?;
    let dirs = history.iter().rev().filter_map(|row| row.copies.as_deref());
    let dir = dirs.map(Path::new).find(|dir| dir.join(store::file_names::CHAIN).is_file());
    Ok(dir.map(|dir| {
        let note =
            Code::FilesLeft.note("a directory still holds copies of the files of this device").at(dir).item(name);
        note.fix("remove them when no program uses them")
    }))
}

/// The files in the directory of a device: those of tbpki, and others.
fn files(store: &Path, name: &str) -> Result<(Vec<String>, Vec<String>)> {
    let dir = identity_dir(store, Kind::Device, name);
    if !dir.is_dir() {
        return Ok((Vec::new(), Vec::new()));
    }
    let mut names = BulkDir::open(&dir)?.names()?;
    // Leftovers of killed writes and the lock are not the user's, and must not keep the directory.
    names.retain(|file| !file.starts_with(".tbpki-") && file != ".lock");
    names.sort();
    let is_own = |file: &String| is_of_identity(file) || (file == PENDING && is_own_dir(&dir.join(PENDING)));
    Ok(names.into_iter().partition(is_own))
}

/// Whether a directory holds only files that tbpki writes for an identity.
fn is_own_dir(dir: &Path) -> bool {
    BulkDir::open(dir).and_then(|dir| dir.names()).is_ok_and(|names| names.iter().all(|file| is_of_identity(file)))
}

/// Removes the files of a device; the directory too, in one step, if nothing else is in it.
fn remove(store: &Path, device: &ForgottenDevice) -> Result<bool> {
    let name = &device.name;
    file::remove(store, &format!("secrets/{}", keystore_password(Kind::Device, name)))?;
    if device.files_left.is_empty() {
        file::remove(store, &format!("devices/{name}"))?;
        return Ok(true);
    }
    for file in files(store, name)?.0 {
        file::remove(store, &format!("devices/{name}/{file}"))?;
    }
    Ok(false)
}
