//! What every connection of a simulator has in common.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::faults::Faults;

/// A request over REST, as the simulator remembers it: neither body nor query, since those hold secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The answer's status; `None` where none was given.
    pub status: Option<u16>,
    /// How the request was authorised: `none`, `bearer`, `api-key`, `other`.
    pub auth: &'static str,
}

/// Faults, the log, and the brakes.
pub(crate) struct Manners {
    pub(crate) faults: Faults,
    requests: Mutex<Vec<Request>>,
    brakes: Mutex<Brakes>,
}

struct Brakes {
    latency: Duration,
    rate: Option<u32>,
    clock_offset: i64,
    recent: VecDeque<Instant>,
}

impl Manners {
    pub(crate) fn new(latency: Duration, rate: Option<u32>) -> Self {
        Self {
            faults: Faults::default(),
            requests: Mutex::default(),
            brakes: Mutex::new(Brakes { latency, rate, clock_offset: 0, recent: VecDeque::new() }),
        }
    }

    pub(crate) fn note(&self, request: Request) {
        lock(&self.requests).push(request);
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        lock(&self.requests).clone()
    }

    pub(crate) fn forget_requests(&self) {
        lock(&self.requests).clear();
    }

    pub(crate) fn latency(&self) -> Duration {
        lock(&self.brakes).latency
    }

    pub(crate) fn set_latency(&self, latency: Duration) {
        lock(&self.brakes).latency = latency;
    }

    /// How many seconds the `Date` header goes ahead.
    pub(crate) fn clock_offset(&self) -> i64 {
        lock(&self.brakes).clock_offset
    }

    pub(crate) fn set_clock_offset(&self, seconds: i64) {
        lock(&self.brakes).clock_offset = seconds;
    }

    pub(crate) fn set_rate(&self, rate: Option<u32>) {
        let mut brakes = lock(&self.brakes);
        brakes.rate = rate;
        brakes.recent.clear();
    }

    /// Whether a request is one too many within a second.
    pub(crate) fn is_too_fast(&self) -> bool {
        let mut brakes = lock(&self.brakes);
        let Some(rate) = brakes.rate else { return false };
        let now = Instant::now();
        while brakes.recent.front().is_some_and(|earlier| now.duration_since(*earlier) >= Duration::from_secs(1)) {
            brakes.recent.pop_front();
        }
        if brakes.recent.len() >= usize::try_from(rate).unwrap_or(usize::MAX) {
            return true;
        }
        brakes.recent.push_back(now);
        false
    }
}

/// Locks. A panic elsewhere is that test's to report; the data behind the lock is whole between two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
