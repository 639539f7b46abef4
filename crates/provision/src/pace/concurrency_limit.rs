//! The concurrency limit that adapts to a platform's answers.

use std::time::Duration;

use tokio::time::Instant;

use super::RequestKind;

/// The initial limit.
const INITIAL: f64 = 4.0;

/// Answers that take longer than `SLOWDOWN` times their best time plus `SLACK` stop the growth: at that point more
/// requests at once would only wait for each other in the platform.
const SLOWDOWN: f64 = 2.5;
const SLACK: Duration = Duration::from_millis(100);

/// The pause after the first overload for which the platform demands none.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(5);

pub(super) struct ConcurrencyLimit {
    limit: f64,
    most: usize,
    /// True if the limit still doubles per round trip (slow start), until the first overload or slowdown.
    slow_start: bool,
    /// The time of the last halving. Overloads of earlier requests have the same cause and do not halve again.
    halved_at: Option<Instant>,
    /// The number of overloads in a row, minus the answers since.
    strikes: u32,
    least: Option<usize>,
    pushed_back: u64,
    reads: AnswerTimes,
    writes: AnswerTimes,
}

/// The best and the usual answer time, in seconds.
#[derive(Default)]
struct AnswerTimes {
    best: Option<f64>,
    usual: f64,
}

impl ConcurrencyLimit {
    pub(super) fn new(most: usize) -> Self {
        Self {
            limit: INITIAL.min(most as f64),
            most,
            slow_start: true,
            halved_at: None,
            strikes: 0,
            least: None,
            pushed_back: 0,
            reads: AnswerTimes::default(),
            writes: AnswerTimes::default(),
        }
    }

    /// The number of devices that may be in progress.
    pub(super) fn limit(&self) -> usize {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the limit is between 1 and `most`")]
        let whole = self.limit as usize;
        whole.clamp(1, self.most)
    }

    pub(super) fn least(&self) -> Option<usize> {
        self.least
    }

    pub(super) fn pushed_back(&self) -> u64 {
        self.pushed_back
    }

    /// Records an answer. The limit grows only if it was reached: otherwise the answer does not prove that the platform can
    /// handle more.
    pub(super) fn succeeded(&mut self, kind: RequestKind, took: Duration, was_full: bool) {
        // Each success forgives one failure, so that the pauses shrink again after an outage.
        self.strikes = self.strikes.saturating_sub(1);
        let times = match kind {
            RequestKind::Read => &mut self.reads,
            RequestKind::Write => &mut self.writes,
        };
        // Rising answer times show an overload before the platform rejects anything, as in TCP Vegas.
        if times.are_slow_after(took) {
            self.slow_start = false;
        } else if was_full {
            // Slow start adds one for each answer, which doubles the limit in a round trip. Afterwards one for each
            // round trip.
            let more = if self.slow_start { 1.0 } else { 1.0 / self.limit };
            self.limit = (self.limit + more).min(self.most as f64);
        }
    }

    /// Records an overload for a request that was sent at `sent`. Returns the pause before the next request, or `None` if
    /// the limit was already halved for it.
    pub(super) fn overloaded(&mut self, sent: Instant, now: Instant) -> Option<Duration> {
        self.pushed_back += 1;
        // Requests that were sent before the last halving met the old limit. They are one overload, not several.
        if self.halved_at.is_some_and(|at| sent < at) {
            return None;
        }
        self.halved_at = Some(now);
        self.slow_start = false;
        // Multiplicative decrease: the rule of TCP (RFC 5681), under which several stations share a platform fairly.
        self.limit = (self.limit / 2.0).max(1.0);
        self.least = Some(self.least.map_or(self.limit(), |least| least.min(self.limit())));
        // The shift is bounded, because `strikes` could otherwise overflow the factor.
        let pause = FIRST_PAUSE.saturating_mul(1 << self.strikes.min(16)).min(MAX_PAUSE);
        self.strikes = (self.strikes + 1).min(16);
        Some(pause)
    }
}

impl AnswerTimes {
    /// Records an answer time, and returns whether answers take much longer than the best one.
    fn are_slow_after(&mut self, took: Duration) -> bool {
        let took = took.as_secs_f64();
        let Some(best) = self.best else {
            // The first answer is the only measure there is.
            (self.best, self.usual) = (Some(took), took);
            return false;
        };
        // A moving average over about eight answers: a single slow one changes nothing.
        self.usual += (took - self.usual) / 8.0;
        // The best time creeps up, so that a single fast answer does not limit the growth forever.
        let best = if took < best { took } else { best + (took - best) / 1024.0 };
        self.best = Some(best);
        self.usual > best * SLOWDOWN + SLACK.as_secs_f64()
    }
}
