//! State that all connections of a simulator share: injected faults, the log of requests, limits.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

pub(crate) mod faults;

use faults::Faults;

/// A request over REST, as the simulator remembers it: neither body nor query, since those hold secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestRecord {
    /// The HTTP method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The status of the answer; `None` if there was none.
    pub status: Option<u16>,
    /// The kind of authorization: `none`, `bearer`, `api-key`, `other`.
    pub auth: &'static str,
}

/// Faults, the log, and the throttle.
pub(crate) struct Controls {
    pub(crate) faults: Faults,
    requests: Mutex<Vec<RequestRecord>>,
    throttle: Mutex<Throttle>,
}

struct Throttle {
    latency: Duration,
    rate: Option<u32>,
    clock_offset: i64,
    recent: VecDeque<Instant>,
}

impl Controls {
    pub(crate) fn new(latency: Duration, rate: Option<u32>) -> Self {
        Self {
            faults: Faults::default(),
            requests: Mutex::default(),
            throttle: Mutex::new(Throttle { latency, rate, clock_offset: 0, recent: VecDeque::new() }),
        }
    }

    pub(crate) fn note(&self, request: RequestRecord) {
        lock(&self.requests).push(request);
    }

    pub(crate) fn requests(&self) -> Vec<RequestRecord> {
        lock(&self.requests).clone()
    }

    pub(crate) fn forget_requests(&self) {
        lock(&self.requests).clear();
    }

    pub(crate) fn latency(&self) -> Duration {
        lock(&self.throttle).latency
    }

    pub(crate) fn set_latency(&self, latency: Duration) {
        lock(&self.throttle).latency = latency;
    }

    /// The difference between the platform's clock and that of this machine, in seconds.
    pub(crate) fn clock_offset(&self) -> i64 {
        lock(&self.throttle).clock_offset
    }

    pub(crate) fn set_clock_offset(&self, seconds: i64) {
        lock(&self.throttle).clock_offset = seconds;
    }

    pub(crate) fn set_rate(&self, rate: Option<u32>) {
        let mut throttle = lock(&self.throttle);
        throttle.rate = rate;
        // The requests of the time before would count against the new rate.
        throttle.recent.clear();
    }

    /// Counts a request. True if there were more within a second than the limit allows.
    pub(crate) fn is_too_fast(&self) -> bool {
        let mut throttle = lock(&self.throttle);
        let Some(rate) = throttle.rate else { return false };
        let now = Instant::now();
        // A sliding second: counted from a fixed one, twice the rate would pass around its beginning.
        while throttle.recent.front().is_some_and(|earlier| now.duration_since(*earlier) >= Duration::from_secs(1)) {
            throttle.recent.pop_front();
        }
        if throttle.recent.len() >= usize::try_from(rate).unwrap_or(usize::MAX) {
            return true;
        }
        throttle.recent.push_back(now);
        false
    }
}

/// Locks. A panic elsewhere is that test's to report; the data behind the lock is whole between two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A test that failed while it held the lock must not make all the others fail.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
