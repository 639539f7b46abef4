//! How many may be under way at once, by what the platform answers.

use std::time::Duration;

use tokio::time::Instant;

use super::Asked;

/// With how many it begins.
const FIRST: f64 = 4.0;

/// Answers may take this many times their best time, and this much longer, before more at once would only mean that
/// they wait for each other.
const PATIENCE: f64 = 2.5;
const SLACK: Duration = Duration::from_millis(100);

/// The pause after the first push back, where the platform names none, and the longest one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

pub(super) struct Crowd {
    limit: f64,
    most: usize,
    /// Whether it still doubles: until the first sign that it is enough.
    is_finding_out: bool,
    /// What was sent before has been pushed back along with what halved it, and says nothing new.
    halved_at: Option<Instant>,
    /// How many times in a row it was pushed back, less what went well since.
    strikes: u32,
    least: Option<usize>,
    pushed_back: u64,
    reading: Times,
    writing: Times,
}

/// How long answers take, in seconds.
#[derive(Default)]
struct Times {
    best: Option<f64>,
    usual: f64,
}

impl Crowd {
    pub(super) fn new(most: usize) -> Self {
        Self {
            limit: FIRST.min(most as f64),
            most,
            is_finding_out: true,
            halved_at: None,
            strikes: 0,
            least: None,
            pushed_back: 0,
            reading: Times::default(),
            writing: Times::default(),
        }
    }

    /// How many may be under way.
    pub(super) fn limit(&self) -> usize {
        // Between one and the most that was asked for.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is small and positive")]
        let whole = self.limit as usize;
        whole.clamp(1, self.most)
    }

    pub(super) fn least(&self) -> Option<usize> {
        self.least
    }

    pub(super) fn pushed_back(&self) -> u64 {
        self.pushed_back
    }

    /// An answer has come. Where there was always room for more, it is no reason for making more.
    pub(super) fn well(&mut self, asked: Asked, took: Duration, was_full: bool) {
        self.strikes = self.strikes.saturating_sub(1);
        let times = match asked {
            Asked::Reading => &mut self.reading,
            Asked::Writing => &mut self.writing,
        };
        if times.are_long_after(took) {
            self.is_finding_out = false;
        } else if was_full {
            let more = if self.is_finding_out { 1.0 } else { 1.0 / self.limit };
            self.limit = (self.limit + more).min(self.most as f64);
        }
    }

    /// The platform has pushed back what was sent at `sent`. The pause before anything is sent again; none where it
    /// is about what was sent before the last one.
    pub(super) fn too_much(&mut self, sent: Instant, now: Instant) -> Option<Duration> {
        self.pushed_back += 1;
        if self.halved_at.is_some_and(|at| sent < at) {
            return None;
        }
        self.halved_at = Some(now);
        self.is_finding_out = false;
        self.limit = (self.limit / 2.0).max(1.0);
        self.least = Some(self.least.map_or(self.limit(), |least| least.min(self.limit())));
        let pause = FIRST_PAUSE.saturating_mul(1 << self.strikes.min(16)).min(LONGEST_PAUSE);
        self.strikes = (self.strikes + 1).min(16);
        Some(pause)
    }
}

impl Times {
    /// Takes a time into account, and says whether answers take much longer than they might.
    fn are_long_after(&mut self, took: Duration) -> bool {
        let took = took.as_secs_f64();
        let Some(best) = self.best else {
            (self.best, self.usual) = (Some(took), took);
            return false;
        };
        self.usual += (took - self.usual) / 8.0;
        // It creeps up, so that one answer that was lucky does not set the measure for ever.
        let best = if took < best { took } else { best + (took - best) / 1024.0 };
        self.best = Some(best);
        self.usual > best * PATIENCE + SLACK.as_secs_f64()
    }
}
