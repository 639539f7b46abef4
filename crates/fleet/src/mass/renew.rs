//! Renewing the devices of a job: a further job, whose shards have the next generation of each device. It is pending until
//! the devices have it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use base::{Code, Finding, Result, file};
use identity::lifecycle::renew::RenewalRule;
use ledger::{Generation, Job, JobId, Key, Kind, LatestGeneration, NewJob, RenewalCandidate, StagingOutcome, View};
use pki::Certificate;
use pki::validity::{Lifetime, Validity};
use store::Workspace;
use store::shard::{Layout, ShardStore};
use time::{Duration, OffsetDateTime};

use super::control::RunControl;
use super::issue::issuing::{main_of, named};
use super::issue::stage::SHARD;
use super::issue::{FleetRequest, JobSource, OpenJob, check_new_places, issue_job};
use super::job::{self, JobSelector};
use super::report::FleetReport;
use crate::job_order::{Destination, JobOrder};
use crate::stop::check_goes_on;

/// The verb, as locks name it.
const VERB: &str = "fleet renew";

/// Which devices are renewed, and where their files go.
#[derive(Debug, Clone)]
pub struct FleetRenewRequest {
    /// The job that issued the devices first.
    pub job: u64,
    /// Only those whose renewal is due by this rule.
    pub due: Option<RenewalRule>,
    /// Where the new files go.
    pub destination: Destination,
    /// The number of threads that generate keys; `None` for one for each core.
    pub threads: Option<usize>,
    /// The directory of the files with a line for each device.
    pub results: Option<PathBuf>,
    /// Report what would happen, and change nothing.
    pub dry_run: bool,
}

/// The devices of a job, by what becomes of them.
#[derive(Debug, Default)]
struct Candidates {
    /// By the number of the line: whether it is renewed.
    renewed: Vec<bool>,
    /// By the number of the line: the renewal that was not used before it was due, so that another one replaces it.
    replaced: HashMap<usize, Generation>,
    count: u64,
    /// The names of the CAs of the devices that are renewed.
    issuers: BTreeSet<String>,
    not_due: u64,
    /// Devices whose renewal would end less than a quarter of its lifetime after the present certificate.
    too_short: u64,
    pending: u64,
    revoked: u64,
    /// Devices that have a certificate of another origin by now, or were unregistered.
    others: u64,
}

/// Renews the devices of a job. The same request continues an interrupted renewal.
///
/// # Errors
/// [`Code::UnknownJob`], [`Code::Usage`], and those of [`issue`](super::issue()).
pub fn renew(
    workspace: &mut Workspace<'_>,
    request: &FleetRenewRequest,
    control: &mut RunControl<'_>,
) -> Result<FleetReport> {
    let mut store = workspace.open_store(VERB)?;
    let of = store.ledger.job(JobId::new(request.job))?.filter(|job| !job.renews).ok_or_else(|| {
        Code::UnknownJob
            .error(format!("the ledger has no job {} that issued devices first", request.job))
            .fix("`tbpki fleet jobs` lists the jobs")
    })?;
    // A second renewal next to an unfinished one would issue two generations for each device.
    let (job, is_new, findings) = match unfinished(&store.ledger, &of)? {
        Some(job) => {
            JobOrder::kept(&job.parameters)?.check_repeated(job.id, &request.destination)?;
            (job, false, Vec::new())
        }
        None => {
            let (mut order, mut findings) = next_order(&of, request)?;
            let view = workspace.view()?;
            let candidates = candidates(workspace, &view, &of, &order, request, control.stop)?;
            findings.extend(candidates.note(&of));
            if candidates.count == 0 {
                // Nothing is written anywhere.
                let report = FleetReport::of_names(0, order.layout, PathBuf::new());
                return Ok(FleetReport { dry_run: request.dry_run, findings, ..report });
            }
            // Before the job is staged: a job whose place cannot be made would keep the renewals of its devices for nothing.
            let place = request.destination.directory(store.dir())?;
            check_new_places(store.dir(), &store.ledger, &place, order.layout, request.results.as_deref())?;
            if request.dry_run {
                let report = FleetReport::of_names(candidates.count, order.layout, place);
                return Ok(FleetReport { dry_run: true, findings, ..report });
            }
            order.renewed_by = candidates.issuers;
            order.issuer = fingerprint_of(workspace, &order.renewed_by)?;
            ShardStore::try_new(&place, order.layout)?;
            request.results.as_ref().map_or(Ok(()), file::check_writable_dir)?;
            let new = NewJob { parameters: order.parameters()?, shard_size: SHARD, renews: true };
            let mut staging = store.ledger.stage(&new)?;
            for shard in issued_shards(&view, &of) {
                let shard = shard?;
                check_goes_on(control.stop)?;
                let first = first_of(&of, shard);
                for (index, name) in view.names(of.id, shard)?.iter().enumerate() {
                    let index = first.saturating_add(index);
                    if candidates.renewed.get(index).copied().unwrap_or_default() {
                        staging.add(name)?;
                    }
                    if let Some(generation) = candidates.replaced.get(&index).copied() {
                        staging.replace_pending(&Key { kind: Kind::Device, name: name.name.clone(), generation })?;
                    }
                }
            }
            match staging.keep()? {
                StagingOutcome::New(job) => (job, true, findings),
                StagingOutcome::Known(job) => (job, false, findings),
            }
        }
    };
    let order = JobOrder::kept(&job.parameters)?;
    job::check_can_issue(&store, &job)?;
    let issue = FleetRequest {
        source: JobSource::Staged(JobSelector::Number(job.id.number())),
        destination: request.destination.clone(),
        profile: None,
        threads: request.threads,
        results: request.results.clone(),
        // The attributes are on the platform since the first job, and a renewal does not send them again.
        accept_number_attributes: true,
        dry_run: request.dry_run,
    };
    issue_job(workspace, &mut store, OpenJob::staged(job, order, findings).marked_new(is_new), &issue, control, None)
}

/// The renewal of a job that was interrupted.
fn unfinished(view: &View, of: &Job) -> Result<Option<Job>> {
    for job in view.jobs()?.into_iter().filter(|job| job.renews && !job.done) {
        if JobOrder::kept(&job.parameters)?.renews == Some(of.id.number()) {
            return Ok(Some(job));
        }
    }
    Ok(None)
}

/// What is asked for the renewals: what was asked for the devices, in another place.
fn next_order(of: &Job, request: &FleetRenewRequest) -> Result<(JobOrder, Vec<Finding>)> {
    let (layout, packing) = request.destination.resolve()?;
    if layout == Layout::Directories {
        return Err(Code::Usage
            .error("renewals of a fleet wait for the devices, so they are not in the directories of the store")
            .fix("use --out DIR or --archive FILE; `tbpki renew --device NAME` renews devices of the store"));
    }
    let before = JobOrder::kept(&of.parameters)?;
    let mut findings = Vec::new();
    // The first job may have had another layout: what was right there is no error here.
    let formats = if layout == Layout::Archive && !before.formats.is_empty() {
        findings.push(
            Code::FleetFormat.note("an archive contains one PEM file for each device: other formats are left out"),
        );
        Vec::new()
    } else {
        before.formats.clone()
    };
    let recipients = request.destination.recipients.iter().map(ToString::to_string).collect();
    let issuers = BTreeMap::new();
    Ok((JobOrder { issuers, layout, packing, recipients, formats, renews: Some(of.id.number()), ..before }, findings))
}

/// The certificate, by its fingerprint, that must be the same until the devices of these CAs are renewed.
fn fingerprint_of(workspace: &Workspace<'_>, cas: &BTreeSet<String>) -> Result<String> {
    let cas: Vec<_> = cas.iter().map(|name| named(name)).collect::<Result<_>>()?;
    let issuer = main_of(&cas)?.certificates(workspace.store_dir())?.first().map(Certificate::fingerprint_hex);
    issuer.ok_or_else(|| Code::CertificateUnreadable.error("the CA has no certificate"))
}

/// The ends of the renewals that are issued now, by the name of the CA. A renewal keeps the CA of its device, whatever CA
/// its profile has by now.
struct RenewalEnds<'a> {
    store: &'a Path,
    now: OffsetDateTime,
    lifetime: Lifetime,
    known: HashMap<String, OffsetDateTime>,
}

impl RenewalEnds<'_> {
    fn of(&mut self, issuer: &str) -> Result<OffsetDateTime> {
        if let Some(end) = self.known.get(issuer) {
            return Ok(*end);
        }
        let limit = named(issuer)?.check_usable(self.store, self.now)?;
        let (validity, _) = Validity::starting(self.now, self.lifetime, Some(&limit))?;
        self.known.insert(issuer.to_owned(), validity.not_after());
        Ok(validity.not_after())
    }
}

/// The devices of a job that are renewed.
fn candidates(
    workspace: &Workspace<'_>,
    view: &View,
    of: &Job,
    order: &JobOrder,
    request: &FleetRenewRequest,
    stop: &AtomicBool,
) -> Result<Candidates> {
    let lifetime = Lifetime { days: order.days, explicit: order.exact_days };
    let mut ends = RenewalEnds { store: workspace.store_dir(), now: workspace.now, lifetime, known: HashMap::new() };
    let mut judge = |latest: &LatestGeneration| {
        let is_due = request.due.is_none_or(|due| due.is_due(latest.not_before, latest.not_after, workspace.now))
            // Peers refuse it, whatever its dates are.
            || latest.is_of_revoked_ca;
        // Below a CA that was replaced, a renewal has a use although it lives no longer: the earlier CA can go.
        let is_useful = latest.is_of_earlier_ca || lasts(order.days, latest.not_after, ends.of(&latest.issuer)?);
        Ok(match (is_due, is_useful) {
            (false, _) => Judgment::NotDue,
            (true, false) => Judgment::TooShort,
            (true, true) => Judgment::Renew,
        })
    };
    // One flag for each name, about a megabyte for a million devices, instead of the names.
    let size = usize::try_from(of.size).unwrap_or(usize::MAX);
    let mut found = Candidates { renewed: vec![false; size], ..Candidates::default() };
    let mut origin = Origins { view, of, known: Vec::new() };
    for shard in issued_shards(view, of) {
        let shard = shard?;
        check_goes_on(stop)?;
        let first = first_of(of, shard);
        for (index, candidate) in view.renewal_candidates(of.id, shard)?.into_iter().enumerate() {
            let renewed = found.count(&candidate, &mut origin, request.due.is_some(), &mut judge)?;
            let index = first.saturating_add(index);
            if let Some(place) = found.renewed.get_mut(index) {
                *place = renewed;
            }
            if let Some(pending) = candidate.pending.filter(|_| renewed) {
                found.replaced.insert(index, pending.generation);
            }
        }
    }
    Ok(found)
}

/// Whether a certificate is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judgment {
    Renew,
    /// The rule of the request does not ask for it.
    NotDue,
    /// The renewal would hardly live longer.
    TooShort,
}

/// Whether a renewal lives at least a quarter of its lifetime longer than the present certificate.
fn lasts(days: u32, present_end: OffsetDateTime, next_end: OffsetDateTime) -> bool {
    (next_end - present_end) * 4 >= Duration::days(i64::from(days))
}

/// Which jobs have issued the devices of a job: itself, and its renewals.
struct Origins<'a> {
    view: &'a View,
    of: &'a Job,
    known: Vec<(JobId, bool)>,
}

impl Origins<'_> {
    fn includes(&mut self, job: Option<JobId>) -> Result<bool> {
        let Some(id) = job else { return Ok(false) };
        if id == self.of.id {
            return Ok(true);
        }
        // Few jobs have issued the devices of a job, and each would otherwise be read for each device.
        if let Some((_, known)) = self.known.iter().find(|(known, _)| *known == id) {
            return Ok(*known);
        }
        let is_renewal = match self.view.job(id)? {
            Some(job) if job.renews => JobOrder::kept(&job.parameters)?.renews == Some(self.of.id.number()),
            _ => false,
        };
        self.known.push((id, is_renewal));
        Ok(is_renewal)
    }
}

/// The shards of a job that are issued. A job that was canceled has no identities of the others.
fn issued_shards(view: &View, job: &Job) -> impl Iterator<Item = Result<u32>> {
    (0..job.shards).filter_map(move |shard| match view.committed(job.id, shard) {
        Ok(committed) => committed.map(|_| Ok(shard)),
        Err(error) => Some(Err(error)),
    })
}

/// The number of the first name of a shard, from 0.
fn first_of(job: &Job, shard: u32) -> usize {
    usize::try_from(job.range(shard).0).unwrap_or(usize::MAX)
}

impl Candidates {
    /// Counts a device, and returns whether it is renewed.
    fn count(
        &mut self,
        candidate: &RenewalCandidate,
        origin: &mut Origins<'_>,
        has_rule: bool,
        judge: &mut impl FnMut(&LatestGeneration) -> Result<Judgment>,
    ) -> Result<bool> {
        let counter = match &candidate.latest {
            Some(latest) if latest.is_revoked => &mut self.revoked,
            Some(latest) if latest.is_for_bulk() && origin.includes(latest.job)? => {
                // Without a rule, each run would replace renewals that are on their way to the devices.
                let waits = match &candidate.pending {
                    Some(pending) => !has_rule || judge(pending)? != Judgment::Renew,
                    None => false,
                };
                match if waits { None } else { Some(judge(latest)?) } {
                    None => &mut self.pending,
                    Some(Judgment::NotDue) => &mut self.not_due,
                    Some(Judgment::TooShort) => &mut self.too_short,
                    Some(Judgment::Renew) => {
                        self.count += 1;
                        if !self.issuers.contains(&latest.issuer) {
                            self.issuers.insert(latest.issuer.clone());
                        }
                        return Ok(true);
                    }
                }
            }
            _ => &mut self.others,
        };
        *counter += 1;
        Ok(false)
    }

    /// What is not renewed, and why.
    fn note(&self, of: &Job) -> Option<Finding> {
        let left = [
            (self.not_due, "not due"),
            (
                self.too_short,
                "with a renewal that would end less than a quarter of its lifetime after the present certificate",
            ),
            (self.pending, "renewed and not in use yet"),
            (self.revoked, "revoked"),
            (self.others, "unregistered, or with a certificate that was not issued by this job or its renewals"),
        ];
        let left: Vec<String> =
            left.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        (!left.is_empty()).then(|| {
            Code::RenewalDue.note(format!("devices of job {} that are not renewed: {}", of.id, left.join(", ")))
        })
    }
}
