//! Being asked to stop, by a signal or by something that has gone wrong.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often progress is shown, and signals are checked.
pub(crate) const TICK: Duration = Duration::from_millis(200);
/// How long a shard that was begun may take once a stop was asked for: ordinary ones take milliseconds.
const GRACE: Duration = Duration::from_secs(2);

/// Whether to stop.
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

    /// Whether a person asked.
    pub fn is_signalled(&self) -> bool {
        self.signal.load(Ordering::Relaxed)
    }

    /// Whether nothing new is to be begun.
    pub fn is_asked(&self) -> bool {
        let asked = self.is_signalled() || self.failed.load(Ordering::Relaxed);
        if asked {
            self.since.get_or_init(Instant::now);
        }
        asked
    }

    /// Whether even what was begun is to be given up.
    pub fn is_overdue(&self) -> bool {
        self.is_asked() && self.since.get().is_some_and(|since| since.elapsed() > GRACE)
    }
}
