//! The pace of requests to one platform: as many as it answers well, and never more than the limits.
//!
//! The number of devices in progress follows the platform's answers as a TCP connection follows packet loss (additive
//! increase, multiplicative decrease; RFC 5681, section 3.1): it grows while answers arrive in their usual time and halves
//! when the platform is overloaded. After an overload the client also waits: for the time that the platform names, or for
//! a pause that doubles with each overload.
//!
//! Written by hand because crates for rate limits (governor) or fixed concurrency (tower) do not react to a server's
//! answers.

mod concurrency_limit;

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use concurrency_limit::ConcurrencyLimit;

/// The period of [`Limits::rate`]. It holds for every such period, whenever that begins.
const SECOND: Duration = Duration::from_secs(1);

/// Timers fire a millisecond or so late. The rate may catch up within this time.
const CATCH_UP: Duration = Duration::from_millis(50);

/// The longest pause that a platform can demand.
const MAX_DEMANDED_PAUSE: Duration = Duration::from_secs(120);

/// The limits of a pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The number of devices in progress at once. Each has at most one request in progress.
    pub connections: usize,
    /// The number of devices that begin in any second; `None` for no limit.
    pub rate: Option<NonZeroU32>,
}

/// The pace of requests to one platform. Clones share it.
#[derive(Clone)]
pub struct Pace {
    shared: Arc<Shared>,
}

/// Statistics of a pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaceReport {
    /// The highest number of devices in progress at once.
    pub most: usize,
    /// The lowest concurrency limit after an overload; `None` without an overload.
    pub least: Option<usize>,
    /// The number of overload answers.
    pub pushed_back: u64,
}

/// The permission to work on one device. Dropping it lets another device begin.
pub struct Permit {
    pace: Pace,
}

/// The result of a request, as far as it concerns the pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feedback {
    /// The platform answered.
    Success,
    /// The platform is overloaded or silent. It may demand a pause.
    Overload(Option<Duration>),
    /// The request failed for another reason.
    Neutral,
}

/// The kind of a request. Reads and writes have different usual times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestKind {
    Read,
    Write,
}

struct Shared {
    limits: Limits,
    state: Mutex<State>,
    /// Held by the first waiter, so that devices begin in the order in which they asked.
    queue: tokio::sync::Mutex<()>,
    /// Notified when a device may be able to begin.
    changed: Notify,
}

struct State {
    concurrency: ConcurrencyLimit,
    in_progress: usize,
    most: usize,
    /// The last time at which the concurrency limit was reached.
    full_at: Option<Instant>,
    /// No request is sent before this time.
    closed_until: Option<Instant>,
    rate: Option<Rate>,
}

impl Pace {
    /// A pace with these limits.
    pub fn new(limits: Limits) -> Self {
        let state = State {
            concurrency: ConcurrencyLimit::new(limits.connections.max(1)),
            in_progress: 0,
            most: 0,
            full_at: None,
            closed_until: None,
            rate: limits.rate.map(Rate::new),
        };
        let state = Mutex::new(state);
        Self {
            shared: Arc::new(Shared { limits, state, queue: tokio::sync::Mutex::default(), changed: Notify::new() }),
        }
    }

    /// The limits that it was made with.
    pub fn limits(&self) -> Limits {
        self.shared.limits
    }

    /// The statistics so far.
    pub fn report(&self) -> PaceReport {
        let state = self.state();
        PaceReport { most: state.most, least: state.concurrency.least(), pushed_back: state.concurrency.pushed_back() }
    }

    /// Waits until another device may begin.
    pub async fn permit(&self) -> Permit {
        // Callers queue in the order of their arrival. Only the first one looks at the state, so no late caller
        // overtakes it.
        let _first = self.shared.queue.lock().await;
        loop {
            let wait = match self.state().admit(Instant::now()) {
                Ok(()) => return Permit { pace: self.clone() },
                Err(wait) => wait,
            };
            match wait {
                Wait::Until(moment) => sleep_until(moment).await,
                // `notify_one` in `feedback` and in `drop` wakes the first of the queue, which is the only one that
                // waits here.
                Wait::ForRoom => self.shared.changed.notified().await,
            }
        }
    }

    /// Waits until the platform accepts requests again.
    pub(crate) async fn open(&self) {
        loop {
            let until = self.state().closed_until.filter(|until| *until > Instant::now());
            match until {
                Some(until) => sleep_until(until).await,
                None => return,
            }
        }
    }

    /// Records the result of a request that was sent at `sent`.
    pub(crate) fn feedback(&self, kind: RequestKind, sent: Instant, feedback: Feedback) {
        let now = Instant::now();
        let mut state = self.state();
        match feedback {
            Feedback::Neutral => {}
            Feedback::Success => {
                // Noted before the limit grows, or the growth would look as if there had been room.
                state.note_whether_full(now);
                // The limit grows only if it was the limit that kept requests waiting: an idle client must not raise it
                // without end.
                let was_full = state.full_at.is_some_and(|at| at >= sent);
                state.concurrency.succeeded(kind, now.saturating_duration_since(sent), was_full);
            }
            Feedback::Overload(wait) => {
                let own = state.concurrency.overloaded(sent, now);
                // The platform's own demand has priority, up to a bound: a mistaken header must not stop a run for
                // hours.
                if let Some(pause) = wait.map(|wait| wait.min(MAX_DEMANDED_PAUSE)).or(own) {
                    let until = now + pause;
                    // The longest pause counts, because several requests may be rejected at once.
                    state.closed_until = Some(state.closed_until.map_or(until, |known| known.max(until)));
                    tracing::info!(?pause, at_once = state.concurrency.limit(), "the platform is overloaded");
                }
            }
        }
        drop(state);
        self.shared.changed.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every update leaves the state consistent, so that a poisoned lock can be used.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        // Also for a request that was canceled: dropping the permit frees its place.
        let mut state = self.pace.state();
        state.note_whether_full(Instant::now());
        state.in_progress = state.in_progress.saturating_sub(1);
        drop(state);
        self.pace.shared.changed.notify_one();
    }
}

/// The event that a device must wait for before it can begin.
enum Wait {
    Until(Instant),
    ForRoom,
}

impl State {
    fn admit(&mut self, now: Instant) -> Result<(), Wait> {
        // The pause first: it holds even if there is room.
        if let Some(until) = self.closed_until.filter(|until| *until > now) {
            return Err(Wait::Until(until));
        }
        if self.in_progress >= self.concurrency.limit() {
            return Err(Wait::ForRoom);
        }
        if let Some(rate) = &mut self.rate {
            rate.begin(now).map_err(Wait::Until)?;
        }
        self.in_progress += 1;
        self.most = self.most.max(self.in_progress);
        self.note_whether_full(now);
        Ok(())
    }

    fn note_whether_full(&mut self, now: Instant) {
        if self.in_progress >= self.concurrency.limit() {
            self.full_at = Some(now);
        }
    }
}

/// A limiter that spreads beginnings evenly and keeps any second within the rate.
struct Rate {
    a_second: NonZeroU32,
    /// The time of the next beginning.
    due: Option<Instant>,
    /// The last beginnings, at most as many as the rate.
    recent: VecDeque<Instant>,
}

impl Rate {
    fn new(a_second: NonZeroU32) -> Self {
        Self { a_second, due: None, recent: VecDeque::new() }
    }

    /// Counts a beginning, or returns the earliest time for one.
    // Two conditions: never more than the rate within any second, and evenly spread within it.
    fn begin(&mut self, now: Instant) -> Result<(), Instant> {
        let a_second = self.a_second.get() as usize;
        let in_a_second = self.recent.front().filter(|_| self.recent.len() >= a_second).map(|first| *first + SECOND);
        let earliest = in_a_second.max(self.due);
        if let Some(earliest) = earliest.filter(|earliest| *earliest > now) {
            return Err(earliest);
        }
        if self.recent.len() >= a_second {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        // After a wait, a few requests may follow closely, but not all that were missed.
        let due = self.due.map_or(now, |due| due.max(now.checked_sub(CATCH_UP).unwrap_or(now)));
        self.due = Some(due + SECOND / self.a_second.get());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
