//! A runtime for synchronous callers of asynchronous code.

use std::future::Future;
use std::time::Duration;

use base::{Code, Result};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// A timeout longer than any run.
const NEVER: Duration = Duration::from_secs(u32::MAX as u64);

/// A single-threaded runtime for requests. It must outlive the clients that were used with it, because it drives their open
/// connections.
pub struct Runtime(tokio::runtime::Runtime);

impl Runtime {
    /// A runtime on this thread.
    ///
    /// # Errors
    /// [`Code::Internal`] if the system cannot provide one.
    pub fn new() -> Result<Self> {
        // One thread is enough: requests wait for the network, and results arrive in one place without locks.
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map(Self)
            .map_err(|error| Code::Internal.error("the runtime for requests cannot start").caused_by(error))
    }

    /// Waits for a future.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.0.block_on(future)
    }

    /// Runs a future for each item, at most `limit` at once, and passes the results to `take` in the order of completion. The
    /// first error of `take` cancels the running futures.
    ///
    /// # Errors
    /// Those of `take`; [`Code::Internal`] if a future panics.
    pub fn for_each<I, F, T>(
        &self,
        limit: usize,
        items: impl IntoIterator<Item = I>,
        work: impl Fn(I) -> F,
        mut take: impl FnMut(T) -> Result<()>,
    ) -> Result<()>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.for_each_watched(limit, NEVER, items, work, |result| result.map_or(Ok(()), &mut take))
    }

    /// As [`for_each`](Self::for_each), but passes `None` whenever no result has arrived for `watch`, so that the caller can
    /// do periodic work.
    ///
    /// # Errors
    /// Those of [`for_each`](Self::for_each).
    pub fn for_each_watched<I, F, T>(
        &self,
        limit: usize,
        watch: Duration,
        items: impl IntoIterator<Item = I>,
        work: impl Fn(I) -> F,
        mut take: impl FnMut(Option<T>) -> Result<()>,
    ) -> Result<()>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.0.block_on(async {
            let mut items = items.into_iter();
            let mut running = JoinSet::new();
            loop {
                // Started only when there is room, so that a million items do not all wait in memory.
                while running.len() < limit.max(1)
                    && let Some(item) = items.next()
                {
                    running.spawn(work(item));
                }
                let joined = match timeout(watch, running.join_next()).await {
                    Ok(Some(joined)) => joined,
                    Ok(None) => return Ok(()),
                    Err(_) => {
                        take(None)?;
                        continue;
                    }
                };
                take(Some(joined.map_err(|error| Code::Internal.error("a request has panicked").caused_by(error))?))?;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn concurrency_is_limited() {
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut taken = Vec::new();
        let work = |item: u32| {
            let (running, most) = (running.clone(), most.clone());
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                // Lets the others begin: without it each would end before the next one starts.
                tokio::task::yield_now().await;
                running.fetch_sub(1, Ordering::SeqCst);
                item
            }
        };
        let take = |item| {
            taken.push(item);
            Ok(())
        };
        Runtime::new().unwrap().for_each(3, 0..20, work, take).unwrap();
        taken.sort_unstable();
        assert_eq!((taken, most.load(Ordering::SeqCst)), ((0..20).collect(), 3));
    }

    #[test]
    fn the_watcher_is_called_while_no_result_arrives() {
        let (mut woken, mut taken) = (0, 0);
        let (free, wait) = tokio::sync::watch::channel(false);
        let work = |()| {
            let mut wait = wait.clone();
            async move { wait.wait_for(|free| *free).await.is_ok() }
        };
        let take = |result: Option<bool>| {
            match result {
                Some(ok) => taken += u32::from(ok),
                None => woken += 1,
            }
            if woken == 3 {
                free.send_replace(true);
            }
            Ok(())
        };
        // The work ends only after the third wake, so that the test does not depend on the machine's speed.
        Runtime::new().unwrap().for_each_watched(1, Duration::from_millis(1), [()], work, take).unwrap();
        assert!(woken >= 3 && taken == 1, "{woken} {taken}");
    }

    #[test]
    fn the_first_error_ends_it() {
        let mut taken = 0;
        let take = |_: u32| {
            taken += 1;
            if taken == 2 { Err(Code::Internal.error("enough")) } else { Ok(()) }
        };
        // An endless list, which ends only by the error.
        assert!(Runtime::new().unwrap().for_each(1, 0.., async |item| item, take).is_err());
        assert_eq!(taken, 2);
    }
}
