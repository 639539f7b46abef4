//! Bundles of devices without certificates: a factory without private keys.
//!
//! There is no job, because nothing is issued: the names are reserved by their one-time passwords. A directory of 1,000
//! bundles is published when the ledger has all of their passwords, so that a killed run leaves no bundle that the
//! service would refuse. The mark of the directory has the state of the run.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use base::text::{counted, quote};
use base::{Code, Error, Finding, Result, Secret, file};
use identity::lifecycle::one_time_password;
use ledger::{Kind, StagedName, View};

use super::bundled_passwords::BundledPasswords;
use super::bundler::Bundler;
use super::enrolment_mark::{EnrolmentMark, EnrolmentRun, of_other_ledger};
use super::output::{BundleOutput, WrittenBundles};
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
use store::{Store, Workspace};

/// The verb, as locks name it.
const VERB: &str = "fleet bundle";

/// The way out where bundles were made with other parameters.
const AGAIN: &str = "use the same parameters as before, or make all of them again with --again";

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
    let mut run = match there.and_then(|there| there.run) {
        Some(run) if !request.again || run.is_continued_by_again(&wanted) => {
            run.check(&wanted, &dir, AGAIN)?;
            run
        }
        _ if request.again => EnrolmentRun::new(true, wanted),
        _ => match &before {
            None => EnrolmentRun::new(false, wanted),
            Some(output) => {
                output.check_common(&bundler, AGAIN)?;
                EnrolmentRun::of_earlier_version(published(&shards, output)?, wanted)
            }
        },
    };
    if let Some(output) = &before {
        run.settle_begun(|shard| output.has_published(attempt(shard)))?;
    }
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
    let left: u64 = state.missing.iter().map(|(_, names)| names.len() as u64).sum();
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
    let mut now = 0;
    let stop = Stop::on(control.stop);
    let mut keeper = MarkKeeper { dir: &dir, mark, run };
    if is_without_ledger {
        keeper.write()?;
    }
    if left > 0 {
        // First the mark: with the parameters of a new run, it tells that the bundles that are there are of another one.
        keeper.run.reopen(&reopened);
        keeper.write()?;
        output.remove_leftovers()?;
    }
    if left > 0 || !output.has_common_files(&bundler)? {
        output.write_common(&bundler)?;
    }
    if left > 0 {
        let anchors = bundler.anchors()?;
        let mut progress = ProgressCounter::new("bundling", total - left, total, control.tell);
        for (attempt, names) in state.missing {
            if stop.is_asked() {
                break;
            }
            let written = write_shard(&bundler, &output, &anchors, attempt, names)?;
            publish(&mut store, enrolment, &output, &mut keeper, attempt, &written)?;
            now += names.len() as u64;
            progress.advance(names.len() as u64);
        }
    }
    let done = total - left + now;
    if done == total && keeper.run.is_open {
        keeper.run.is_open = false;
        keeper.write()?;
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

/// The shards whose bundles are there.
fn published(shards: &[(Attempt, &[ListedName])], output: &BundleOutput) -> Result<Vec<u32>> {
    let mut there = Vec::new();
    for (attempt, _) in shards {
        if output.has_published(*attempt)? {
            there.push(attempt.shard);
        }
    }
    Ok(there)
}

/// Whether the ledger knows a name of these shards; true without a shard.
fn knows_any(passwords: &BundledPasswords<'_>, shards: &[(Attempt, &[ListedName])], of: &[u32]) -> Result<bool> {
    for (_, names) in shards.iter().filter(|(attempt, _)| of.contains(&attempt.shard)) {
        if passwords.knows_any(&names_of(names))? {
            return Ok(true);
        }
    }
    Ok(of.is_empty())
}

/// What a directory lacks.
struct RunState<'n> {
    /// The shards that get bundles.
    missing: Vec<(Attempt, &'n [ListedName])>,
    /// The shards that an interrupted run has published, and that are not there any more, or not whole. Their passwords stay.
    gone: Vec<u32>,
    /// The number of their names.
    gone_names: u64,
    /// The number of names in shards that get new bundles, because no password of the present ones can be used.
    dead_names: u64,
}

impl<'n> RunState<'n> {
    /// Compares the directory with the run. Names whose bundles alone are gone, or have a password that cannot be used, are
    /// added to `faults`: the others of their shard keep their passwords.
    fn find(
        passwords: &BundledPasswords<'_>,
        shards: &[(Attempt, &'n [ListedName])],
        output: Option<&BundleOutput>,
        run: &EnrolmentRun,
        again: bool,
        faults: &mut Faults,
    ) -> Result<Self> {
        let mut state = Self { missing: Vec::new(), gone: Vec::new(), gone_names: 0, dead_names: 0 };
        for (attempt, names) in shards {
            let Some(output) = output.filter(|_| run.has_published(attempt.shard)) else {
                state.missing.push((*attempt, names));
                continue;
            };
            match output.lacking_of(*attempt, names.iter().map(|listed| listed.name.as_str()))? {
                // Its bundles can be in devices, and the run of the same request must not end their passwords.
                lacking if again => {
                    let count = lacking.map_or(names.len(), |lacking| lacking.len());
                    state.gone_names += count as u64;
                    state.gone.extend((count > 0).then_some(attempt.shard));
                }
                None => state.missing.push((*attempt, names)),
                Some(lacking) => {
                    let dead = passwords.ended(attempt.shard, &names_of(names), run)?;
                    if dead.len() == names.len() {
                        state.dead_names += names.len() as u64;
                        state.missing.push((*attempt, names));
                        continue;
                    }
                    let lacking: HashSet<&str> = lacking.into_iter().collect();
                    for listed in names.iter().filter(|listed| lacking.contains(listed.name.as_str())) {
                        // A device that has enrolled needs no bundle.
                        let row = passwords.view.latest(Kind::Device, &listed.name)?;
                        if row.is_none_or(|row| row.forgotten_at.is_some()) {
                            faults.push(fault(listed.line, &gone(&listed.name)));
                        }
                    }
                    let is_ended = |name: &str| dead.contains(name) && !lacking.contains(name);
                    for listed in names.iter().filter(|listed| is_ended(&listed.name)) {
                        faults.push(fault(listed.line, &ended(&listed.name)));
                    }
                }
            }
        }
        Ok(state)
    }

    /// The findings about bundles that a continued run leaves out, and about those that it makes again.
    fn findings(&self, dir: &Path) -> impl Iterator<Item = Finding> {
        let dead = counted(self.dead_names, "bundle", "bundles");
        let dead = (self.dead_names > 0).then(|| {
            Code::BundledPasswordEnded
                .warning(format!("{dead} have one-time passwords that cannot be used, and get new ones"))
                .at(dir)
                .because("the ledger does not have the passwords any more, and no certificate of their devices")
                .fix("flash the new bundles: devices with the earlier ones cannot enrol")
        });
        let bundles = counted(self.gone_names, "bundle", "bundles");
        let gone = (self.gone_names > 0).then(|| {
            Code::NameReserved
                .warning(format!("{bundles} that this run has published are not there any more"))
                .at(dir)
                .because("their devices may have the passwords, so that an interrupted run does not replace them")
                .fix("when this run is complete, the same command makes all bundles again, with new passwords")
        });
        gone.into_iter().chain(dead)
    }
}

/// The error of a bundle that is not where it was published.
fn gone(name: &str) -> Error {
    Code::NameReserved
        .error(format!("the bundle of {} is missing, and has the one-time password of the name", quote(name)))
}

/// The error of a bundle whose password cannot be used.
fn ended(name: &str) -> Error {
    Code::BundledPasswordEnded
        .error(format!("the one-time password in the bundle of {} cannot be used any more", quote(name)))
}

/// The names of a shard.
fn names_of(names: &[ListedName]) -> Vec<&str> {
    names.iter().map(|listed| listed.name.as_str()).collect()
}

/// The mark of the directory, and the run in it.
struct MarkKeeper<'a> {
    dir: &'a Path,
    mark: EnrolmentMark,
    run: EnrolmentRun,
}

impl MarkKeeper<'_> {
    fn write(&mut self) -> Result<()> {
        self.mark.run = Some(self.run.clone());
        self.mark.write(self.dir)
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
    NameFault { line, code: error.code(), text: error.finding().what.clone(), fix: None }
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

/// The bundles of a shard next to their names, and their passwords.
struct WrittenShard<'n> {
    bundles: WrittenBundles,
    passwords: Vec<(&'n str, Secret)>,
}

/// Makes the bundles of 1,000 names, with new passwords.
fn write_shard<'n>(
    bundler: &Bundler,
    output: &BundleOutput,
    anchors: &str,
    attempt: Attempt,
    names: &'n [ListedName],
) -> Result<WrittenShard<'n>> {
    let password = |listed: &'n ListedName| Ok((listed.name.as_str(), one_time_password::random()?));
    let passwords: Vec<(&str, Secret)> = names.iter().map(password).collect::<Result<_>>()?;
    let mut writing = output.begin(attempt, attempt.fence)?;
    for (name, password) in &passwords {
        let added = bundler
            .bundle_without_certificate(name, anchors, password)
            .and_then(|bytes| writing.add(name, &bytes)?.map_or(Ok(()), Err));
        if let Err(error) = added {
            writing.discard();
            return Err(error.item(*name));
        }
    }
    Ok(WrittenShard { bundles: writing.finish()?, passwords })
}

/// Records the passwords of a shard, and publishes its bundles.
///
/// In between, a bundle that is there has passwords that the service refuses. So an earlier one is moved away first, and the
/// mark has the shard: after a kill, a bundle that is there is the new one.
fn publish(
    store: &mut Store,
    enrolment: &Enrolment,
    output: &BundleOutput,
    keeper: &mut MarkKeeper<'_>,
    attempt: Attempt,
    written: &WrittenShard<'_>,
) -> Result<()> {
    let earlier = match output.set_aside(attempt) {
        Ok(earlier) => earlier,
        Err(error) => {
            output.discard(&written.bundles);
            return Err(error);
        }
    };
    keeper.run.begin(attempt.shard);
    let rows: Vec<_> = written.passwords.iter().map(|(name, it)| enrolment.new_password(name, it)).collect();
    let recorded = keeper.write().and_then(|()| store.ledger.new_passwords(&rows));
    if let Err(error) = recorded {
        output.discard(&written.bundles);
        // The ledger still has the passwords of the earlier bundles. They must not pass as those of this run.
        keeper.run.give_up();
        if keeper.write().is_ok() {
            output.put_back(&earlier);
        }
        return Err(error);
    }
    if let Err(error) = output.settle(&written.bundles) {
        output.discard(&written.bundles);
        return Err(error);
    }
    let made = match written.passwords.first() {
        Some((name, _)) => store.ledger.password_of(name)?.map(|password| password.made_at),
        None => None,
    };
    keeper.run.publish(attempt.shard, made);
    keeper.write()?;
    output.discard(&earlier);
    Ok(())
}
