//! The progress of a run, for the user who waits for it.

use std::time::{Duration, Instant};

/// The state of a run for its progress line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// The step: `issuing`, `registering`, `bundling`.
    pub what: &'static str,
    /// Devices that are done, those of earlier runs included.
    pub done: u64,
    /// All devices of the job.
    pub total: u64,
    /// Devices that were done in this run.
    pub now: u64,
    /// The time since the beginning.
    pub elapsed: Duration,
}

impl Status {
    /// Devices a second in this run; none before there is anything to tell.
    pub fn rate(&self) -> Option<f64> {
        let seconds = self.elapsed.as_secs_f64();
        // Counts of devices are far below what a double holds exactly.
        #[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
        (self.now > 0 && seconds > 0.0).then(|| self.now as f64 / seconds)
    }

    /// The expected time for the rest at this rate.
    pub fn left(&self) -> Option<Duration> {
        #[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
        let left = self.total.saturating_sub(self.done) as f64;
        // At a very small rate the seconds exceed a `Duration`: then no time is better than a panic.
        self.rate().and_then(|rate| Duration::try_from_secs_f64(left / rate).ok())
    }
}

/// Counts, and tells.
pub(crate) struct ProgressCounter<'a> {
    what: &'static str,
    done: u64,
    total: u64,
    now: u64,
    begun: Instant,
    tell: &'a mut dyn FnMut(&Status),
}

impl<'a> ProgressCounter<'a> {
    pub(crate) fn new(what: &'static str, done: u64, total: u64, tell: &'a mut dyn FnMut(&Status)) -> Self {
        Self { what, done, total, now: 0, begun: Instant::now(), tell }
    }

    pub(crate) fn advance(&mut self, count: u64) {
        self.done += count;
        self.now += count;
        self.tick();
    }

    pub(crate) fn tick(&mut self) {
        let Self { what, done, total, now, begun, .. } = *self;
        (self.tell)(&Status { what, done, total, now, elapsed: begun.elapsed() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_from_what_this_run_has_done() {
        let status = Status { what: "issuing", done: 600, total: 1000, now: 100, elapsed: Duration::from_secs(10) };
        assert_eq!(status.rate(), Some(10.0));
        assert_eq!(status.left(), Some(Duration::from_secs(40)));
        let fresh = Status { now: 0, ..status };
        assert_eq!((fresh.rate(), fresh.left()), (None, None));
    }
}
