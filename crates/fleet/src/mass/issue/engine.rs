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

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use base::{Code, Error, Result};
use ledger::{Claim, RenewalCandidate};
use pki::key::SigningKey;

use super::task_queue::TaskQueue;
use super::worker::{IssuedShard, LeafIssuers, ShardWorker, Task};
use crate::job_order::JobOrder;
use crate::mass::progress::ProgressCounter;
use crate::mass::runner::{LEASE, PhaseRunner, RunEnd};
use crate::stop::TICK;

/// Shards that one wait for the disk serves at most.
const BATCH: usize = 16;

/// A message from the threads.
enum IdentityOutcome {
    /// On the disk, under a name that nothing looks for.
    Settled(Box<IssuedShard>),
    /// Nothing of it is left.
    Failed(Box<(Claim, Error)>),
}

/// A run over the shards of a job that are not issued yet.
pub(crate) struct Engine<'a> {
    pub(crate) runner: PhaseRunner<'a>,
    pub(crate) threads: usize,
    pub(crate) progress: &'a mut ProgressCounter<'a>,
}

impl Engine<'_> {
    /// Issues shards until there are none, a stop is requested, or an error ends the run. Returns the number of devices
    /// that were issued.
    pub(crate) fn run<K: SigningKey>(mut self, worker: &ShardWorker<'_, K>) -> Result<(u64, RunEnd)> {
        let issuers = LeafIssuers::new(worker.signers, worker.order, worker.sans)?;
        let (queue, take) = TaskQueue::new(self.threads);
        let (write, written) = channel();
        let (settle, settled) = channel();
        // The receiver of a channel has one owner; the mutex lets all threads take from it.
        let take = Mutex::new(take);
        thread::scope(|scope| {
            for _ in 0..self.threads {
                let (write, take, issuers) = (write.clone(), &take, &issuers);
                scope.spawn(move || {
                    // Locked only while a shard is handed over: a panic elsewhere does not poison it.
                    while let Ok(task) = { take.lock().unwrap_or_else(PoisonError::into_inner).recv() } {
                        if write.send(worker.issue(issuers, task)).is_err() {
                            break;
                        }
                    }
                });
            }
            // Without this sender the channel closes when the last thread ends, and the settler ends as well.
            drop(write);
            scope.spawn(move || settler(worker, &written, &settle));
            let issued = self.issue_all(worker, &queue, &settled);
            // Threads end when there is nothing more to take.
            drop(queue);
            Ok((issued?, self.runner.into_end()))
        })
    }

    fn issue_all<K: SigningKey>(
        &mut self,
        worker: &ShardWorker<'_, K>,
        queue: &TaskQueue,
        settled: &Receiver<IdentityOutcome>,
    ) -> Result<u64> {
        let mut issued = 0;
        let mut claims: Vec<Claim> = Vec::with_capacity(queue.window());
        let mut renewed = Instant::now();
        loop {
            // New claims first, so that threads have work while this one waits for the disk.
            let mut exhausted = false;
            while claims.len() < queue.window() && !exhausted && !worker.stop.is_asked() {
                match self.claim(worker.order) {
                    Ok(Some(task)) => {
                        claims.push(task.claim.clone());
                        queue.give(task)?;
                    }
                    Ok(None) => exhausted = true,
                    // The error does not end the loop: shards in progress must still be taken, or their files would
                    // stay.
                    Err(error) => self.runner.fail_all(error),
                }
            }
            if claims.is_empty() {
                if worker.stop.is_asked() || !self.runner.others_have_some()? {
                    break;
                }
                thread::sleep(TICK);
            }
            match settled.recv_timeout(TICK) {
                Ok(done) => issued += self.take(worker, done, &mut claims),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Code::Internal.error("the threads that issue have ended"));
                }
            }
            if renewed.elapsed() > LEASE / 3 {
                renewed = Instant::now();
                if let Err(error) = self.runner.renew(&claims) {
                    // The shards in progress are still taken, so that their files are removed or committed.
                    self.runner.fail_all(error);
                }
            }
            self.progress.tick();
        }
        Ok(issued)
    }

    fn claim(&mut self, order: &JobOrder) -> Result<Option<Task>> {
        let Some(claim) = self.runner.claim()? else { return Ok(None) };
        let names = self.runner.ledger.names_to_issue(claim.job, claim.shard)?;
        let issuers = match order.renewed_by.is_empty() {
            true => HashMap::new(),
            false => self.present_issuers(&claim)?,
        };
        Ok(Some(Task { claim, names, issuers }))
    }

    /// The CA of the present certificate of each device of a shard.
    fn present_issuers(&self, claim: &Claim) -> Result<HashMap<String, String>> {
        let candidates = self.runner.ledger.renewal_candidates(claim.job, claim.shard)?;
        let issuer = |one: RenewalCandidate| one.latest.map(|latest| (one.name.name, latest.issuer));
        Ok(candidates.into_iter().filter_map(issuer).collect())
    }

    /// Takes a shard from the threads, and returns the number of devices that count as issued.
    fn take<K: SigningKey>(
        &mut self,
        worker: &ShardWorker<'_, K>,
        done: IdentityOutcome,
        claims: &mut Vec<Claim>,
    ) -> u64 {
        let (claim, error) = match done {
            IdentityOutcome::Settled(issued) => {
                let issued = *issued;
                // Removed from the list before the commit, because a shard that fails to commit is no longer extended.
                claims.retain(|claim| claim.shard != issued.claim.shard);
                match self.commit(worker, issued) {
                    Ok(count) => {
                        self.progress.advance(count);
                        return count;
                    }
                    Err(failed) => failed,
                }
            }
            IdentityOutcome::Failed(failed) => {
                let (claim, error) = *failed;
                claims.retain(|other| other.shard != claim.shard);
                (claim, error)
            }
        };
        self.runner.fail(&claim, error);
        0
    }

    /// Records a shard that is on the disk; then it counts.
    fn commit<K: SigningKey>(
        &mut self,
        worker: &ShardWorker<'_, K>,
        issued: IssuedShard,
    ) -> Result<u64, (Claim, Error)> {
        let IssuedShard { claim, rows, written, .. } = issued;
        let count = rows.len() as u64;
        if let Err(error) = self.runner.ledger.commit_issued(&claim, worker.output.place().id(), &rows) {
            // After any other error the ledger may have committed without the answer reaching us.
            // Were the answer lost and not the commit, the files would be missing: only a refusal is certain.
            if matches!(error.code(), Code::LeaseLost | Code::DuplicateNames) {
                worker.output.discard(&written);
            }
            return Err((claim, error));
        }
        tracing::debug!(shard = claim.shard, fence = claim.fence, "issued and stored");
        match worker.output.publish(&written) {
            Ok(()) => Ok(count),
            Err(error) => Err((claim, error)),
        }
    }
}

/// Waits for the disk, once for all shards that have come meanwhile.
fn settler<K: SigningKey>(
    worker: &ShardWorker<'_, K>,
    written: &Receiver<Result<IssuedShard, (Claim, Error)>>,
    settled: &Sender<IdentityOutcome>,
) {
    while let Ok(first) = written.recv() {
        // `try_recv` does not wait: a single shard is settled at once if no others have come.
        let more = std::iter::from_fn(|| written.try_recv().ok()).take(BATCH - 1);
        let (mut batch, mut results) = (Vec::new(), Vec::new());
        for one in std::iter::once(first).chain(more) {
            match one {
                Ok(issued) => batch.push(issued),
                Err(failed) => results.push(IdentityOutcome::Failed(Box::new(failed))),
            }
        }
        let result = match batch.is_empty() {
            true => Ok(()),
            false => settle(worker, &batch),
        };
        match result {
            Ok(()) => results.extend(batch.into_iter().map(|issued| IdentityOutcome::Settled(Box::new(issued)))),
            Err(error) => {
                // It is unknown which of them reached the disk, so none of them counts.
                for issued in batch {
                    worker.output.discard(&issued.written);
                    if let (Some(in_pass), Some(bundles)) = (worker.in_pass, &issued.bundles) {
                        in_pass.output.discard(bundles);
                    }
                    let error = Error::new(error.finding().clone());
                    // Errors cannot be cloned, but each shard needs one to be given back.
                    results.push(IdentityOutcome::Failed(Box::new((issued.claim, error))));
                }
            }
        }
        if results.into_iter().any(|done| settled.send(done).is_err()) {
            break;
        }
    }
}

/// Bundles first: a shard is not to be there without them.
fn settle<K: SigningKey>(worker: &ShardWorker<'_, K>, batch: &[IssuedShard]) -> Result<()> {
    for bundles in batch.iter().filter_map(|issued| issued.bundles.as_ref()) {
        worker.in_pass.map_or(Ok(()), |in_pass| in_pass.output.settle(bundles))?;
    }
    worker.output.sync()
}
