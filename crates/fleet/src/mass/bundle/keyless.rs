//! Bundles of devices without certificates: a factory without private keys.
//!
//! There is no job, because nothing is issued: the names are reserved by their one-time passwords. A directory of 1,000
//! bundles is published when the ledger has all of their passwords, so that a killed run leaves no bundle that the
//! service would refuse. The mark of the directory has the state of the run.

mod listed;
mod state;
mod writer;

use std::path::{Path, PathBuf};
use std::time::Instant;

use base::{Code, Result, file};
use store::Workspace;
use store::shard::{Attempt, Layout, Packer};

use super::bundled_passwords::BundledPasswords;
use super::bundler::{BundleDescription, Bundler};
use super::enrolment_mark::{EnrolmentMark, EnrolmentRun, of_other_ledger};
use super::output::BundleOutput;
use super::{AGAIN, BundlesReport, check_merged, check_room};
use crate::bundle::{BundleRequest, prepare};
use crate::job_order::Destination;
use crate::mass::FleetOutcome;
use crate::mass::control::RunControl;
use crate::mass::issue::stage::SHARD;
use crate::mass::progress::ProgressCounter;
use crate::mass::report::{FleetReport, PhaseReport};
use crate::names::{Faults, NamesSource};
use crate::stop::Stop;
use listed::{ListedName, check_free};
use state::{RunState, knows_any, published};
use writer::{KeylessWriter, MarkKeeper};

/// The verb, as locks name it.
const VERB: &str = "fleet bundle";

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
    let prepared = prepare(workspace, &request.firmware, request.merged, control.say)?;
    let findings = prepared.findings.clone();
    let bundler = Bundler::of(prepared, request.merged, request.firmware.whole_flash)?;
    let enrolment = bundler.wanted().enrolment.as_ref();
    let enrolment = enrolment.ok_or_else(|| Code::Internal.error("the enrolment service is missing"))?;
    let mut faults = Faults::default();
    let names = listed::read(&request.names, &mut faults)?;
    let wanted = bundler.common()?;
    let mark = EnrolmentMark::of(names.iter().map(|listed| listed.name.as_str()), store.ledger.status()?.uid);
    // A run that was killed while it wrote the mark has left it staged, in a directory that would not be empty.
    if !request.dry_run && dir.is_dir() {
        file::recover(&dir)?;
    }
    let there = if faults.is_empty() { mark.read(&dir)? } else { None };
    let is_ours = there.is_some();
    let is_without_ledger = there.as_ref().is_some_and(EnrolmentMark::is_without_ledger);
    let packer = || Packer::new(packing, request.destination.recipients.clone());
    let output = || BundleOutput::of_keyless(layout, &dir, packer(), &bundler, workspace.now.unix_timestamp());
    let before = if is_ours { Some(output()?) } else { None };
    let shards: Vec<(Attempt, &[ListedName])> = (0..).map(attempt).zip(names.chunks(SHARD as usize)).collect();
    let passwords = BundledPasswords { view: &store.ledger, now: workspace.now };
    if let Some(output) = before.as_ref().filter(|_| is_without_ledger)
        && !knows_any(&passwords, &shards, &published(&shards, output)?)?
    {
        // The names are those of the list, and the list may be that of another store.
        return Err(of_other_ledger(&dir));
    }
    let place = KeylessPlace { dir: &dir, before: before.as_ref(), bundler: &bundler, shards: &shards };
    let run = place.run(there.and_then(|there| there.run), wanted, request.again)?;
    let state = RunState::find(&passwords, &shards, before.as_ref(), &run, request.again, &mut faults)?;
    // The names of bundles that are there are in use by now.
    if faults.is_empty() {
        let missing = state.missing.iter();
        missing.map(|(attempt, names)| (names, run.may_replace(attempt.shard))).try_for_each(
            |(names, may_replace)| check_free(&store.ledger, enrolment, names, may_replace, &mut faults),
        )?;
    }
    if !faults.is_empty() {
        return match request.names.refusal(&faults) {
            Some(error) => Err(error),
            None => Ok(FleetOutcome::Refused(faults)),
        };
    }
    let left = state.missing_names();
    let total = names.len() as u64;
    let mut report =
        FleetReport { dry_run: request.dry_run, findings, ..FleetReport::of_names(total, layout, dir.clone()) };
    report.findings.extend(state.findings(&dir));
    if request.dry_run {
        report.phases.push(PhaseReport::of_bundling(total, total - left, 0, begun));
        return Ok(FleetOutcome::Report(Box::new(report)));
    }
    let reopened: Vec<u32> = state.missing.iter().map(|(attempt, _)| attempt.shard).collect();
    if !is_ours {
        mark.take(&dir)?;
    }
    let output = output()?;
    output.recover()?;
    if request.merged && left > 0 {
        check_room(&bundler, output.dir(), left, control)?;
    }
    let stop = Stop::on(control.stop);
    let mut keeper = MarkKeeper { dir: &dir, mark, run };
    if is_without_ledger {
        keeper.write()?;
    }
    let mut writer = KeylessWriter { store: &mut store, bundler: &bundler, enrolment, output: &output, keeper };
    writer.begin(&reopened)?;
    let mut now = 0;
    if left > 0 {
        let mut progress = ProgressCounter::new("bundling", total - left, total, control.tell);
        now = writer.write(&state.missing, &stop, &mut progress)?;
    }
    let done = total - left + now;
    if done == total {
        writer.end()?;
    }
    report.stopped = (done < total).then(|| {
        Code::StoppedEarly
            .error("bundling was stopped before it was done")
            .fix("run the same command again: it continues")
            .into_finding()
    });
    report.bundles = Some(BundlesReport::of(&bundler, &output)?);
    if let Some(bundles) = report.bundles.as_mut().filter(|_| done == total) {
        let gone = |attempt: &Attempt| state.gone.contains(&attempt.shard);
        let attempts = shards.iter().map(|(attempt, _)| *attempt).filter(|attempt| !gone(attempt));
        bundles.index = output.write_index(attempts.map(Ok))?;
    }
    report.phases.push(PhaseReport::of_bundling(total, done, now, begun));
    Ok(FleetOutcome::Report(Box::new(report)))
}

/// The directory of the bundles, as the run finds it.
struct KeylessPlace<'a> {
    dir: &'a Path,
    /// The bundles that are there; none in a new directory.
    before: Option<&'a BundleOutput>,
    bundler: &'a Bundler,
    shards: &'a [(Attempt, &'a [ListedName])],
}

impl KeylessPlace<'_> {
    /// The run that the mark of the directory has, if this one continues it, otherwise a new one.
    fn run(&self, earlier: Option<EnrolmentRun>, wanted: BundleDescription, again: bool) -> Result<EnrolmentRun> {
        let mut run = match (earlier, self.before) {
            (Some(run), _) if !again || run.is_continued_by_again(&wanted) => {
                run.check(&wanted, self.dir, AGAIN)?;
                run
            }
            (_, Some(output)) if !again => {
                output.check_common(self.bundler, AGAIN)?;
                EnrolmentRun::of_earlier_version(published(self.shards, output)?, wanted)
            }
            _ => EnrolmentRun::new(again, wanted),
        };
        if let Some(output) = self.before {
            run.settle_begun(|shard| output.has_published(attempt(shard)))?;
        }
        Ok(run)
    }
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
