//! Registering a fleet, shard by shard, as fast as the platform allows.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use base::{Code, Error, Finding, Result};
use ledger::{Entry, Job, Key, Ledger, Phase, Role, StagedName, View};
use provision::platform::NewDevice;
use schemars::JsonSchema;
use serde::Serialize;

use super::control::RunControl;
use super::expiry;
use super::job::{self, JobSelector};
use super::phase;
use super::progress::ProgressCounter;
use super::report::{FleetReport, PhaseName, PhaseReport, Rest};
use super::results;
use super::runner::{PhaseRunner, RunEnd, ShardEnd, ShardLease};
use crate::job_order::{Destination, JobOrder};
use crate::lifecycle::lease::{LeasedBatch, LostLeases, leased};
use crate::lifecycle::outdated::findings_of_job;
use crate::lifecycle::revoke::withdraw_revoked;
use crate::names::attributes;
use crate::platform::{Connection, new_platform};
use crate::register::{
    Candidate, DeviceRegistration, MaybeCandidate, PlatformOutcome, Recorder, RegisterEngine, RegisterOptions,
    settings_of,
};
use crate::stop::Stop;
use store::Store;
use store::Workspace;
use store::shard::Shard;
use store::shard::ShardStore;

/// The verb, as locks name it.
const VERB: &str = "fleet register";
/// Failures that a report lists. The files with a line for each device have all of them.
const LISTED: usize = 20;
/// A request to register the devices of a job.
#[derive(Debug, Clone)]
pub struct FleetRegisterRequest {
    /// Which job.
    pub which: JobSelector,
    /// Register renewals, in the place of the present certificates: the devices were reflashed.
    pub pending: bool,
    /// The directory of its shards, if they have been moved.
    pub destination: Destination,
    /// Replace the credential of a device that has another one.
    pub replace: bool,
    /// The properties of new devices whose line does not name others.
    pub create: NewDevice,
    /// The highest number of devices begun in one second; unset, as many as the platform allows.
    pub rate: Option<NonZeroU32>,
    /// The directory for the files with a line for each device; unset, they are written into the job's place when some
    /// failed.
    pub results: Option<PathBuf>,
    /// The time after which a platform that does not work is given up.
    pub wait: Duration,
    /// Also send attributes that the platform would store as other numbers than they are written.
    pub accept_number_attributes: bool,
    /// Ask the platform what would happen, and change nothing.
    pub dry_run: bool,
}

/// The changes in the platform.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct RegistrationReport {
    /// The address of the platform.
    pub platform: String,
    /// Devices that were made.
    pub created: u64,
    /// Devices that were there with another credential.
    pub replaced: u64,
    /// Devices that were registered already.
    pub unchanged: u64,
    /// The most devices that were under way at once.
    pub at_once: usize,
    /// To how few the platform has pushed that down; absent where it never has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pushed_down_to: Option<usize>,
    /// The number of requests that the platform has pushed back.
    pub pushed_back: u64,
    /// The first devices that failed.
    pub failures: Vec<DeviceRegistration>,
}

/// Registers what is left of a job.
///
/// # Errors
/// What the configuration and the job's place can be wrong about; what concerns the whole platform, where nothing was
/// registered by then. A later failure is part of the report.
pub fn register(
    workspace: &mut Workspace<'_>,
    request: &FleetRegisterRequest,
    control: &mut RunControl<'_>,
) -> Result<FleetReport> {
    let mut store = workspace.open_store(VERB)?;
    let job = phase::find(&store, request.which, Phase::Register, request.pending)?;
    // The attributes of a renewal are on the platform.
    if !request.accept_number_attributes && !request.pending {
        attributes::check_job(&store.ledger, &job)?;
    }
    let connection = Connection::of_fleet(workspace, request.rate).map_err(|error| match error.code() {
        Code::PlatformUnset if request.pending => error.fix(format!(
            "set `[platform] url` in keygen.toml; for devices that no platform knows, run `tbpki register --pending --job {job}`",
            job = job.id
        )),
        _ => error,
    })?;
    let expiry = expiry::finding(workspace, &store.ledger, &job)?;
    let hint = new_platform(workspace, &store.ledger)?;
    let mut report = register_job(&connection, &mut store, &job, request, control)?;
    report.findings.extend(expiry);
    report.findings.extend(hint);
    if job.renews && !request.dry_run {
        report.findings.extend(findings_of_job(&store.ledger, job.id, "tbpki fleet register")?);
    }
    Ok(report)
}

/// The same for a job and over a connection that are at hand.
pub(crate) fn register_job(
    connection: &Connection,
    store: &mut Store,
    job: &Job,
    request: &FleetRegisterRequest,
    control: &mut RunControl<'_>,
) -> Result<FleetReport> {
    let order = JobOrder::kept(&job.parameters)?;
    if let Some(dir) = request.results.as_ref().filter(|_| !request.dry_run) {
        results::prepare(&store.ledger, job, dir)?;
    }
    let place = phase::place(store, job, &order, &request.destination, request.dry_run)?;
    let begun = Instant::now();
    let before = phase::count(&store.ledger, job.id, Phase::Register)?;
    let stop = Stop::on(control.stop);
    // The profile in the order of the job has priority, because its devices have names that fit its expression.
    let create = NewDevice {
        profile: order.profile.clone().or_else(|| request.create.profile.clone()),
        accept_number_attributes: request.accept_number_attributes,
        ..request.create.clone()
    };
    // A login for nothing would make a finished job fail while the platform is down.
    if before.left > 0 {
        let ready = async {
            // Before the first shard is claimed: a wrong password must not end as a failure of each device.
            connection.board.log_in().await?;
            match &create.profile {
                Some(profile) => connection.board.check_profile(profile).await,
                None => Ok(()),
            }
        };
        connection.runtime.wait(ready).map_err(phase::go_on)?;
    }
    let options = RegisterOptions { replace: request.replace, dry_run: request.dry_run, wait: Some(request.wait) };
    let mut run = Run {
        connection,
        engine: RegisterEngine::new(connection, options, &stop, before.left > 0),
        create,
        stop: &stop,
        tally: Tally {
            progress: ProgressCounter::new(
                "registering",
                before.done,
                job::device_count(&store.ledger, job)?,
                control.tell,
            ),
            report: RegistrationReport { platform: connection.board.url().to_owned(), ..RegistrationReport::default() },
            findings: Vec::new(),
            failed: 0,
        },
    };
    let others = phase::other_places(store, job, &place)?;
    let mut end = match (request.dry_run, before.left > 0) {
        // A dry run claims no shards, because a claim would keep other stations away.
        (true, _) => RunEnd { error: run.examine(store, job)?, ..RunEnd::default() },
        (false, true) => run.all(store, job, std::iter::once(&place).chain(&others.found))?,
        (false, false) => RunEnd::default(),
    };
    let Tally { mut report, mut findings, failed, .. } = run.tally;
    let pace = connection.board.pace().report();
    (report.at_once, report.pushed_down_to, report.pushed_back) = (pace.most, pace.least, pace.pushed_back);
    let counts = phase::count(&store.ledger, job.id, Phase::Register)?;
    // In a dry run nothing is recorded, so the counts come from the answers.
    let worked = report.created + report.replaced + report.unchanged;
    // Other stations may register devices of the same job meanwhile.
    let now = counts.done.saturating_sub(before.done).min(worked);
    let rest = Rest::of(job, counts, counts.failed, others.missing.is_some());
    findings.append(&mut end.findings);
    findings.extend(others.missing.filter(|_| counts.left > 0));
    let failed = if request.dry_run { failed } else { counts.failed };
    let names = job::device_count(&store.ledger, job)?;
    let mut whole = FleetReport {
        names,
        dry_run: request.dry_run,
        phases: vec![PhaseReport::new(PhaseName::Register, names, counts, now, failed, begun)],
        registration: Some(report),
        stopped: end.stopped_to_go_on(&stop, worked == 0, "registering")?,
        findings,
        rest,
        ..FleetReport::of(job, &order, Some(&place))
    };
    whole.write_results(&store.ledger, job, request.results.as_deref(), counts.failed);
    Ok(whole)
}

/// A run over the shards of a job.
struct Run<'a> {
    connection: &'a Connection,
    engine: RegisterEngine<'a>,
    create: NewDevice,
    stop: &'a Stop<'a>,
    tally: Tally<'a>,
}

/// The outcomes of a run.
struct Tally<'a> {
    progress: ProgressCounter<'a>,
    report: RegistrationReport,
    findings: Vec<Finding>,
    failed: u64,
}

impl Run<'_> {
    /// Registers the devices in all of these places.
    fn all<'p>(
        &mut self,
        store: &mut Store,
        job: &Job,
        places: impl Iterator<Item = &'p ShardStore>,
    ) -> Result<RunEnd> {
        let mut end = RunEnd::default();
        for place in places {
            end.add(self.in_place(store, job, place)?);
            if end.error.is_some() || self.stop.is_asked() {
                break;
            }
        }
        Ok(end)
    }

    /// Registers shard after shard until there are none in this place.
    fn in_place(&mut self, store: &mut Store, job: &Job, place: &ShardStore) -> Result<RunEnd> {
        let dir = store.dir().to_owned();
        let mut leases = LeasedBatch::of_locked_store(&mut store.ledger)?;
        let mut runner = PhaseRunner::new(&mut store.ledger, job.id, Phase::Register, place, self.stop)?;
        runner.run(|runner, lease| {
            // The names with their attributes are read by shard, because a list of a whole job may have millions.
            let shard = lease.claim.shard;
            let names = runner.ledger.names(job.id, shard)?;
            let others = leases.take(runner.ledger, names.iter().map(|name| name.name.clone()).collect())?;
            // Read once the leases are taken: what was revoked before is left out.
            let worked = Shard::open(&dir, runner.ledger, job.id, shard).and_then(|shard| {
                let not_ours = NotOurs { others: others.into_iter().collect(), lost: leases.lost() };
                let records = Records::Lease { ledger: runner.ledger, lease, leases: &mut leases };
                self.shard(&shard, &names, &not_ours, records)
            });
            let withdrawn = self.withdraw(runner.ledger, lease);
            // Whatever has failed: other processes must not wait until the leases end.
            let released = leases.release(runner.ledger);
            worked.and(withdrawn).and(released)?;
            // Devices in progress are finished after a stop, and the rest of the shard is left.
            Ok(if self.stop.is_asked() { ShardEnd::Stopped } else { ShardEnd::Done })
        });
        Ok(runner.into_end())
    }

    /// Asks the platform what would happen to every device that is issued. Returns the error that ended it.
    fn examine(&mut self, store: &Store, job: &Job) -> Result<Option<Error>> {
        for shard in 0..job.shards {
            if self.stop.is_asked() {
                break;
            }
            // A shard that is not committed has no certificates yet that the platform could be asked about.
            if store.ledger.committed(job.id, shard)?.is_some() {
                let names = store.ledger.names(job.id, shard)?;
                let shard = Shard::open(store.dir(), &store.ledger, job.id, shard)?;
                if let Err(error) = self.shard(&shard, &names, &NotOurs::default(), Records::DryRun(&store.ledger)) {
                    return Ok(Some(error));
                }
            }
        }
        Ok(None)
    }

    /// Takes the certificates of devices from the platform again that were revoked while they were registered.
    fn withdraw(&self, ledger: &mut Ledger, lease: &mut ShardLease) -> Result<()> {
        lease.take_revoked(ledger)?.iter().try_for_each(|key| withdraw_revoked(self.connection, ledger, key))
    }

    /// Registers the devices of a shard that are not registered, except those whose leases others have.
    fn shard(&mut self, shard: &Shard, names: &[StagedName], not_ours: &NotOurs, records: Records<'_>) -> Result<()> {
        let mut open = Vec::new();
        // Only devices that lack the step: a resumed run must not ask the platform about the others.
        for (index, entry) in shard.entries.iter().enumerate() {
            if phase::lacks(entry, Phase::Register)? {
                open.push((index, entry));
            }
        }
        let mut expected: HashMap<&str, Vec<String>> = HashMap::new();
        let view = records.view();
        for (_, entry) in &open {
            let mut ids = Vec::new();
            if entry.role == Role::Pending {
                let present = view.current(entry.key.kind, &entry.key.name)?;
                ids.extend(present.as_ref().and_then(|present| present.credentials_id.clone()));
                if let Some(present) = present.filter(|_| view.has_other_platforms()) {
                    ids.extend(view.replaceable_here(&present.key)?);
                }
            } else if view.has_other_platforms() {
                ids = view.replaceable_here(&entry.key)?;
            }
            if !ids.is_empty() {
                expected.insert(entry.key.name.as_str(), ids);
            }
        }
        let names: HashMap<&str, &StagedName> = names.iter().map(|name| (name.name.as_str(), name)).collect();
        let create = &self.create;
        let of = |number: usize| {
            let (index, entry) = open.get(number)?;
            // Asked again for each: a lease can be lost during the work on the others.
            if not_ours.has(&entry.key.name) {
                return Some(Err((entry.key.clone(), leased(&entry.key.name))));
            }
            let name = entry.key.name.as_str();
            let candidate = candidate(shard, *index, entry, names.get(name).copied(), create);
            let expected = expected.get(name).cloned().unwrap_or_default();
            let is_renewal = entry.role == Role::Pending && !expected.is_empty();
            Some(candidate.map(|candidate| Candidate { expected, is_renewal, ..candidate }))
        };
        self.engine.register(open.len(), of, &mut JobRecorder { records, tally: &mut self.tally })
    }
}

/// The devices of a shard on which other processes work.
#[derive(Default)]
struct NotOurs {
    /// Those whose leases others had at the beginning.
    others: HashSet<String>,
    lost: LostLeases,
}

impl NotOurs {
    fn has(&self, name: &str) -> bool {
        self.others.contains(name) || self.lost.has(name)
    }
}

/// The place where outcomes are recorded.
enum Records<'a> {
    /// None.
    DryRun(&'a Ledger),
    /// The lease of the shard, which commits them together.
    Lease { ledger: &'a mut Ledger, lease: &'a mut ShardLease, leases: &'a mut LeasedBatch },
}

impl Records<'_> {
    fn view(&self) -> &View {
        match self {
            Records::DryRun(ledger) => ledger,
            Records::Lease { ledger, .. } => ledger,
        }
    }
}

/// Records the outcomes of a shard's devices, and counts them.
struct JobRecorder<'a, 'b> {
    records: Records<'a>,
    tally: &'a mut Tally<'b>,
}

impl JobRecorder<'_, '_> {
    fn record(&mut self, put: impl FnOnce(&mut ShardLease)) -> Result<()> {
        match &mut self.records {
            Records::DryRun(_) => Ok(()),
            Records::Lease { ledger, lease, leases } => {
                put(lease);
                lease.keep(ledger)?;
                leases.extend(ledger)
            }
        }
    }
}

impl Recorder for JobRecorder<'_, '_> {
    fn view(&self) -> &View {
        self.records.view()
    }

    fn registered(&mut self, key: Key, registration: DeviceRegistration, findings: Vec<Finding>) -> Result<()> {
        let Tally { progress, report, findings: listed, .. } = self.tally;
        match registration.done {
            PlatformOutcome::Created => report.created += 1,
            PlatformOutcome::Replaced => report.replaced += 1,
            // Unchanged devices count as registered in this run too: the platform has confirmed them.
            _ => report.unchanged += 1,
        }
        if listed.len() < LISTED {
            listed.extend(findings);
        }
        progress.advance(1);
        self.record(|lease| lease.done(key))
    }

    fn failed(&mut self, key: Key, error: &Error, registration: DeviceRegistration) -> Result<()> {
        let Tally { progress, report, failed, .. } = self.tally;
        *failed += 1;
        if report.failures.len() < LISTED {
            report.failures.push(registration);
        }
        progress.tick();
        self.record(|lease| lease.failed(key, error))
    }

    /// The error is that of the run. The device did not fail, and the next run tries it again.
    fn ended(&mut self, _: Key, _: &Error) -> Result<()> {
        Ok(())
    }

    fn tick(&mut self) -> Result<()> {
        self.tally.progress.tick();
        self.record(|_| {})
    }
}

fn candidate(
    shard: &Shard,
    index: usize,
    entry: &Entry,
    name: Option<&StagedName>,
    create: &NewDevice,
) -> MaybeCandidate {
    let key = entry.key.clone();
    match shard.read(index) {
        Ok(located) => {
            let create = settings_of(name, create);
            Ok(Candidate { key, certificate: located.leaf, create, expected: Vec::new(), is_renewal: false })
        }
        Err(error) => Err((key, error)),
    }
}
