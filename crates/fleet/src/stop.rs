//! Being asked to stop, by a signal or by something that has gone wrong.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base::{Code, Result};

/// The interval for showing progress and checking for signals.
pub(crate) const TICK: Duration = Duration::from_millis(200);
/// The longest time for a shard that was begun before a stop was requested: ordinary ones take milliseconds.
const GRACE: Duration = Duration::from_secs(2);

/// Ends the preparation of a job, of which nothing is kept before it is complete.
///
/// # Errors
/// [`Code::StoppedEarly`] if `signal` is true.
pub(crate) fn check_goes_on(signal: &AtomicBool) -> Result<()> {
    match signal.load(Ordering::Relaxed) {
        true => Err(Code::StoppedEarly
            .error("a stop was asked for before all names were read; nothing was staged, and no name is reserved")
            .fix("run the same command again")),
        false => Ok(()),
    }
}

/// The conditions for stopping a run.
#[derive(Debug)]
pub struct Stop<'a> {
    signal: &'a AtomicBool,
    failed: AtomicBool,
    since: OnceLock<Instant>,
}

impl<'a> Stop<'a> {
    /// Stops when `signal` becomes true.
    pub fn on(signal: &'a AtomicBool) -> Self {
        Self { signal, failed: AtomicBool::new(false), since: OnceLock::new() }
    }

    /// Asks for a stop, since something has gone wrong that would go wrong again.
    pub(crate) fn now(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    /// True if a person asked.
    pub fn is_signaled(&self) -> bool {
        self.signal.load(Ordering::Relaxed)
    }

    /// True if nothing new is to be begun.
    pub fn is_asked(&self) -> bool {
        let asked = self.is_signaled() || self.failed.load(Ordering::Relaxed);
        if asked {
            // The grace counts from here: a signal handler can only set a flag, and takes no time.
            self.since.get_or_init(Instant::now);
        }
        asked
    }

    /// True if even what was begun is to be given up.
    pub fn is_overdue(&self) -> bool {
        self.is_asked() && self.since.get().is_some_and(|since| since.elapsed() > GRACE)
    }
}
