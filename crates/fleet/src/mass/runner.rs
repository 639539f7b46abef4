//! The work on the shards of one phase of a job, by the same rules for issuing, registering and bundling: a shard is
//! claimed, its lease is extended while it is worked on, and in the end it is finished or given back.
//!
//! A shard whose lease another station has taken over ends nothing: the other station does it, and this one continues
//! with the next. Any other error ends the run; the shard is given back, and the error is in the report.

use std::thread;
use std::time::{Duration, Instant};

use base::{Code, Error, Finding, Result};
use ledger::{Claim, ClaimRequest, JobId, Key, Ledger, Phase};

use super::phase::go_on;
use crate::lifecycle::lease::station_name;
use crate::stop::{Stop, TICK};
use store::shard::ShardStore;

/// The time for which a shard belongs to this station without a renewal. It is renewed three times in that time.
pub(crate) const LEASE: Duration = Duration::from_secs(60);
/// Outcomes that are committed together: a commit waits for the disk. What a killed run did not commit is found done by
/// the next one.
const BATCH: usize = 1000;
/// The greatest age of an outcome that is not committed.
const AGE: Duration = Duration::from_secs(1);

/// The shards of one phase of a job, as far as they are in one place, and what became of them.
pub(crate) struct PhaseRunner<'a> {
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) stop: &'a Stop<'a>,
    job: JobId,
    phase: Phase,
    /// The place that this station sees.
    place: String,
    station: String,
    /// Shards that another station has taken over.
    lost: u32,
    /// The error that ended the run.
    error: Option<Error>,
}

/// A claimed shard, and the outcomes of its devices that are not committed.
pub(crate) struct ShardLease {
    pub(crate) claim: Claim,
    done: Vec<Key>,
    failed: Vec<(Key, String)>,
    /// Devices that were revoked while they were registered.
    revoked: Vec<Key>,
    since: Instant,
    renewed: Instant,
}

/// The end of the work on a shard.
pub(crate) enum ShardEnd {
    /// All of its devices have an outcome.
    Done,
    /// A stop was requested.
    Stopped,
}

/// The end of a run over the shards of a phase.
#[derive(Debug, Default)]
pub(crate) struct RunEnd {
    /// The error that ended it early.
    pub(crate) error: Option<Error>,
    /// A warning about shards that other stations have taken over.
    pub(crate) findings: Vec<Finding>,
}

impl<'a> PhaseRunner<'a> {
    /// A runner for a phase of a job whose shards are in `place`.
    ///
    /// # Errors
    /// [`Code::Internal`] without random numbers for the name of this station.
    pub(crate) fn new(
        ledger: &'a mut Ledger,
        job: JobId,
        phase: Phase,
        place: &ShardStore,
        stop: &'a Stop<'a>,
    ) -> Result<Self> {
        let (place, station) = (place.id().to_owned(), station_name()?);
        Ok(Self { ledger, stop, job, phase, place, station, lost: 0, error: None })
    }

    /// Works on shard after shard until there are none, a stop is requested, or an error ends the run. Frees the shards
    /// of dead stations first, and opens those again in which devices failed.
    pub(crate) fn run(&mut self, mut work: impl FnMut(&mut Self, &mut ShardLease) -> Result<ShardEnd>) {
        // A dead station's shards would otherwise wait for the end of their lease, although this store's lock proves
        // that it is dead.
        let begun = self.ledger.break_leases(self.job).and_then(|()| self.ledger.reopen(self.job, self.phase));
        if let Err(error) = begun {
            self.error = Some(error);
        }
        while self.error.is_none()
            && let Some(mut lease) = self.next()
        {
            // The work gets the runner as well, because a registration commits outcomes while it runs.
            let worked = work(self, &mut lease);
            self.end(lease, worked);
        }
    }

    /// The next shard; none when there are no more. Waits for shards that other stations may leave.
    fn next(&mut self) -> Option<ShardLease> {
        while !self.stop.is_asked() {
            match self.claim() {
                Ok(Some(claim)) => return Some(ShardLease::new(claim)),
                Ok(None) => {}
                Err(error) => {
                    self.error = Some(error);
                    return None;
                }
            }
            // Without a shared ledger no other process can hold a shard, so there is nothing to wait for.
            match self.others_have_some() {
                Ok(true) => thread::sleep(TICK),
                Ok(false) => return None,
                Err(error) => {
                    self.error = Some(error);
                    return None;
                }
            }
        }
        None
    }

    /// Claims a shard; none if no shard is free.
    pub(crate) fn claim(&mut self) -> Result<Option<Claim>> {
        self.ledger.claim(&ClaimRequest {
            job: self.job,
            phase: self.phase,
            station: &self.station,
            place: Some(&self.place),
            lease: LEASE,
        })
    }

    /// True if other stations have shards that may become free.
    pub(crate) fn others_have_some(&self) -> Result<bool> {
        Ok(self.ledger.is_shared() && self.ledger.next_lease_end(self.job, self.phase, Some(&self.place))?.is_some())
    }

    /// Extends the leases of several shards.
    pub(crate) fn renew(&mut self, claims: &[Claim]) -> Result<()> {
        for claim in claims {
            match self.ledger.renew(claim, LEASE) {
                // A lost lease concerns one shard. The others of this list must still be extended.
                // The work on the shard finds out when it commits.
                Err(error) if error.code() == Code::LeaseLost => {}
                other => other?,
            }
        }
        Ok(())
    }

    /// Finishes a shard or gives it back.
    fn end(&mut self, mut lease: ShardLease, worked: Result<ShardEnd>) {
        let ended = match worked {
            // Outcomes first: once the shard is finished, the ledger takes no more of its outcomes.
            Ok(ShardEnd::Done) => lease.flush(self.ledger).and_then(|()| self.ledger.finish(&lease.claim)),
            Ok(ShardEnd::Stopped) => {
                lease.flush(self.ledger).and_then(|()| self.ledger.give_back(&lease.claim, "the run was ended"))
            }
            Err(error) => Err(error),
        };
        let Err(error) = ended else { return };
        // With a lost lease the outcomes belong to the other station, and the ledger would refuse them.
        if error.code() != Code::LeaseLost
            && let Err(second) = lease.flush(self.ledger)
        {
            tracing::warn!(error = %second, "outcomes of a shard were not recorded; the next run finds them");
        }
        self.fail(&lease.claim, error);
    }

    /// Applies the rule for an error of a shard: a lost lease is counted; any other error ends the run, and the shard
    /// is given back.
    pub(crate) fn fail(&mut self, claim: &Claim, error: Error) {
        if error.code() == Code::LeaseLost {
            tracing::warn!(%error, phase = %self.phase, "another station works on this shard");
            self.lost += 1;
            return;
        }
        // Stops the threads that work on other shards: they would meet the same error.
        self.stop.now();
        if let Err(second) = self.ledger.give_back(claim, &error.to_string()) {
            // The cause of the error may prevent this as well. Then the shard is free when its lease ends.
            tracing::warn!(error = %second, "a shard was not given back");
        }
        // A shard that was given up because of a stop is no error of its own.
        if error.code() != Code::StoppedEarly {
            // The first error is the cause; later ones are mostly its consequences.
            self.error.get_or_insert(error);
        }
    }

    /// Ends the run because of an error that concerns no shard.
    pub(crate) fn fail_all(&mut self, error: Error) {
        self.stop.now();
        self.error.get_or_insert(error);
    }

    /// The end of the run.
    pub(crate) fn into_end(self) -> RunEnd {
        let shards = match self.lost {
            0 => return RunEnd { error: self.error, findings: Vec::new() },
            1 => "1 shard".to_owned(),
            lost => format!("{lost} shards"),
        };
        let lost = Code::LeaseLost
            .warning(format!("another station has taken over {shards} of job {}", self.job))
            .because(format!("this station did not extend its lease for more than {} s", LEASE.as_secs()))
            .fix("run the same command again: it does what is left");
        RunEnd { error: self.error, findings: vec![lost] }
    }
}

impl RunEnd {
    /// Adds the end of the work in another place.
    pub(crate) fn add(&mut self, mut other: Self) {
        self.error = self.error.take().or(other.error);
        self.findings.append(&mut other.findings);
    }

    /// The reason why a phase stopped early, for its report; `what` is the phase in words.
    ///
    /// # Errors
    /// The error that ended the run, if it has done nothing.
    pub(crate) fn stopped(self, stop: &Stop<'_>, nothing_done: bool, what: &str) -> Result<Option<Finding>> {
        // An error before anything was done is the error of the command. Later ones are a part of the report, so that
        // it is not lost.
        match self.error {
            Some(error) if nothing_done => Err(error),
            Some(error) => Ok(Some(error.into_finding())),
            None => Ok(stop
                .is_signaled()
                .then(|| Code::StoppedEarly.warning(format!("{what} was stopped before it was done")))),
        }
    }

    /// As [`stopped`](Self::stopped), with the advice to run the same command again.
    ///
    /// # Errors
    /// Those of [`stopped`](Self::stopped).
    pub(crate) fn stopped_to_go_on(self, stop: &Stop<'_>, nothing_done: bool, what: &str) -> Result<Option<Finding>> {
        let error = self.error.map(go_on);
        Self { error, findings: self.findings }.stopped(stop, nothing_done, what)
    }
}

impl ShardLease {
    fn new(claim: Claim) -> Self {
        let now = Instant::now();
        Self { claim, done: Vec::new(), failed: Vec::new(), revoked: Vec::new(), since: now, renewed: now }
    }

    /// A device has taken the step.
    pub(crate) fn done(&mut self, key: Key) {
        self.done.push(key);
    }

    /// A device has failed.
    pub(crate) fn failed(&mut self, key: Key, error: &Error) {
        self.failed.push((key, error.to_string()));
    }

    /// Commits the outcomes that are due, and extends the lease.
    ///
    /// # Errors
    /// [`Code::LeaseLost`] if another station has taken over the shard, and those of the ledger.
    pub(crate) fn keep(&mut self, ledger: &mut Ledger) -> Result<()> {
        // Whichever comes first: many outcomes, or old ones. A slow platform must not delay the progress of the ledger.
        if self.done.len() + self.failed.len() >= BATCH || self.since.elapsed() > AGE {
            self.flush(ledger)?;
        }
        // A third of the lease leaves room for two failed attempts to extend it.
        if self.renewed.elapsed() > LEASE / 3 {
            ledger.renew(&self.claim, LEASE)?;
            self.renewed = Instant::now();
        }
        Ok(())
    }

    /// Commits all outcomes, and returns the devices that were revoked while they were registered.
    ///
    /// # Errors
    /// Those of [`keep`](Self::keep).
    pub(crate) fn take_revoked(&mut self, ledger: &mut Ledger) -> Result<Vec<Key>> {
        self.flush(ledger)?;
        Ok(std::mem::take(&mut self.revoked))
    }

    fn flush(&mut self, ledger: &mut Ledger) -> Result<()> {
        // Reset before the commit: a failing ledger is asked again after a second, not at each device.
        self.since = Instant::now();
        if !self.done.is_empty() || !self.failed.is_empty() {
            self.revoked.extend(ledger.commit_step(&self.claim, &self.done, &self.failed)?);
            self.done.clear();
            self.failed.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use ledger::{FleetIdentity, Job, NewJob, Parameters, ShardParameters, StagedName, StagingOutcome, serial_of};
    use time::macros::datetime;

    use super::*;

    const HERE: &str = "here";

    /// A ledger with a job of `shards` issued shards of one device each.
    fn issued(dir: &std::path::Path, shards: u64) -> (Ledger, Job) {
        let mut ledger = Ledger::open(dir.join("ledger.db")).unwrap();
        let parameters = Parameters::of(&[("days", 365)]).unwrap();
        let mut staging =
            ledger.stage(&NewJob { parameters: parameters.clone(), shard_size: 1, renews: false }).unwrap();
        for line in 0..shards {
            let name = format!("pump-{line}");
            staging.add(&StagedName { line, name, ..StagedName::default() }).unwrap();
        }
        let StagingOutcome::New(job) = staging.keep().unwrap() else { panic!("a new job") };
        let text = |text: &str| text.to_owned();
        let common =
            ShardParameters { profile: text("client"), algorithm: text("ec-p256"), issuer: text("ca"), parameters };
        let common = Arc::new(common);
        let wish = ClaimRequest { job: job.id, phase: Phase::Issue, station: "maker", place: Some(HERE), lease: LEASE };
        while let Some(claim) = ledger.claim(&wish).unwrap() {
            let identity = FleetIdentity {
                number: claim.first,
                name: format!("pump-{}", claim.first),
                serial: serial_of(&claim.seed, claim.fence, 0).unwrap(),
                fingerprint: [u8::try_from(claim.first).unwrap(); 32],
                credentials_id: claim.first.to_string(),
                not_before: datetime!(2026-11-01 00:00 UTC),
                not_after: datetime!(2036-10-29 00:00 UTC),
                common: Arc::clone(&common),
            };
            ledger.commit_issued(&claim, HERE, &[identity]).unwrap();
        }
        (ledger, job)
    }

    fn runner<'a>(ledger: &'a mut Ledger, job: &Job, phase: Phase, stop: &'a Stop<'a>) -> PhaseRunner<'a> {
        let station = "this station".to_owned();
        PhaseRunner { ledger, stop, job: job.id, phase, place: HERE.to_owned(), station, lost: 0, error: None }
    }

    fn registered(ledger: &mut Ledger, lease: &mut ShardLease) {
        let entries = ledger.shard(lease.claim.job, lease.claim.shard).unwrap();
        entries.into_iter().for_each(|entry| lease.done(entry.key));
    }

    /// Another station takes over the shard that is worked on.
    fn take_over(ledger: &mut Ledger, job: &Job, phase: Phase) {
        ledger.break_leases(job.id).unwrap();
        let wish = ClaimRequest { job: job.id, phase, station: "another", place: Some(HERE), lease: LEASE };
        ledger.claim(&wish).unwrap().unwrap();
    }

    #[test]
    fn a_lost_lease_is_a_warning_and_the_other_shards_are_done_in_every_phase() {
        for phase in [Phase::Register, Phase::Bundle] {
            let dir = tempfile::tempdir().unwrap();
            let (mut ledger, job) = issued(dir.path(), 3);
            let signal = AtomicBool::new(false);
            let stop = Stop::on(&signal);
            let mut runner = runner(&mut ledger, &job, phase, &stop);
            let mut shards = Vec::new();
            runner.run(|runner, lease| {
                shards.push(lease.claim.shard);
                registered(runner.ledger, lease);
                if lease.claim.shard == 0 {
                    take_over(runner.ledger, &job, phase);
                }
                Ok(ShardEnd::Done)
            });
            let end = runner.into_end();
            assert_eq!(shards, [0, 1, 2], "{phase}");
            assert!(end.error.is_none(), "{phase}: {end:?}");
            assert_eq!(end.findings.len(), 1, "{phase}: {end:?}");
            assert_eq!(end.findings[0].code, Code::LeaseLost);
            assert!(end.findings[0].what.contains("1 shard of job"), "{:?}", end.findings);
            let progress = ledger.job_progress(job.id).unwrap().phase(phase);
            assert_eq!((progress.done, progress.claimed), (2, 1), "{phase}: the first shard is the other station's");
        }
    }

    #[test]
    fn an_error_gives_the_shard_back_with_its_outcomes_and_ends_the_run() {
        let dir = tempfile::tempdir().unwrap();
        let (mut ledger, job) = issued(dir.path(), 3);
        let signal = AtomicBool::new(false);
        let stop = Stop::on(&signal);
        let mut runner = runner(&mut ledger, &job, Phase::Register, &stop);
        runner.run(|runner, lease| {
            registered(runner.ledger, lease);
            if lease.claim.shard == 1 { Err(Code::LoginRefused.error("no")) } else { Ok(ShardEnd::Done) }
        });
        let end = runner.into_end();
        assert_eq!(end.error.as_ref().map(Error::code), Some(Code::LoginRefused));
        let progress = ledger.job_progress(job.id).unwrap();
        let shards = progress.phase(Phase::Register);
        assert_eq!((shards.done, shards.open, shards.claimed), (1, 2, 0));
        // What was done in the shard that was given back is not lost.
        assert_eq!(progress.states.get(&ledger::State::Registered), Some(&2));
        let stopped = end.stopped_to_go_on(&stop, false, "registering").unwrap().unwrap();
        assert!(stopped.fix.unwrap().contains("run the same command again"));
    }

    #[test]
    fn a_stop_gives_the_shard_back() {
        let dir = tempfile::tempdir().unwrap();
        let (mut ledger, job) = issued(dir.path(), 2);
        let signal = AtomicBool::new(false);
        let stop = Stop::on(&signal);
        let mut runner = runner(&mut ledger, &job, Phase::Bundle, &stop);
        runner.run(|_, _| {
            signal.store(true, std::sync::atomic::Ordering::Relaxed);
            Ok(ShardEnd::Stopped)
        });
        let end = runner.into_end();
        assert!(end.error.is_none() && end.findings.is_empty());
        assert_eq!(ledger.job_progress(job.id).unwrap().phase(Phase::Bundle).open, 2);
        let stopped = end.stopped(&stop, false, "bundling").unwrap().unwrap();
        assert_eq!(
            (stopped.code, stopped.what.as_str()),
            (Code::StoppedEarly, "bundling was stopped before it was done")
        );
    }
}
