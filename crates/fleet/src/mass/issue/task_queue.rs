//! The shards that are claimed and wait for a thread.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use base::{Code, Result};

use super::worker::Task;

/// The sending end of the queue between the thread with the ledger and the threads that issue.
///
/// The queue has room for every shard that can be in flight. The thread with the ledger also extends the leases of all
/// shards in flight, commits those that are done, and notices a stop: if it waited until a thread takes a shard, leases
/// would end while a shard of RSA keys is made, and other stations would make the same shards.
pub(super) struct TaskQueue {
    give: SyncSender<Task>,
    window: usize,
}

impl TaskQueue {
    /// A queue for so many threads, and the end from which they take.
    pub(super) fn new(threads: usize) -> (Self, Receiver<Task>) {
        // Two shards for each thread and two for the settler: enough that no thread waits for a claim, and a bound on
        // memory.
        let window = threads.saturating_mul(2).saturating_add(2);
        let (give, take) = sync_channel(window);
        (Self { give, window }, take)
    }

    /// The number of shards that can be in flight: claimed, and not committed or given back.
    pub(super) fn window(&self) -> usize {
        self.window
    }

    /// Gives a shard to the threads, and never waits for them.
    ///
    /// # Errors
    /// [`Code::Internal`] if the threads have ended, or more than [`window`](Self::window) shards wait.
    pub(super) fn give(&self, task: Task) -> Result<()> {
        self.give
            .try_send(task)
            .map_err(|error| Code::Internal.error("the threads that issue take no shard").because(error))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use ledger::{Claim, JobId, Phase};

    use super::*;

    fn task() -> Task {
        let (job, phase) = (JobId::new(1), Phase::Issue);
        let claim = Claim { job, phase, shard: 0, fence: 1, seed: [0; 32], first: 0, count: 0, place: None };
        Task { claim, names: Vec::new(), issuers: HashMap::new() }
    }

    #[test]
    fn all_shards_in_flight_are_given_while_every_thread_is_busy() {
        for threads in [1, 2, 16] {
            // No thread takes a shard, as while each of them makes RSA keys.
            let (queue, take) = TaskQueue::new(threads);
            (0..queue.window()).for_each(|_| queue.give(task()).unwrap());
            assert_eq!(queue.give(task()).unwrap_err().code(), Code::Internal);
            assert_eq!(take.try_iter().count(), 2 * threads + 2);
        }
    }
}
