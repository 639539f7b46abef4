//! Flash images: a device's credentials and an application, ready to be written to a chip.
//!
//! All devices are looked at before the first file is written, one after the other, so that a fleet of any size takes
//! the memory of one device.

mod anchors;
mod bad_record;
mod board;
mod broker_name;
mod device;
mod enrolment;
mod firmware_limit;
mod flash;
mod missing;
mod own_file;
mod pending_password;
mod record_items;
mod report;
mod request;
mod write;

pub(crate) use device::{BundleSettings, no_key};
pub(crate) use enrolment::Enrolment;
pub use enrolment::EnrolmentReport;
pub(crate) use firmware_limit::check_can;
pub use flash::{FlashReport, FlashRequest, FlashedPart, flash, flash_directory};
pub use own_file::own_file;
pub use record_items::record_items;
pub use report::{
    ApplicationReport, BundleOutcome, BundleReport, BundledDevice, DatesReport, PartReport, ReplacedFile, SourceReport,
};
pub use request::{BundleRequest, DeviceLogin, Devices, EnrolmentRequest};

use std::collections::HashSet;

use base::text::{device_option, device_words, quote};
use base::{Code, Finding, Result};
use devkit::application::{Application, ApplicationSource, Dates};
use devkit::image::Firmware;
use ledger::{Entry, Filter, Kind, Role, State, View};
use pki::device_name::DeviceName;

use crate::lifecycle::expiry::ExpiryCount;
use crate::register;
use request::BundleTarget;
use store::Workspace;
use store::shard::IdentityFinder;

/// The number of devices that a warning names.
const NAMED: usize = 5;

/// Makes images. `say` is told what takes long.
///
/// # Errors
/// What chip, application, partitions, network, devices and disk can be wrong about; before the first file is written
/// wherever that can be known.
pub fn bundle(
    workspace: &mut Workspace<'_>,
    request: &BundleRequest,
    say: &mut dyn FnMut(&str),
) -> Result<BundleReport> {
    store::check_exists(workspace.store_dir())?;
    let ledger = workspace.view()?;
    let targets = targets(&ledger, request);
    // Several devices and none named: one of the values that a first run lacks.
    let needs_device = targets.as_ref().is_err_and(|error| error.code() == Code::Usage);
    missing::check(workspace, board::known_chip(workspace.config)?, &request.places, needs_device)?;
    let (targets, enrolled) = without_enrolled(targets?, &ledger, request)?;
    let PreparedImages { application, source, firmware, wanted, mut findings } =
        prepare(workspace, request, true, say)?;
    findings.extend(unregistered(&targets));
    findings.extend(revoked(&ledger, request)?);
    findings.extend(enrolled);
    findings.extend(expiry(workspace, &ledger, &targets)?);
    let (targets, failed) = checked(targets, workspace, request, &firmware, &wanted, &ledger)?;
    let mut devices: Vec<BundledDevice> = if request.dry_run {
        write::planned(workspace, &ledger, request, &firmware, &wanted, &targets)?
    } else {
        drop(ledger);
        let written = write::all(workspace, request, &firmware, &wanted, &targets, say)?;
        findings.extend(written.not_tried);
        written.devices
    };
    devices.extend(failed);
    devices.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(BundleReport::new(&firmware, &application, &source, &wanted, request, devices, findings))
}

/// The devices that can get an image, and with `--all` those that cannot: the others do not wait for them.
fn checked(
    targets: Vec<BundleTarget>,
    workspace: &Workspace<'_>,
    request: &BundleRequest,
    firmware: &Firmware,
    wanted: &BundleSettings,
    view: &View,
) -> Result<(Vec<BundleTarget>, Vec<BundledDevice>)> {
    let mut finder = IdentityFinder::new(workspace.store_dir());
    let chip = firmware.board().chip;
    let (mut ready, mut failed) = (Vec::with_capacity(targets.len()), Vec::new());
    for target in targets {
        match write::check(workspace, &mut finder, view, request, firmware, wanted, &target) {
            Ok(()) => ready.push(target),
            // With `--all` one damaged directory must not keep a fleet from its images.
            Err(error) if request.devices == Devices::All && is_of_one(error.code()) => {
                let dir = write::dir(workspace, request, chip, &target);
                failed.push(BundledDevice::failed(&target.name, dir, error));
            }
            Err(error) => return Err(error),
        }
    }
    // If no device is left the command has failed, with the error of the first one.
    match failed.first_mut().filter(|_| ready.is_empty()).and_then(|first| first.error.take()) {
        Some(error) => Err(base::Error::new(error)),
        None => Ok((ready, failed)),
    }
}

/// True for what is wrong with one device: its files in the store, or those in the place of its image.
fn is_of_one(code: Code) -> bool {
    matches!(
        code,
        Code::FileUnreadable
            | Code::PlaceMissing
            | Code::ShardDamaged
            | Code::IdentityChanged
            | Code::CertificateUnreadable
            | Code::KeyUnreadable
            | Code::KeyMismatch
            | Code::TokenMissing
            | Code::BadRecord
            | Code::RecordTooLarge
            | Code::AnchorsMissing
            | Code::TargetExists
            | Code::NotADirectory
            | Code::NotACa
            | Code::Expired
            | Code::NameReserved
            | Code::ProfilePattern
            | Code::EnrolmentLabel
            | Code::LongFactoryCertificate
    )
}

/// All that images of a fleet have in common, found and checked.
pub(crate) struct PreparedImages {
    pub(crate) application: Application,
    pub(crate) source: ApplicationSource,
    pub(crate) firmware: Firmware,
    pub(crate) wanted: BundleSettings,
    pub(crate) findings: Vec<Finding>,
}

/// Finds and checks what images have in common. `merged` is true if a merged file is made for each device.
pub(crate) fn prepare(
    workspace: &mut Workspace<'_>,
    request: &BundleRequest,
    merged: bool,
    say: &mut dyn FnMut(&str),
) -> Result<PreparedImages> {
    // All missing settings in one error, before the first of them is used.
    missing::check(workspace, board::known_chip(workspace.config)?, &request.places, false)?;
    let chip = board::chip(workspace.config)?;
    let board = board::board(workspace.config, request, chip)?;
    let (application, source) = devkit::application::find(chip, &request.places, say)?;
    if request.nvs_encryption && application.is_ours() {
        return Err(Code::EncryptedNvs
            .error("our application does not read an encrypted NVS")
            .fix("leave --nvs-encryption out, or name an application that reads it with --app"));
    }
    if application.is_ours() {
        board::check_for_ours(workspace.config, request, &board)?;
    }
    let in_file = |error: base::Error| {
        let file = board::blamed(workspace.config, error.code(), source.path());
        error.at(file)
    };
    let firmware = Firmware::new(&application, board).map_err(in_file)?;
    if request.enrolment.is_some() && application.is_ours() && !application.enrolls() {
        return Err(Code::NoEnrolmentInFirmware
            .error("this application does not fetch certificates")
            .at(source.path())
            .because("it is the firmware of tbpki, in a version without enrolment or for a chip without Wi-Fi")
            .fix("leave --enroll out, or name an application that reads records of version 2 with --app"));
    }
    let wanted = BundleSettings::new(workspace, request, chip, application.is_ours())?;
    let mut findings = wanted.findings();
    findings.extend(board::findings(workspace.config, request, &firmware, source.path(), merged)?);
    if application.dates() == Dates::NotChecked {
        findings.push(
            Code::DatesNotChecked
                .warning("this application does not check the dates of certificates")
                .at(source.path())
                .because("its Mbed TLS was built without a clock"),
        );
    }
    Ok(PreparedImages { application, source, firmware, wanted, findings })
}

/// The devices that are meant, each with what the ledger knows of it.
fn targets(view: &View, request: &BundleRequest) -> Result<Vec<BundleTarget>> {
    match &request.devices {
        Devices::Named(names) => {
            let mut seen = HashSet::new();
            names.iter().filter(|name| seen.insert(name.as_str())).map(|name| named(view, name, request)).collect()
        }
        Devices::All => {
            let all = listed(view)?;
            if all.is_empty() { Err(no_device()) } else { Ok(all) }
        }
        Devices::Only => {
            let all = listed(view)?;
            match all.len() {
                0 => Err(no_device()),
                1 => Ok(all),
                count => Err(Code::Usage
                    .error(format!("the store has {count} devices, and none was named"))
                    .argument("--device")
                    .fix("name one or more with --device, or use --all")),
            }
        }
    }
}

fn no_device() -> base::Error {
    Code::UnknownIdentity
        .error("the store has no device")
        .fix("make one with `tbpki client --device NAME`, then name it with --device, or use --all")
}

fn named(view: &View, name: &DeviceName, request: &BundleRequest) -> Result<BundleTarget> {
    let entry = view.latest(Kind::Device, name.as_str())?;
    if entry.as_ref().is_some_and(|entry| entry.role == Role::Revoked) {
        return Err(register::revoked(name.as_str()).argument("--device"));
    }
    let needs_none = request.auth == DeviceLogin::Token || request.enrolment.is_some();
    if let Some(pending) = entry.as_ref().filter(|entry| entry.role == Role::Pending && !needs_none) {
        return Err(register::only_pending(view, pending)?.argument("--device"));
    }
    match entry.filter(Entry::is_current) {
        Some(entry) if request.pending => renewal(view, &entry),
        Some(entry) => Ok(target(&entry)),
        // A device with a token may have been created in the platform by hand, without a certificate of this store.
        None if request.auth == DeviceLogin::Token => Ok(without_row(name)),
        // Its first confirmation registers it.
        None if request.enrolment.is_some() => Ok(without_row(name)),
        None => Err(Code::UnknownIdentity
            .error(format!("the store has no device {} with a certificate", quote(name.as_str())))
            .argument("--device")
            .fix(format!(
                "make it with `tbpki client {}`, or let the device fetch one with --enroll",
                device_option(name.as_str())
            ))),
    }
}

/// A device that has no certificate, and needs none to be registered.
fn without_row(name: &DeviceName) -> BundleTarget {
    let name = name.as_str().to_owned();
    BundleTarget { name, key: None, is_registered: true, was_unregistered: false, renewal: None }
}

/// The pending renewal of a device.
fn renewal(view: &View, present: &Entry) -> Result<BundleTarget> {
    let name = &present.key.name;
    let pending = view.pending(Kind::Device, name)?.ok_or_else(|| register::nothing_pending(name))?;
    let renewal = Some(pending.generation().number());
    // The platform has the present certificate until the device was reflashed.
    Ok(BundleTarget { key: Some(pending.key), renewal, ..target(present) })
}

fn listed(view: &View) -> Result<Vec<BundleTarget>> {
    let filter = Filter { kind: Some(Kind::Device), current_only: true, ..Filter::default() };
    let listed = view.list(&filter).filter(|entry| entry.as_ref().map_or(true, Entry::is_for_bulk));
    let mut numbered = listed
        .map(|entry| entry.map(|entry| (entry.job.map(|(job, number)| (job.number(), number)), target(&entry))))
        .collect::<Result<Vec<_>>>()?;
    // Shard after shard: in the order of names, another shard could be opened for each device.
    numbered.sort_by_key(|(number, _)| *number);
    Ok(numbered.into_iter().map(|(_, target)| target).collect())
}

fn target(entry: &Entry) -> BundleTarget {
    BundleTarget {
        name: entry.key.name.clone(),
        key: Some(entry.key.clone()),
        is_registered: entry.reached(State::Registered).is_some(),
        was_unregistered: entry.unregistered_at.is_some(),
        renewal: None,
    }
}

/// A note about the devices that `--all` leaves out because they were revoked.
fn revoked(view: &View, request: &BundleRequest) -> Result<Option<Finding>> {
    if !matches!(request.devices, Devices::All) {
        return Ok(None);
    }
    let filter =
        Filter { kind: Some(Kind::Device), latest_only: true, states: vec![State::Revoked], ..Filter::default() };
    Ok(match view.count(&filter)? {
        0 => None,
        1 => Some(Code::Revoked.note("1 device was revoked and is skipped")),
        count => Some(Code::Revoked.note(format!("{count} devices were revoked and are skipped"))),
    })
}

/// The devices without those that `--all --enroll` leaves out, and a note about them. A new password would make a device that
/// has fetched its certificate anyone's who has the image.
fn without_enrolled(
    targets: Vec<BundleTarget>,
    view: &View,
    request: &BundleRequest,
) -> Result<(Vec<BundleTarget>, Option<Finding>)> {
    if request.enrolment.is_none() || request.devices != Devices::All {
        return Ok((targets, None));
    }
    let before = targets.len();
    let mut left = Vec::with_capacity(before);
    for target in targets {
        let is_enrolled = match &target.key {
            Some(key) => view.enrolled(key)?.is_some(),
            None => false,
        };
        if !is_enrolled {
            left.push(target);
        }
    }
    let what = match before - left.len() {
        0 => return Ok((left, None)),
        1 => "1 device has fetched its certificate over the network and is skipped".to_owned(),
        count => format!("{count} devices have fetched their certificates over the network and are skipped"),
    };
    let fix = "name a device with --device to give it a new password";
    if left.is_empty() {
        return Err(Code::AlreadyEnrolled.error(what).argument("--all").fix(fix));
    }
    Ok((left, Some(Code::AlreadyEnrolled.note(what).fix(fix))))
}

/// Findings about targets whose certificates have expired or are due.
fn expiry(workspace: &Workspace<'_>, view: &View, targets: &[BundleTarget]) -> Result<Vec<Finding>> {
    let mut found = ExpiryCount::new(workspace.config, workspace.now);
    // Without a key, the device has a token or fetches its certificate. A renewal is fresh.
    for target in targets.iter().filter(|target| target.key.is_some() && target.renewal.is_none()) {
        if let Some(entry) = view.current(Kind::Device, &target.name)? {
            found.add_of(view, &target.name, entry.not_before, entry.not_after)?;
        }
    }
    Ok(found.findings(None))
}

/// One warning for all: a fleet that is registered later is no reason for a thousand lines.
fn unregistered(targets: &[BundleTarget]) -> Option<Finding> {
    let names: Vec<&str> =
        targets.iter().filter(|target| !target.is_registered).map(|target| target.name.as_str()).collect();
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    let what = match names.len() {
        0 => return None,
        1 => format!("the device {shown} is not registered in the platform"),
        count if count <= NAMED => format!("{count} devices are not registered in the platform: {shown}"),
        count => format!("{count} devices are not registered in the platform: {shown} and others"),
    };
    Some(Code::NotRegistered.warning(what).because("the platform rejects unregistered devices").fix(
        match targets.iter().filter(|target| !target.is_registered).all(|target| target.was_unregistered) {
            true => format!(
                "they were unregistered; if they are to log in again, run `tbpki register {} --again --replace`",
                names.iter().take(NAMED).map(|name| device_words(name)).collect::<Vec<_>>().join(" ")
            ),
            false => "register them, for example with `tbpki register`, before they are switched on".to_owned(),
        },
    ))
}
