//! How fast a platform is asked: as fast as it answers well, and never faster than was allowed.
//!
//! How many devices are under way at once follows what the platform answers, as a connection of TCP follows what gets
//! lost (additive increase, multiplicative decrease; RFC 5681, section 3.1): it grows while answers come in their usual
//! time, and halves when the platform pushes back. Whoever is pushed back also waits: as long as the platform asks for,
//! else a moment that doubles while it goes on.

mod crowd;

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crowd::Crowd;

/// How many devices at most begin in a second counts within every second, whenever that begins.
const SECOND: Duration = Duration::from_secs(1);

/// Timers are late by a millisecond or so; what was lost by that may be made up for within this time.
const MADE_UP: Duration = Duration::from_millis(50);

/// The longest pause that a platform is granted.
const LONGEST_ASKED: Duration = Duration::from_secs(120);

/// What must not be exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Devices under way at once, each of which has one request under way at most.
    pub connections: usize,
    /// Devices that begin in any second; none for as many as the platform takes.
    pub rate: Option<NonZeroU32>,
}

/// The pace at which one platform is asked. Its copies are the same pace.
#[derive(Clone)]
pub struct Pace {
    shared: Arc<Shared>,
}

/// What has become of the pace so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaceReport {
    /// The most devices that were under way at once.
    pub most: usize,
    /// The fewest to which the platform has pushed that down; none where it never has.
    pub least: Option<usize>,
    /// How many times the platform has pushed back.
    pub pushed_back: u64,
}

/// A device's turn. Whoever holds it is under way; dropping it makes room for another.
pub struct Turn {
    pace: Pace,
}

/// What an answer says about the pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It came.
    Well,
    /// The platform has too much to do, or does not say anything: it may say for how long.
    TooMuch(Option<Duration>),
    /// Nothing.
    Nothing,
}

/// What kind of request an answer is for: reading and writing take their own times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Reading,
    Writing,
}

struct Shared {
    limits: Limits,
    state: Mutex<State>,
    /// Only the first in the row looks whether it may go: devices begin in their order.
    row: tokio::sync::Mutex<()>,
    /// Told when there may be room.
    changed: Notify,
}

struct State {
    crowd: Crowd,
    under_way: usize,
    most: usize,
    /// When as many as may be were under way last.
    full_at: Option<Instant>,
    /// Nothing is sent before.
    closed_until: Option<Instant>,
    rate: Option<Rate>,
}

impl Pace {
    /// A pace that has not begun.
    pub fn new(limits: Limits) -> Self {
        let state = State {
            crowd: Crowd::new(limits.connections.max(1)),
            under_way: 0,
            most: 0,
            full_at: None,
            closed_until: None,
            rate: limits.rate.map(Rate::new),
        };
        let state = Mutex::new(state);
        Self { shared: Arc::new(Shared { limits, state, row: tokio::sync::Mutex::default(), changed: Notify::new() }) }
    }

    /// What it never exceeds.
    pub fn limits(&self) -> Limits {
        self.shared.limits
    }

    /// What has become of it so far.
    pub fn report(&self) -> PaceReport {
        let state = self.state();
        PaceReport { most: state.most, least: state.crowd.least(), pushed_back: state.crowd.pushed_back() }
    }

    /// Waits until another device may begin.
    pub async fn turn(&self) -> Turn {
        let _first = self.shared.row.lock().await;
        loop {
            let wait = match self.state().admit(Instant::now()) {
                Ok(()) => return Turn { pace: self.clone() },
                Err(wait) => wait,
            };
            match wait {
                Wait::Until(moment) => sleep_until(moment).await,
                Wait::ForRoom => self.shared.changed.notified().await,
            }
        }
    }

    /// Waits while the platform wants to be left alone.
    pub(crate) async fn open(&self) {
        loop {
            let until = self.state().closed_until.filter(|until| *until > Instant::now());
            match until {
                Some(until) => sleep_until(until).await,
                None => return,
            }
        }
    }

    /// Takes notice of what became of a request that was sent at `sent`.
    pub(crate) fn heard(&self, asked: Asked, sent: Instant, heard: Heard) {
        let now = Instant::now();
        let mut state = self.state();
        match heard {
            Heard::Nothing => {}
            Heard::Well => {
                state.note_whether_full(now);
                let was_full = state.full_at.is_some_and(|at| at >= sent);
                state.crowd.well(asked, now.saturating_duration_since(sent), was_full);
            }
            Heard::TooMuch(wait) => {
                let own = state.crowd.too_much(sent, now);
                if let Some(pause) = wait.map(|wait| wait.min(LONGEST_ASKED)).or(own) {
                    let until = now + pause;
                    state.closed_until = Some(state.closed_until.map_or(until, |known| known.max(until)));
                    tracing::info!(?pause, at_once = state.crowd.limit(), "the platform pushes back");
                }
            }
        }
        drop(state);
        self.shared.changed.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; if something did, every step leaves it whole.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.pace.state();
        state.note_whether_full(Instant::now());
        state.under_way = state.under_way.saturating_sub(1);
        drop(state);
        self.pace.shared.changed.notify_one();
    }
}

/// For what a device that may not begin yet has to wait.
enum Wait {
    Until(Instant),
    ForRoom,
}

impl State {
    fn admit(&mut self, now: Instant) -> Result<(), Wait> {
        if let Some(until) = self.closed_until.filter(|until| *until > now) {
            return Err(Wait::Until(until));
        }
        if self.under_way >= self.crowd.limit() {
            return Err(Wait::ForRoom);
        }
        if let Some(rate) = &mut self.rate {
            rate.begin(now).map_err(Wait::Until)?;
        }
        self.under_way += 1;
        self.most = self.most.max(self.under_way);
        self.note_whether_full(now);
        Ok(())
    }

    fn note_whether_full(&mut self, now: Instant) {
        if self.under_way >= self.crowd.limit() {
            self.full_at = Some(now);
        }
    }
}

/// Beginnings, evenly spread, and never more of them in a second than are allowed.
struct Rate {
    a_second: NonZeroU32,
    /// When the next one is due.
    due: Option<Instant>,
    /// As many of the last beginnings as there may be in a second.
    recent: VecDeque<Instant>,
}

impl Rate {
    fn new(a_second: NonZeroU32) -> Self {
        Self { a_second, due: None, recent: VecDeque::new() }
    }

    /// Counts a beginning, or says when there may be one.
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
        let due = self.due.map_or(now, |due| due.max(now.checked_sub(MADE_UP).unwrap_or(now)));
        self.due = Some(due + SECOND / self.a_second.get());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
