//! All of it: issued, registered, bundled.

use std::time::Instant;

use base::{Code, Error, Result};
use ledger::{Job, JobId, Phase};

use super::bundle::{BundlesReport, FleetBundleRequest, again_fix, bundle_job, bundler};
use super::control::RunControl;
use super::expiry;
use super::in_pass::InPassBundler;
use super::issue::{
    FleetOutcome, FleetRequest, JobSource, OpenJob, OpenOutcome, Preparation, cancel_if_new, issue_job, open,
};
use super::job::{self, JobSelector};
use super::phase::{self, go_on};
use super::progress::ProgressCounter;
use super::register::{FleetRegisterRequest, register_job};
use super::report::{FleetReport, PhaseName, PhaseReport};
use crate::job_order::JobOrder;
use crate::mass::bundle::bundler::Bundler;
use crate::mass::bundle::output::{BundleOutput, FirmwareOwner};
use crate::names::attributes;
use crate::platform::Connection;
use crate::stop::Stop;
use store::Store;
use store::Workspace;
use store::shard::Attempt;
use store::shard::Packer;
use store::shard::ShardStore;
use store::shard::{keep_run_flags, run_flags};

/// The verb, as locks name it.
const VERB: &str = "fleet run";

/// A request for a run.
#[derive(Debug, Clone)]
pub struct FleetRunRequest {
    /// Names, layout, and how the work is done.
    pub issue: FleetRequest,
    /// The registration of devices; `None` without one. The job and its place follow from the rest.
    pub register: Option<FleetRegisterRequest>,
    /// The request for bundles; `None` without bundles. The job and its place follow from the rest.
    pub bundle: Option<FleetBundleRequest>,
    /// The flags that a resumed run takes from this one, without secrets.
    pub flags: Vec<String>,
}

impl FleetRunRequest {
    /// The phases of the run.
    fn phases(&self) -> Vec<Phase> {
        phases(self.register.is_some(), self.bundle.is_some())
    }
}

fn phases(registers: bool, bundles: bool) -> Vec<Phase> {
    let later = [(registers, Phase::Register), (bundles, Phase::Bundle)].into_iter();
    std::iter::once(Phase::Issue).chain(later.filter_map(|(is_wanted, phase)| is_wanted.then_some(phase))).collect()
}

/// The flags of the last run of the job that a run with `--resume` continues. A run continues the only job in which a phase
/// of these is not done, if no number is given.
///
/// # Errors
/// Those of the ledger, and of [`run_flags`]. A job that is not found has no flags: the run itself reports that.
pub fn flags_to_resume(
    workspace: &Workspace<'_>,
    which: JobSelector,
    registers: bool,
    bundles: bool,
) -> Result<Vec<String>> {
    let job = match which {
        JobSelector::Number(number) => number,
        JobSelector::Unfinished => match job::find(&workspace.view()?, which, &phases(registers, bundles), false) {
            Ok(job) => job.id.number(),
            Err(error) if error.code() == Code::NothingToResume => return Ok(Vec::new()),
            Err(error) => return Err(error),
        },
    };
    run_flags(workspace.store_dir(), job)
}

/// Issues, registers and bundles a fleet, as far as that is not done yet.
///
/// # Errors
/// Errors of the names, the CA, the place, the platform with its profiles, the firmware and the network settings are found
/// before the job is staged, also in a dry run. Later errors are in the report.
pub fn run(
    workspace: &mut Workspace<'_>,
    request: &FleetRunRequest,
    control: &mut RunControl<'_>,
) -> Result<FleetOutcome> {
    let mut store = workspace.open_store(VERB)?;
    let phases = request.phases();
    let (mut connection, mut ready) = (None, None);
    let stop = control.stop;
    let prepare = |workspace: &mut Workspace<'_>, preparation: &Preparation<'_>| {
        // The order of these checks is that of cost: the network, then an application to be read.
        connection = request.register.as_ref().map(|register| connect(workspace, register, preparation)).transpose()?;
        let bundle = request.bundle.as_ref();
        ready = bundle.map(|bundle| bundler(workspace, preparation.order, bundle, control)).transpose()?;
        Ok(())
    };
    let opened = match open(workspace, &mut store, &request.issue, &phases, stop, prepare)? {
        OpenOutcome::Job(opened) => *opened,
        OpenOutcome::Refused(faults) => return Ok(FleetOutcome::Refused(faults)),
        OpenOutcome::Could(report) => return Ok(FleetOutcome::Report(report)),
    };
    let dry_run = request.issue.dry_run;
    // A dry run has done the work of `prepare`, and must neither register nor bundle.
    let register = request.register.as_ref().filter(|_| !dry_run);
    let bundle = request.bundle.as_ref().filter(|_| !dry_run);
    if let (Some(FleetRegisterRequest { accept_number_attributes: false, .. }), JobSource::Staged(_)) =
        (register, &request.issue.source)
    {
        // A list of names was checked line by line.
        attributes::check_job(&store.ledger, &opened.job)?;
    }
    let canceled = |store: &mut Store, opened: &OpenJob, error| cancel_if_new(store, opened, &request.issue, error);
    let sealed = opened.order.packing.sealed && !dry_run;
    // A sealed archive cannot be read back, so its bundles are made while the keys are in memory.
    let in_pass = match ready.take_if(|_| sealed) {
        Some((bundler, _)) => match in_pass(workspace, &store, &opened, request, bundler) {
            Ok(in_pass) => Some(in_pass),
            Err(error) => return Err(canceled(&mut store, &opened, error)),
        },
        None => None,
    };
    if let (Some((bundler, _)), false) = (&ready, dry_run) {
        check_bundles(&store, &opened, request, bundler).map_err(|error| canceled(&mut store, &opened, error))?;
    }
    let (id, order) = (opened.job.id, opened.order.clone());
    if !dry_run {
        // Before the first device is issued: from here on, the run can be interrupted and resumed.
        keep_run_flags(store.dir(), id.number(), &request.flags)
            .map_err(|error| canceled(&mut store, &opened, error))?;
    }
    let mut report = issue_job(workspace, &mut store, opened, &request.issue, control, in_pass.as_ref())?;
    let job = again(&store, id)?;
    if register.is_some() || bundle.is_some() {
        report.findings.extend(expiry::finding(workspace, &store.ledger, &job)?);
    }
    if let (Some(connection), Some(register)) = (&connection, register)
        // A stopped phase ends the run: registering would continue although the user pressed Ctrl-C.
        && report.stopped.is_none()
    {
        report.add(register_job(connection, &mut store, &job, register, control));
    }
    if let Some(bundle) = bundle
        && report.stopped.is_none()
    {
        report.add(match &in_pass {
            Some(in_pass) => record(in_pass, &mut store, &job, &order, request, control),
            None => bundle_job(workspace, &mut store, &job, bundle, ready, control),
        });
    }
    Ok(FleetOutcome::Report(Box::new(report)))
}

/// The platform, after a login. It must have the profiles of a new job.
fn connect(
    workspace: &mut Workspace<'_>,
    request: &FleetRegisterRequest,
    preparation: &Preparation<'_>,
) -> Result<Connection> {
    let connection = Connection::of_fleet(workspace, request.rate)?;
    connection.runtime.wait(connection.board.log_in())?;
    let common = preparation.order.profile.as_ref().or(request.create.profile.as_ref());
    // A job that is continued may have lost a profile since. Its devices then fail one by one, with the reason.
    for profile in preparation.profiles.iter().chain(common).filter(|_| preparation.is_new) {
        connection.runtime.wait(connection.board.check_profile(profile))?;
    }
    Ok(connection)
}

/// Fails before anything is issued if the bundles that the job has were made with other parameters.
fn check_bundles(store: &Store, opened: &OpenJob, request: &FleetRunRequest, bundler: &Bundler) -> Result<()> {
    let place = job::place_if_known(store, &opened.job, &opened.order, &request.issue.destination)?;
    let Some(place) = place else { return Ok(()) };
    let has_bundles = phase::count(&store.ledger, opened.job.id, Phase::Bundle)?.done > 0;
    let owner = FirmwareOwner::of(&opened.job, has_bundles, false);
    match BundleOutput::existing(store.dir(), &place, bundler, &owner)? {
        Some(output) => output.check_common(bundler, &again_fix(opened.job.id)),
        None => Ok(()),
    }
}

/// The bundler that seals bundles while keys are in memory.
fn in_pass(
    workspace: &Workspace<'_>,
    store: &Store,
    opened: &OpenJob,
    request: &FleetRunRequest,
    bundler: Bundler,
) -> Result<InPassBundler> {
    let place = job::place(store, &opened.job, &opened.order, Some(&request.issue.destination))?;
    let packer = Packer::new(opened.order.packing, opened.order.recipients()?);
    let owner = FirmwareOwner::of(&opened.job, false, false);
    let output = BundleOutput::new(store.dir(), &place, packer, &bundler, &owner, workspace.now.unix_timestamp())?;
    output.check_common(&bundler, "use the same parameters as before: what is sealed cannot be bundled again")?;
    // The common parts first: bundles of shards name them.
    output.write_common(&bundler)?;
    Ok(InPassBundler { anchors: bundler.anchors()?, bundler, output })
}

/// Records the bundles that were made in the pass.
fn record(
    in_pass: &InPassBundler,
    store: &mut Store,
    job: &Job,
    order: &JobOrder,
    request: &FleetRunRequest,
    control: &mut RunControl<'_>,
) -> Result<FleetReport> {
    let begun = Instant::now();
    let place = job::place(store, job, order, Some(&request.issue.destination))?;
    let before = phase::count(&store.ledger, job.id, Phase::Bundle)?;
    let stop = Stop::on(control.stop);
    let names = job::device_count(&store.ledger, job)?;
    let mut progress = ProgressCounter::new("bundling", before.done, names, control.tell);
    let mut end = in_pass.record(store, job, &place, &stop, &mut progress)?;
    let counts = phase::count(&store.ledger, job.id, Phase::Bundle)?;
    let mut bundles = BundlesReport::of(&in_pass.bundler, &in_pass.output)?;
    // With devices left, the index would name bundles that do not exist.
    if counts.left == 0 {
        bundles.index = in_pass.output.write_index(attempts(store, job, &place))?;
    }
    let mut report = FleetReport { names, ..FleetReport::of(job, order, Some(&place)) };
    report.bundles = Some(bundles);
    let now = counts.done.saturating_sub(before.done);
    report.findings.append(&mut end.findings);
    report.stopped = end.stopped_to_go_on(&stop, now == 0, "bundling")?;
    report.phases.push(PhaseReport::new(PhaseName::Bundle, names, counts, now, counts.failed, begun));
    Ok(report)
}

fn attempts(store: &Store, job: &Job, place: &ShardStore) -> impl Iterator<Item = Result<Attempt>> {
    (0..job.shards).map(|shard| {
        let attempt = place.attempt(&store.ledger, job.id, shard)?;
        attempt.ok_or_else(|| Code::PlaceMissing.error("a shard lies at another station"))
    })
}

fn again(store: &Store, id: JobId) -> Result<Job> {
    store.ledger.job(id)?.ok_or_else(|| Code::Internal.error("a job is gone"))
}

impl FleetReport {
    /// Adds what became of a later phase. What kept it from beginning ends the run as what stopped it would have.
    fn add(&mut self, later: Result<FleetReport>) {
        let later = match later {
            Ok(later) => later,
            Err(error) => {
                self.stopped = Some(go_on(Error::new(error.into_finding())).into_finding());
                return;
            }
        };
        self.phases.extend(later.phases);
        self.registration = later.registration.or(self.registration.take());
        self.bundles = later.bundles.or(self.bundles.take());
        self.findings.extend(later.findings);
        // The later phase has written the whole list, which has what the earlier one lacked.
        self.lacks_results = later.lacks_results || (self.lacks_results && later.results.is_empty());
        self.stopped = later.stopped;
        self.rest = later.rest;
        if !later.results.is_empty() {
            self.results = later.results;
        }
    }
}
