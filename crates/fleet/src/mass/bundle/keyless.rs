//! Bundles of devices without certificates: a factory without private keys.
//!
//! There is no job, because nothing is issued: the names are reserved by their one-time passwords. A directory of 1,000
//! bundles is published when the ledger has all of their passwords, so that a killed run leaves no bundle that the
//! service would refuse.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use base::file::{BulkDir, FileSet, Mode};
use base::text::quote;
use base::{Code, Error, Result, Secret, digest, file};
use identity::lifecycle::one_time_password;
use ledger::{Kind, StagedName, View};
use serde::{Deserialize, Serialize};

use super::bundler::Bundler;
use super::output::BundleOutput;
use super::{BundlesReport, check_merged, check_room};
use crate::bundle::{BundleRequest, Enrolment, prepare};
use crate::job_order::Destination;
use crate::mass::FleetOutcome;
use crate::mass::control::RunControl;
use crate::mass::issue::stage::SHARD;
use crate::mass::progress::ProgressCounter;
use crate::mass::report::{FleetReport, PhaseReport};
use crate::names::{Faults, NameFault, NamesSource, open};
use crate::stop::Stop;
use store::shard::{Attempt, Layout, Packer};
use store::{FILE_LIMIT, Store, Workspace};

/// The verb, as locks name it.
const VERB: &str = "fleet bundle";

/// The name of the file that tells which names the bundles of a directory are for.
const MARK: &str = "enrolment.json";

/// A request for bundles of names that have no certificates.
#[derive(Debug, Clone)]
pub struct KeylessBundleRequest {
    /// The devices that get a bundle.
    pub names: NamesSource,
    /// The directory or the archive.
    pub destination: Destination,
    /// Chip, application, enrolment service and the like, as for one device.
    pub firmware: BundleRequest,
    /// Whole images in place of credentials partitions.
    pub merged: bool,
    /// Make existing bundles again, and give names new passwords that have one in another place.
    pub again: bool,
    /// Say what would happen and write nothing.
    pub dry_run: bool,
}

/// A name of a list.
struct ListedName {
    /// The line, from 1.
    line: u64,
    name: String,
}

/// The content of [`MARK`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    version: u32,
    names: usize,
    /// SHA-256 over the names, each with a line feed.
    names_sha256: String,
}

impl Mark {
    fn of(names: &[ListedName]) -> Self {
        let text: String = names.iter().flat_map(|listed| [listed.name.as_str(), "\n"]).collect();
        Self { version: 1, names: names.len(), names_sha256: digest::hex(&digest::sha256(text.as_bytes())) }
    }
}

/// Makes the bundles of a list of names that have no certificates, each with a one-time password.
///
/// # Errors
/// Those of the names, the destination, the firmware and the network settings, before anything is written. A later
/// failure is an error too; the same command then continues.
pub fn bundle_keyless(
    workspace: &mut Workspace<'_>,
    request: &KeylessBundleRequest,
    control: &mut RunControl<'_>,
) -> Result<FleetOutcome> {
    let begun = Instant::now();
    if request.firmware.enrolment.is_none() {
        return Err(Code::Usage
            .error("bundles of names without certificates need an enrolment service")
            .argument("--enroll")
            .fix("name it with --enroll URL, or issue the devices first (`tbpki fleet issue`)"));
    }
    let (layout, packing) = request.destination.resolve()?;
    check_merged(request.merged, request.firmware.whole_flash, layout)?;
    let dir = directory(&request.destination, layout)?;
    let mut store = workspace.open_store(VERB)?;
    let prepared = prepare(workspace, &request.firmware, control.say)?;
    let findings = prepared.findings.clone();
    let bundler = Bundler::of(prepared, request.merged, request.firmware.whole_flash)?;
    let enrolment = bundler.wanted().enrolment.as_ref();
    let enrolment = enrolment.ok_or_else(|| Code::Internal.error("the enrolment service is missing"))?;
    let mut faults = Faults::default();
    let names = names(&request.names, &mut faults)?;
    let mark = Mark::of(&names);
    // A run that was killed while it wrote the mark has left it staged, in a directory that would not be empty.
    if !request.dry_run && dir.is_dir() {
        file::recover(&dir)?;
    }
    let is_ours = faults.is_empty() && is_marked(&dir, &mark)?;
    let attempts: Vec<Attempt> = (0..).take(names.len().div_ceil(SHARD as usize)).map(attempt).collect();
    let packer = Packer::new(packing, request.destination.recipients.clone());
    let there = if is_ours { Some(BulkDir::open(&dir)?) } else { None };
    let mut missing = Vec::new();
    for (attempt, names) in attempts.iter().zip(names.chunks(SHARD as usize)) {
        let file = BundleOutput::published(layout, *attempt, packing);
        if request.again || !there.as_ref().map_or(Ok(false), |there| there.holds(&file))? {
            missing.push((*attempt, names));
        }
    }
    // The names of bundles that are there are in use by now.
    if faults.is_empty() {
        // In the place of these very names, a killed run may have recorded passwords whose bundles are not there.
        let may_replace = is_ours || request.again;
        missing
            .iter()
            .try_for_each(|(_, names)| check_free(&store.ledger, enrolment, names, may_replace, &mut faults))?;
    }
    if !faults.is_empty() {
        return match request.names.refusal(&faults) {
            Some(error) => Err(error),
            None => Ok(FleetOutcome::Refused(faults)),
        };
    }
    let left: u64 = missing.iter().map(|(_, names)| names.len() as u64).sum();
    let total = names.len() as u64;
    let mut report =
        FleetReport { dry_run: request.dry_run, findings, ..FleetReport::of_names(total, layout, dir.clone()) };
    if request.dry_run {
        report.phases.push(PhaseReport::of_bundling(total, total - left, 0, begun));
        return Ok(FleetOutcome::Report(Box::new(report)));
    }
    if !is_ours {
        write_mark(&dir, &mark)?;
    }
    let output = BundleOutput::of_keyless(layout, &dir, packer, &bundler, workspace.now.unix_timestamp())?;
    if !request.again {
        output.check_common(&bundler, "use the same parameters as before, or make all of them again with --again")?;
    }
    if request.merged {
        check_room(&bundler, output.dir(), left, control)?;
    }
    let mut now = 0;
    let stop = Stop::on(control.stop);
    if left > 0 {
        output.remove_leftovers()?;
        output.write_common(&bundler)?;
        let anchors = bundler.anchors()?;
        let mut progress = ProgressCounter::new("bundling", total - left, total, control.tell);
        for (attempt, names) in missing {
            if stop.is_asked() {
                break;
            }
            shard(&mut store, &bundler, enrolment, &output, &anchors, attempt, names)?;
            now += names.len() as u64;
            progress.advance(names.len() as u64);
        }
    }
    let done = total - left + now;
    report.stopped = (done < total).then(|| {
        Code::StoppedEarly
            .error("bundling was stopped before it was done")
            .fix("run the same command again: it continues")
            .into_finding()
    });
    report.bundles = Some(BundlesReport::of(&bundler, &output)?);
    if let Some(bundles) = report.bundles.as_mut().filter(|_| done == total) {
        bundles.index = output.write_index(attempts.into_iter().map(Ok))?;
    }
    report.phases.push(PhaseReport::of_bundling(total, done, now, begun));
    Ok(FleetOutcome::Report(Box::new(report)))
}

/// Bundles are made once, so that there is one attempt at each directory.
fn attempt(shard: u32) -> Attempt {
    Attempt { shard, fence: 1 }
}

fn directory(destination: &Destination, layout: Layout) -> Result<PathBuf> {
    match (layout, &destination.out, &destination.archive) {
        (Layout::Shards, Some(out), _) => Ok(out.clone()),
        (Layout::Archive, _, Some(archive)) => Ok(super::output::bundles_of(archive)),
        _ => Err(Code::Usage
            .error("devices without certificates have no directories in the store")
            .fix("name a directory with --out DIR, or an archive with --archive FILE")),
    }
}

/// Reads the names. The faults of their form are added to `faults`.
fn names(source: &NamesSource, faults: &mut Faults) -> Result<Vec<ListedName>> {
    let mut names = Vec::new();
    let mut seen = HashSet::new();
    for name in open(source)? {
        match name.and_then(usable) {
            Ok(StagedName { name, line, .. }) if !seen.insert(name.clone()) => {
                faults.push(fault(line, &Code::DuplicateNames.error(format!("duplicate name {}", quote(&name)))));
            }
            Ok(StagedName { name, line, .. }) => names.push(ListedName { line, name }),
            Err(fault) => faults.push(fault),
        }
    }
    Ok(names)
}

/// A name without anything else: the rest would be lost, because the ledger has no row of a device before it enrols.
fn usable(name: StagedName) -> Result<StagedName, NameFault> {
    let attribute = name.attributes.keys().next().map(|key| format!("attr.{key}"));
    let more = [
        ("label", name.label.is_some()),
        ("profile", name.profile.is_some()),
        ("san", !name.sans.is_empty()),
        (attribute.as_deref().unwrap_or_default(), attribute.is_some()),
    ];
    match more.into_iter().find(|(_, is_given)| *is_given) {
        None => Ok(name),
        Some((column, _)) => {
            let text = format!("the column {column} is not kept for devices without certificates");
            Err(fault(name.line, &Code::UnknownColumn.error(text)))
        }
    }
}

fn fault(line: u64, error: &Error) -> NameFault {
    NameFault { line, code: error.code(), text: error.finding().what.clone() }
}

/// Adds the names that are in use, or whose first certificate the service could not issue.
fn check_free(
    view: &View,
    enrolment: &Enrolment,
    names: &[ListedName],
    may_replace: bool,
    faults: &mut Faults,
) -> Result<()> {
    let reserved = view.reserved_among(names.iter().map(|listed| listed.name.as_str()))?;
    for ListedName { line, name } in names {
        let taken = view.latest(Kind::Device, name)?.filter(|entry| entry.forgotten_at.is_none());
        let checked = match taken {
            Some(entry) => Err(Code::DuplicateNames.error(format!(
                "the store has the device {} already ({})",
                quote(name),
                entry.state
            ))),
            None => enrolment.check_first(view, &reserved, name).and_then(|()| match may_replace {
                true => Ok(()),
                false => enrolment.check_no_password(view, name),
            }),
        };
        if let Err(error) = checked {
            match error.code() {
                Code::DuplicateNames | Code::NameReserved | Code::ProfilePattern | Code::BadValue => {
                    faults.push(fault(*line, &error));
                }
                _ => return Err(error),
            }
        }
    }
    Ok(())
}

/// True if the directory has bundles of these names.
fn is_marked(dir: &Path, mark: &Mark) -> Result<bool> {
    let path = dir.join(MARK);
    match file::read_optional(&path, FILE_LIMIT)? {
        None => Ok(false),
        Some(bytes) if serde_json::from_slice::<Mark>(&bytes).is_ok_and(|there| there == *mark) => Ok(true),
        Some(_) => Err(Code::OtherBundles
            .error("the directory has bundles of other names")
            .at(path)
            .fix("use the same list as before, or another directory")),
    }
}

/// Takes a directory for the bundles of these names. It must be new or empty.
fn write_mark(dir: &Path, mark: &Mark) -> Result<()> {
    file::create_dir(dir)?;
    if !BulkDir::open(dir)?.names()?.is_empty() {
        return Err(Code::TargetExists
            .error("the directory for the bundles is not empty")
            .at(dir)
            .fix("name a new or an empty directory"));
    }
    let text = serde_json::to_string_pretty(mark)
        .map_err(|error| Code::Internal.error("the mark of bundles cannot be JSON").caused_by(error))?;
    let mut set = FileSet::new(dir);
    set.add(MARK, (text + "\n").into_bytes(), Mode::Public)?;
    set.commit().map(drop)
}

/// Makes the bundles of 1,000 names, records their passwords, and publishes them.
fn shard(
    store: &mut Store,
    bundler: &Bundler,
    enrolment: &Enrolment,
    output: &BundleOutput,
    anchors: &str,
    attempt: Attempt,
    names: &[ListedName],
) -> Result<()> {
    let passwords: Vec<Secret> = names.iter().map(|_| one_time_password::random()).collect::<Result<_>>()?;
    let mut writing = output.begin(attempt, attempt.fence)?;
    for (ListedName { name, .. }, password) in names.iter().zip(&passwords) {
        let added = bundler
            .bundle_without_certificate(name, anchors, password)
            .and_then(|bytes| writing.add(name, &bytes)?.map_or(Ok(()), Err));
        if let Err(error) = added {
            writing.discard();
            return Err(error.item(name));
        }
    }
    let written = writing.finish()?;
    let rows: Vec<_> =
        names.iter().zip(&passwords).map(|(listed, it)| enrolment.new_password(&listed.name, it)).collect();
    // Before the names of the files: a bundle that is there can be flashed.
    if let Err(error) = store.ledger.new_passwords(&rows).and_then(|()| output.settle(&written)) {
        output.discard(&written);
        return Err(error);
    }
    Ok(())
}
