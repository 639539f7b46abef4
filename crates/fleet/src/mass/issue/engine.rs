//! From claims to commits: threads that make shards, one that waits for the disk, and this one, which has the ledger.
//!
//! ```text
//!           claim              make, write              sync           commit
//! ledger ───────────> threads ─────────────> settler ───────────> ledger ───────> published, progress
//! ```
//!
//! A shard is published under its own name only once the ledger has it. So a name that this ledger does not know is
//! that of another ledger, and is never removed.
//!
//! Shards reach the settler one by one and leave it in batches: one wait for the disk serves all that have come
//! meanwhile. What is in flight is bounded, and so is memory.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use base::{Code, Error, Result};
use ledger::{Claim, ClaimWish, JobId, Ledger, Phase};
use pki::key::SigningKey;

use super::worker::{Desks, Issued, Task, Worker};
use crate::mass::progress::Progress;

/// How long a shard is ours without a sign of life. Renewed three times in that time.
pub(crate) const LEASE: Duration = Duration::from_secs(60);
/// How often the person in front of it hears of progress, and signals are looked for.
pub(crate) const TICK: Duration = Duration::from_millis(200);
/// Shards that one wait for the disk serves at most.
const BATCH: usize = 16;

/// What comes back from the threads.
enum Done {
    /// On the disk, under a name that nothing looks for.
    Settled(Box<Issued>),
    /// Nothing of it is left.
    Failed(Box<(Claim, Error)>),
}

/// What has become of a run.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Devices that this run has issued.
    pub(crate) issued: u64,
    /// What ended it early.
    pub(crate) error: Option<Error>,
}

/// A run over the shards of a job that nobody has issued yet.
pub(crate) struct Engine<'a> {
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) job: JobId,
    pub(crate) station: &'a str,
    pub(crate) threads: usize,
    pub(crate) progress: &'a mut Progress<'a>,
}

impl Engine<'_> {
    /// Issues shards until there are none, a stop is asked for, or something goes wrong.
    pub(crate) fn run<K: SigningKey>(mut self, worker: &Worker<'_, K>) -> Result<Outcome> {
        let desks = Desks::new(worker.signers, worker.order, worker.sans)?;
        let (give, take) = sync_channel::<Task>(self.threads);
        let (write, written) = channel();
        let (settle, settled) = channel();
        let take = Mutex::new(take);
        thread::scope(|scope| {
            for _ in 0..self.threads {
                let (write, take, desks) = (write.clone(), &take, &desks);
                scope.spawn(move || {
                    // Locked only while a shard is handed over: a panic elsewhere does not poison it.
                    while let Ok(task) = { take.lock().unwrap_or_else(PoisonError::into_inner).recv() } {
                        if write.send(worker.issue(desks, task)).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(write);
            scope.spawn(move || settler(worker, &written, &settle));
            let outcome = self.walk(worker, &give, &settled);
            // Threads end when there is nothing more to take.
            drop(give);
            outcome
        })
    }

    fn walk<K: SigningKey>(
        &mut self,
        worker: &Worker<'_, K>,
        give: &SyncSender<Task>,
        settled: &Receiver<Done>,
    ) -> Result<Outcome> {
        let window = 2 * self.threads + 2;
        let mut outcome = Outcome::default();
        let mut claims: Vec<Claim> = Vec::with_capacity(window);
        let mut renewed = Instant::now();
        loop {
            let mut exhausted = false;
            while claims.len() < window && !exhausted && !worker.stop.is_asked() {
                match self.claim(worker) {
                    Ok(Some(task)) => {
                        claims.push(task.claim.clone());
                        if give.send(task).is_err() {
                            return Err(Code::Internal.error("the threads that issue have ended"));
                        }
                    }
                    Ok(None) => exhausted = true,
                    Err(error) => {
                        worker.stop.now();
                        outcome.error.get_or_insert(error);
                    }
                }
            }
            if claims.is_empty() {
                if worker.stop.is_asked() || !self.others_have_some()? {
                    break;
                }
                thread::sleep(TICK);
            }
            match settled.recv_timeout(TICK) {
                Ok(done) => self.take(worker, done, &mut claims, &mut outcome)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Code::Internal.error("the threads that issue have ended"));
                }
            }
            if renewed.elapsed() > LEASE / 3 {
                renewed = Instant::now();
                self.renew(&claims)?;
            }
            self.progress.tick();
        }
        Ok(outcome)
    }

    fn claim<K: SigningKey>(&mut self, worker: &Worker<'_, K>) -> Result<Option<Task>> {
        let wish = ClaimWish {
            job: self.job,
            phase: Phase::Issue,
            station: self.station,
            place: Some(worker.output.place().id()),
            lease: LEASE,
        };
        let Some(claim) = self.ledger.claim(&wish)? else { return Ok(None) };
        let names = self.ledger.names(claim.job, claim.shard)?;
        Ok(Some(Task { claim, names }))
    }

    /// Whether other stations have shards that may become free again.
    fn others_have_some(&self) -> Result<bool> {
        Ok(self.ledger.is_shared() && self.ledger.next_lease_end(self.job, Phase::Issue)?.is_some())
    }

    fn renew(&mut self, claims: &[Claim]) -> Result<()> {
        for claim in claims {
            match self.ledger.renew(claim, LEASE) {
                // It is told when it comes back.
                Err(error) if error.code() == Code::LeaseLost => {}
                other => other?,
            }
        }
        Ok(())
    }

    fn take<K: SigningKey>(
        &mut self,
        worker: &Worker<'_, K>,
        done: Done,
        claims: &mut Vec<Claim>,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let (claim, error) = match done {
            Done::Settled(issued) => {
                let issued = *issued;
                claims.retain(|claim| claim.shard != issued.claim.shard);
                match self.commit(worker, issued) {
                    Ok(count) => {
                        outcome.issued += count;
                        self.progress.advance(count);
                        return Ok(());
                    }
                    Err(failed) => failed,
                }
            }
            Done::Failed(failed) => {
                let (claim, error) = *failed;
                claims.retain(|other| other.shard != claim.shard);
                (claim, error)
            }
        };
        if error.code() == Code::LeaseLost {
            tracing::warn!(%error, "another station issues this shard");
            return Ok(());
        }
        worker.stop.now();
        if let Err(second) = self.ledger.give_back(&claim, &error.to_string()) {
            // What stopped the shard may stop this as well. Then the next run finds it claimed by nobody alive.
            tracing::warn!(error = %second, "a shard was not given back");
        }
        if error.code() != Code::StoppedEarly {
            outcome.error.get_or_insert(error);
        }
        Ok(())
    }

    /// Records a shard that is on the disk; then it counts.
    fn commit<K: SigningKey>(&mut self, worker: &Worker<'_, K>, issued: Issued) -> Result<u64, (Claim, Error)> {
        let Issued { claim, rows, written, .. } = issued;
        if let Err(error) = self.ledger.commit_issued(&claim, worker.output.place().id(), &rows) {
            // Were the answer lost and not the commit, the files would be missing: only a refusal is certain.
            if matches!(error.code(), Code::LeaseLost | Code::DuplicateNames) {
                worker.output.discard(&written);
            }
            return Err((claim, error));
        }
        tracing::debug!(shard = claim.shard, fence = claim.fence, "issued and stored");
        match worker.output.publish(&written) {
            Ok(()) => Ok(u64::from(claim.count)),
            Err(error) => Err((claim, error)),
        }
    }
}

/// Waits for the disk, once for all shards that have come meanwhile.
fn settler<K: SigningKey>(
    worker: &Worker<'_, K>,
    written: &Receiver<Result<Issued, (Claim, Error)>>,
    settled: &Sender<Done>,
) {
    while let Ok(first) = written.recv() {
        let more = std::iter::from_fn(|| written.try_recv().ok()).take(BATCH - 1);
        let (mut batch, mut results) = (Vec::new(), Vec::new());
        for one in std::iter::once(first).chain(more) {
            match one {
                Ok(issued) => batch.push(issued),
                Err(failed) => results.push(Done::Failed(Box::new(failed))),
            }
        }
        let result = match batch.is_empty() {
            true => Ok(()),
            false => settle(worker, &batch),
        };
        match result {
            Ok(()) => results.extend(batch.into_iter().map(|issued| Done::Settled(Box::new(issued)))),
            Err(error) => {
                // Nobody knows which of them reached the disk. They count for nothing.
                for issued in batch {
                    worker.output.discard(&issued.written);
                    if let (Some(in_pass), Some(bundles)) = (worker.in_pass, &issued.bundles) {
                        in_pass.output.discard(bundles);
                    }
                    let error = Error::new(error.finding().clone());
                    results.push(Done::Failed(Box::new((issued.claim, error))));
                }
            }
        }
        if results.into_iter().any(|done| settled.send(done).is_err()) {
            break;
        }
    }
}

/// Bundles first: a shard is not to be there without them.
fn settle<K: SigningKey>(worker: &Worker<'_, K>, batch: &[Issued]) -> Result<()> {
    for bundles in batch.iter().filter_map(|issued| issued.bundles.as_ref()) {
        worker.in_pass.map_or(Ok(()), |in_pass| in_pass.output.settle(bundles))?;
    }
    worker.output.sync()
}
