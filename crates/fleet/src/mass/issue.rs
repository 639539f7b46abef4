//! Issuing a fleet: its names become a job, and the job becomes shards.

pub(crate) mod engine;
mod finished;
pub(crate) mod issued_leaf;
pub(crate) mod issuing;
pub(crate) mod leftovers;
pub(crate) mod output;
pub(super) mod place_files;
pub(crate) mod space;
pub(crate) mod stage;
pub(crate) mod task_queue;
pub(crate) mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Instant;

use base::file::{self, Lock};
use base::{Code, Error, Finding, Result};
use config::ClientFormat;
use ledger::{Job, NewJob, Phase, StagingOutcome, View};
use pki::device_name::DeviceName;
use pki::key::SigningKey;

use super::control::RunControl;
use super::in_pass::InPassBundler;
use super::job::{self, JobSelector};
use super::progress::ProgressCounter;
use super::report::{FleetReport, PhaseReport};
use super::results;
use super::runner::{PhaseRunner, RunEnd};
use crate::job_order::{Destination, JobOrder, check_subject};
use crate::names::{self, Faults, Lookalikes, NamesSource, StagingResult};
use crate::stop::Stop;
use engine::Engine;
use identity::files::keystore::KeystorePlan;
use identity::request::crl_url;
use issuing::{JobCas, Signer, Signers, ca_of, check_issuer};
use output::{ExtraFiles, ShardOutput};
use store::Store;
use store::Workspace;
use store::ca::{Ca, OpenCa};
use store::file_names::keystore_password_of_job;
use store::secrets::{KeptPassword, NewSecret};
use store::shard::Layout;
use store::shard::Packer;
use store::shard::ShardStore;
use worker::ShardWorker;

/// A request to issue the identities of a fleet.
#[derive(Debug, Clone)]
pub struct FleetRequest {
    /// Which job.
    pub source: JobSource,
    /// The destination of its files.
    pub destination: Destination,
    /// The profile of names that have none of their own.
    pub profile: Option<DeviceName>,
    /// The number of threads that make keys; unset, one for each core.
    pub threads: Option<usize>,
    /// The directory for the files with a line for each device; unset, they are written into the job's place when some
    /// failed.
    pub results: Option<PathBuf>,
    /// Stage names whose attributes the platform would store as other numbers than they are written.
    pub accept_number_attributes: bool,
    /// Say what would happen and change nothing.
    pub dry_run: bool,
}

/// Which job.
#[derive(Debug, Clone)]
pub enum JobSource {
    /// That of these names, new or known.
    Names(NamesSource),
    /// One that was staged before.
    Staged(JobSelector),
}

/// The result for a fleet, or the faults of its names.
#[derive(Debug)]
pub enum FleetOutcome {
    /// It was worked on.
    Report(Box<FleetReport>),
    /// Some of its names cannot be used, and nothing was staged.
    Refused(Faults),
}

/// Issues the identities of a fleet, that are not issued yet.
///
/// # Errors
/// What the configuration, the CAs and the places can be wrong about, before anything is issued. What goes wrong later
/// is in the report, if something was issued by then.
pub fn issue(
    workspace: &mut Workspace<'_>,
    request: &FleetRequest,
    control: &mut RunControl<'_>,
) -> Result<FleetOutcome> {
    let mut store = workspace.open_store("fleet issue")?;
    let opened = match open(workspace, &mut store, request, &[Phase::Issue], control.stop, |_, _| Ok(()))? {
        OpenOutcome::Job(opened) => *opened,
        OpenOutcome::Refused(faults) => return Ok(FleetOutcome::Refused(faults)),
        OpenOutcome::Could(report) => return Ok(FleetOutcome::Report(report)),
    };
    let report = issue_job(workspace, &mut store, opened, request, control, None)?;
    Ok(FleetOutcome::Report(Box::new(report)))
}

/// A job that can be worked on.
pub(crate) struct OpenJob {
    pub(crate) job: Job,
    pub(crate) order: JobOrder,
    pub(crate) findings: Vec<Finding>,
    /// True if this run has staged it.
    is_new: bool,
    /// The CA that signs for names without a profile of their own; none if it is opened when it is needed.
    ca: Option<OpenCa>,
}

impl OpenJob {
    /// A job that is staged, whose CA is opened when it is needed.
    pub(crate) fn staged(job: Job, order: JobOrder, findings: Vec<Finding>) -> Self {
        Self { job, order, findings, is_new: false, ca: None }
    }

    /// The same job, which this run has staged.
    pub(crate) fn marked_new(self, is_new: bool) -> Self {
        Self { is_new, ..self }
    }
}

/// The properties of a job before it is staged or continued.
pub(crate) struct Preparation<'a> {
    pub(crate) order: &'a JobOrder,
    /// The profiles in the lines of a new job.
    pub(crate) profiles: &'a BTreeSet<String>,
    /// Whether the job will be staged; it was staged before otherwise.
    pub(crate) is_new: bool,
}

/// The result of opening a request.
pub(crate) enum OpenOutcome {
    Job(Box<OpenJob>),
    /// Names that cannot be used.
    Refused(Faults),
    /// A dry run.
    Could(Box<FleetReport>),
}

/// Finds the job, or stages it. Before that, the directory of a new job is checked, the CA is opened, and `prepare` checks
/// what later phases need: a job that is staged reserves its names, and must not wait for a setting.
///
/// # Errors
/// As [`issue`]; [`Code::StoppedEarly`] if `stop` becomes true while names are read.
pub(crate) fn open(
    workspace: &mut Workspace<'_>,
    store: &mut Store,
    request: &FleetRequest,
    phases: &[Phase],
    stop: &AtomicBool,
    mut prepare: impl FnMut(&mut Workspace<'_>, &Preparation<'_>) -> Result<()>,
) -> Result<OpenOutcome> {
    let source = match &request.source {
        JobSource::Names(source) => source,
        JobSource::Staged(which) => {
            let job = job::find(&store.ledger, *which, phases, false)?;
            // A canceled job has freed its names, so that issuing the rest could give a name to two devices.
            job::check_can_issue(store, &job)?;
            let order = JobOrder::kept(&job.parameters)?;
            order.check_continued(job.id, &request.destination)?;
            // The order in the ledger counts, not the present configuration: all shards of a job must be alike.
            prepare(workspace, &Preparation { order: &order, profiles: &BTreeSet::new(), is_new: false })?;
            return Ok(OpenOutcome::Job(Box::new(OpenJob::staged(job, order, Vec::new()))));
        }
    };
    let ca = ca_of(store.dir(), request.profile.as_ref().map(DeviceName::as_str))?;
    // The CA is checked before names are read, because a list of a million names takes minutes.
    let validity = ca.check_usable(store.dir(), workspace.now)?;
    let certificates = ca.certificates(store.dir())?;
    let issuer = certificates.first().ok_or_else(|| Code::CertificateUnreadable.error("the CA has no certificate"))?;
    let profile = request.profile.as_ref();
    let (order, note) = JobOrder::new(workspace.config, &request.destination, profile, issuer.fingerprint_hex())?;
    // The lifetime is tried here. Otherwise a job could be staged that no CA may sign.
    let lifetime = pki::validity::Lifetime { days: order.days, explicit: order.exact_days };
    pki::validity::Validity::starting(workspace.now, lifetime, Some(&validity))?;
    let mut findings: Vec<Finding> = note.into_iter().collect();
    let new = NewJob { parameters: order.parameters()?, shard_size: stage::SHARD, renews: false };
    let reader = names::open(source)?;
    findings.extend(reader.note());
    let mut lookalikes = Lookalikes::default();
    let dir = store.dir().to_owned();
    let place = request.destination.directory(&dir)?;
    let names = stage::checked(&dir, &order, request.accept_number_attributes, lookalikes.watch(reader));
    // Found out before the ledger is busy with the names, and an error only if they are those of a new job.
    let mut can_have_place =
        Some(check_new_places(&dir, &store.ledger, &place, order.layout, request.results.as_deref()));
    let mut opened = None;
    // The closure runs after all names are checked and before the job is staged. A passphrase is asked for only then.
    let spooled = names::stage_prepared(&mut store.ledger, &new, names, request.dry_run, stop, |profiles, known| {
        // A job that is done needs no CA: the run only reports it.
        if known.is_none_or(|job| !job.done) {
            opened = Some(workspace.open_ca(&ca)?);
        }
        if known.is_none() {
            can_have_place.take().unwrap_or(Ok(()))?;
            // Tried now: the names of a job whose place cannot be made would be reserved for nothing.
            if !request.dry_run {
                ShardStore::try_new(&place, order.layout)?;
                request.results.as_ref().map_or(Ok(()), file::check_writable_dir)?;
            }
        }
        prepare(workspace, &Preparation { order: &order, profiles, is_new: known.is_none() })?;
        // A CA that a profile gets later must not issue the rest of the job.
        let staged = JobOrder { issuers: issuers_of(&dir, profiles)?, ..order.clone() };
        staged.parameters().map(Some)
    })?;
    findings.extend(lookalikes.findings().into_iter().map(|finding| source.locate(finding)));
    Ok(match spooled {
        StagingResult::Refused(faults) => match source.refusal(&faults) {
            Some(error) => return Err(error),
            None => OpenOutcome::Refused(faults),
        },
        StagingResult::Rehearsed(count) => OpenOutcome::Could(Box::new(FleetReport {
            dry_run: true,
            archive: request.destination.archive.clone(),
            findings,
            ..FleetReport::of_names(count, order.layout, place)
        })),
        StagingResult::Kept(StagingOutcome::New(job)) => {
            let order = JobOrder::kept(&job.parameters)?;
            OpenOutcome::Job(Box::new(OpenJob { job, order, findings, is_new: true, ca: opened }))
        }
        StagingResult::Kept(StagingOutcome::Known(job)) => {
            job::check_can_issue(store, &job)?;
            let order = JobOrder::kept(&job.parameters)?;
            OpenOutcome::Job(Box::new(OpenJob { job, order, findings, is_new: false, ca: opened }))
        }
    })
}

/// Fails if a new job of the ledger cannot have its shards in `place` or its results in `results`. Writes nothing.
///
/// # Errors
/// Those of [`ShardStore::check_new`] and of [`results::check_new`].
pub(crate) fn check_new_places(
    store: &Path,
    view: &View,
    place: &Path,
    layout: Layout,
    results: Option<&Path>,
) -> Result<()> {
    ShardStore::check_new(store, place, layout, view)?;
    results.map_or(Ok(()), |dir| results::check_new(view, dir))
}

/// The error of a step before the first device of a job is issued. A job that this run has staged is canceled, so that a
/// command that fails does not keep the names. One whose place is marked stays: the same command continues it.
pub(crate) fn cancel_if_new(store: &mut Store, opened: &OpenJob, request: &FleetRequest, error: Error) -> Error {
    let OpenJob { job, order, is_new, .. } = opened;
    let has_place = || {
        let place = job::place_if_known(store, job, order, &request.destination).ok().flatten();
        place.is_some_and(|place| place.job().is_some())
    };
    if !is_new || has_place() {
        return error;
    }
    // The first error is the one that the user has to know.
    if let Err(error) = store.ledger.cancel(job.id) {
        tracing::warn!(%error, job = %job.id, "the names of the job stay reserved");
    }
    error
}

/// The names of the CAs that issue for these profiles now.
fn issuers_of(store: &Path, profiles: &BTreeSet<String>) -> Result<BTreeMap<String, String>> {
    profiles.iter().map(|profile| Ok((profile.clone(), ca_of(store, Some(profile))?.name()))).collect()
}

/// Issues what is left of a job.
pub(crate) fn issue_job(
    workspace: &mut Workspace<'_>,
    store: &mut Store,
    opened: OpenJob,
    request: &FleetRequest,
    control: &mut RunControl<'_>,
    in_pass: Option<&InPassBundler>,
) -> Result<FleetReport> {
    let begun = Instant::now();
    let before = store.ledger.job_progress(opened.job.id)?.issued();
    // Below this line files are written.
    if request.dry_run {
        let OpenJob { job, order, findings, .. } = opened;
        let place = job::place_if_known(store, &job, &order, &request.destination)?;
        let phases = vec![PhaseReport::of_issuing(job.size, before, 0, begun)];
        return Ok(FleetReport { dry_run: true, phases, findings, ..FleetReport::of(&job, &order, place.as_ref()) });
    }
    let Places { place, lock: _lock, output } = match places(workspace, store, &opened, request) {
        Ok(places) => places,
        Err(error) => return Err(cancel_if_new(store, &opened, request, error)),
    };
    let OpenJob { job, order, mut findings, ca, .. } = opened;
    // With a shared ledger, another station may be alive and hold its lease rightly.
    if !store.ledger.is_shared() {
        store.ledger.break_leases(job.id)?;
    }
    // Under the lock of the place, so a partial file cannot belong to a process that is running.
    leftovers::settle(&store.ledger, &job, output.files())?;
    if let Some(in_pass) = in_pass {
        in_pass.remove_leftovers(store, &job, &place)?;
    }
    let (mut now, mut end) = (0, RunEnd::default());
    let stop = Stop::on(control.stop);
    let mut done = before;
    if !job.done {
        let left = job.size - before;
        findings.extend(space::check(&place.bulk()?, &order, left)?);
        let threads = request.threads.unwrap_or_else(cores).max(1);
        if let Some(time) = space::keystores(&order, left, threads)? {
            (control.say)(&format!("encrypting the keystores takes about {} s", time.as_secs().max(1)));
        }
        let work = Work { job: &job, order: &order, output: &output, in_pass, threads, stop: &stop, done: before };
        (now, end) = run(workspace, store, &work, ca, control, &mut findings)?;
        // The last renames may still be in the cache of the file system.
        output.files().sync_names()?;
        place.note(&store.ledger);
        // Other stations may have issued some of it meanwhile.
        done = store.ledger.job_progress(job.id)?.issued();
    }
    // Read again: other stations may have finished or canceled the job meanwhile.
    let was_canceled = job.canceled_at.is_some();
    let job = store.ledger.job(job.id)?.ok_or_else(|| Code::Internal.error("a job is gone"))?;
    if job.canceled_at.is_some() && !was_canceled {
        // Its shards are no longer work, and no station has taken them over.
        end.findings.retain(|finding| finding.code != Code::LeaseLost);
        end.error.get_or_insert(canceled(&job));
    }
    findings.append(&mut end.findings);
    let stopped = end.stopped(&stop, done == 0, "the job")?;
    let names = job::device_count(&store.ledger, &job)?;
    let mut report = FleetReport {
        names,
        phases: vec![PhaseReport::of_issuing(names, done, now, begun)],
        findings,
        ..FleetReport::of(&job, &order, Some(&place))
    };
    finished::complete(&mut report, store, &job, &place)?;
    report.write_results(&store.ledger, &job, request.results.as_deref(), 0);
    report.stopped = stopped.map(|finding| match finding.code {
        Code::JobCanceled => finding,
        _ => finding.fix(match job.renews {
            true => format!("run the same command again, or `tbpki fleet issue --resume {}`, to do the rest", job.id),
            false => "run the same command again, or with --resume, to do the rest".to_owned(),
        }),
    });
    Ok(report)
}

/// The places to which a job is written.
struct Places {
    place: ShardStore,
    lock: Option<Lock>,
    output: ShardOutput,
}

/// Makes the places to which a job is written.
fn places(workspace: &mut Workspace<'_>, store: &Store, opened: &OpenJob, request: &FleetRequest) -> Result<Places> {
    let OpenJob { job, order, .. } = opened;
    if let Some(dir) = &request.results {
        results::check_is_free(&store.ledger, job, dir)?;
    }
    let place = job::place(store, job, order, Some(&request.destination))?;
    // After the place is made: the results may go into its directory, which must be empty before. Made now, because the
    // report is written at the end of a run that may take hours.
    if let Some(dir) = &request.results {
        results::prepare(&store.ledger, job, dir)?;
    }
    let lock = match job::prepare(&place, workspace, "fleet issue") {
        // Nothing is left to write to a job that is done. Its directory can be on a medium for reading.
        Err(error) if job.done && error.code() == Code::FileUnwritable => {
            tracing::debug!(%error, "the directory of a job that is done cannot be written to");
            None
        }
        lock => lock?,
    };
    let output = output(workspace, store, job, order, place.clone())?;
    Ok(Places { place, lock, output })
}

/// The error that ends a run because another station has canceled the job.
fn canceled(job: &Job) -> Error {
    Code::JobCanceled
        .error(format!("job {} was canceled while this run worked on it", job.id))
        .because("its names that were not issued are free again")
        .fix("what it has issued can be registered and bundled; issue the other names with a new job")
}

/// The inputs of a run.
struct Work<'a> {
    job: &'a Job,
    order: &'a JobOrder,
    output: &'a ShardOutput,
    in_pass: Option<&'a InPassBundler>,
    threads: usize,
    stop: &'a Stop<'a>,
    /// Devices that are issued by now.
    done: u64,
}

fn run(
    workspace: &mut Workspace<'_>,
    store: &mut Store,
    work: &Work<'_>,
    ca: Option<OpenCa>,
    control: &mut RunControl<'_>,
    findings: &mut Vec<Finding>,
) -> Result<(u64, RunEnd)> {
    let Work { job, order, output, in_pass, threads, stop, done } = *work;
    // Values of keygen.toml that go into every certificate. A change after staging would make two kinds of devices.
    let subject = check_subject(order, workspace.config)?;
    let sans = order.sans()?;
    let profiles = store.ledger.profiles(job.id)?;
    let signers = signers(workspace, order, ca, &profiles, findings)?;
    check_issuer(order, &signers.of(None, None)?.fingerprint)?;
    let mut progress = ProgressCounter::new("issuing", done, job.size, control.tell);
    let worker =
        ShardWorker { job: job.uid, order, subject: &subject, sans: &sans, signers: &signers, output, in_pass, stop };
    let runner = PhaseRunner::new(&mut store.ledger, job.id, Phase::Issue, output.place(), stop)?;
    Engine { runner, threads, progress: &mut progress }.run(&worker)
}

/// The CAs that sign for a job, each opened once.
fn signers(
    workspace: &mut Workspace<'_>,
    order: &JobOrder,
    opened: Option<OpenCa>,
    profiles: &[String],
    findings: &mut Vec<Finding>,
) -> Result<Signers<impl SigningKey + use<>>> {
    let cas = JobCas::of(workspace.store_dir(), order, profiles)?;
    let mut by_ca = BTreeMap::new();
    let mut open = |ca: &Ca, opened: Option<OpenCa>| -> Result<()> {
        if by_ca.contains_key(&ca.name()) {
            return Ok(());
        }
        let opened = opened.map_or_else(|| workspace.open_ca(ca), Ok)?;
        let (signer, note) = Signer::new(ca, opened, order, crl_url(workspace.config, ca), workspace.now)?;
        findings.extend(note);
        by_ca.insert(ca.name(), signer);
        Ok(())
    };
    // The job's own CA first: its error is the one that a user can act on.
    open(&cas.own, opened)?;
    // Profiles without a CA of their own are issued by that of all devices, whatever the job's own profile is.
    cas.profiles.values().chain(&cas.renewed_by).try_for_each(|ca| open(ca, None))?;
    let profiles = cas.profiles.into_iter().map(|(profile, ca)| (profile, ca.name())).collect();
    Ok(Signers { by_ca, own: cas.own.name(), profiles })
}

/// The destination of a job's shards, and the parts of devices besides key and chain.
fn output(
    workspace: &mut Workspace<'_>,
    store: &Store,
    job: &Job,
    order: &JobOrder,
    place: ShardStore,
) -> Result<ShardOutput> {
    let anchors = workspace.client_anchors_in(&store.ledger)?;
    let formats = order.formats()?;
    let mut keystore = None;
    if formats.iter().any(|format| matches!(format, ClientFormat::P12 | ClientFormat::Jks)) {
        let settings = &workspace.config.client_keystore;
        let name = keystore_password_of_job(job.id.number());
        let names = KeptPassword { name: &name, earlier: None };
        let (passwords, new) = workspace.secrets.keystore(settings, "client.keystore", store.dir(), names)?;
        // Written before the first keystore. A lost password would make all keystores of the job useless.
        // Kept before anything is closed with it, and for good: shards are.
        NewSecret::kept_for(new, store.dir(), || Ok(()))?;
        keystore = Some(KeystorePlan {
            alias: settings.alias.value.as_str().to_owned(),
            trusted: workspace.named_anchors(&anchors)?,
            passwords,
            created: workspace.now,
        });
    }
    let extras = ExtraFiles { anchors, formats, keystore, prefix: order.prefix.clone() };
    let packer = Packer::new(order.packing, order.recipients()?);
    ShardOutput::new(place, packer, extras, workspace.now.unix_timestamp())
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, Into::into)
}
